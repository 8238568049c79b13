#include "sandbox/give.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define DEPTH_LIMIT 16 /* each level holds a descriptor, and a step may have made a million */

int give(int fd, const char *name, uid_t uid, struct err *e)
{
	if (fchownat(fd, "", uid, (gid_t)uid, AT_EMPTY_PATH))
		return err_errno(e, "give %s to uid %u", name, (unsigned)uid);
	return 0;
}

static int give_entries(int folder, unsigned depth, uid_t uid, struct err *e);

/* The other name of a file may be one that its owner was not to write to. */
static int give_entry(int folder, const char *name, unsigned depth, uid_t uid, struct err *e)
{
	_cleanup_close_ int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return err_errno(e, "open %s", name);
	if (!S_ISDIR(status.st_mode))
		return status.st_nlink > 1 ? 0 : give(fd, name, uid, e);
	if (depth < DEPTH_LIMIT && give_entries(fd, depth + 1, uid, e))
		return -1;
	return give(fd, name, uid, e);
}

static int give_entries(int folder, unsigned depth, uid_t uid, struct err *e)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!entries)
		return err_errno(e, "read a folder");
	while ((entry = readdir(entries)))
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
	if (S_ISDIR(status.st_mode) && give_entries(fd, 1, uid, e))
		return err_wrap(e, "give %s to uid %u", name, (unsigned)uid);
	return give(fd, name, uid, e);
}
