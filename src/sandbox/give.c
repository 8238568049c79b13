#include "sandbox/give.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_LIMIT 512 /* each level holds a descriptor, and a step may have made a million */

int give(int fd, const char *name, uid_t uid, struct err *e)
{
	if (fchownat(fd, "", uid, (gid_t)uid, AT_EMPTY_PATH))
		return err_errno(e, "give %s to uid %u", name, (unsigned)uid);
	return 0;
}

static int give_content(int parent, const char *name, unsigned depth, uid_t uid, struct err *e);

/* The other name of a file may be one that its owner was not to write to. */
static int give_entry(int folder, const char *name, unsigned depth, uid_t uid, struct err *e)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", name);
	if (S_ISDIR(status.st_mode)) {
		if (depth < DEPTH_LIMIT && give_content(folder, name, depth + 1, uid, e))
			return -1;
	} else if (status.st_nlink > 1)
		return 0;
	if (fchownat(folder, name, uid, (gid_t)uid, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "give %s to uid %u", name, (unsigned)uid);
	return 0;
}

static int give_content(int parent, const char *name, unsigned depth, uid_t uid, struct err *e)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder)
		return err_errno(e, "open %s", name);
	while ((entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    give_entry(fd, entry->d_name, depth, uid, e))
			return -1;
	return 0;
}

int give_all(int fd, const char *name, uid_t uid, struct err *e)
{
	struct stat status;

	if (fstat(fd, &status))
		return err_errno(e, "look at %s", name);
	if (S_ISDIR(status.st_mode) && give_content(fd, ".", 1, uid, e))
		return err_wrap(e, "give what is in %s to uid %u", name, (unsigned)uid);
	return give(fd, name, uid, e);
}
