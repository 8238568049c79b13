#include "sandbox/give.h"

#include "base/cleanup.h"
#include "base/file.h"

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

static int give_folder(int found, const char *name, unsigned depth, uid_t uid, struct err *e);

/* What was looked at is what is given: both by one descriptor. The other name of a file may be one
 * that its owner was not to write to. */
static int give_entry(int folder, const char *name, unsigned depth, uid_t uid, struct err *e)
{
	_cleanup_close_ int fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return err_errno(e, "look at %s", name);
	if (S_ISDIR(status.st_mode))
		return give_folder(steal_fd(&fd), name, depth + 1, uid, e);
	return status.st_nlink > 1 ? 0 : give(fd, name, uid, e);
}

static int give_content(DIR *folder, const char *name, unsigned depth, uid_t uid, struct err *e)
{
	struct dirent *entry;
	int more;

	while ((more = folder_next(folder, name, &entry, e)) > 0)
		if (give_entry(dirfd(folder), entry->d_name, depth, uid, e))
			return -1;
	return more;
}

/* Takes the descriptor, so that no level of folders holds two. */
static int give_folder(int found, const char *name, unsigned depth, uid_t uid, struct err *e)
{
	int fd = openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);

	close(found);
	if (!folder)
		return err_errno(e, "open %s", name);
	if (depth < DEPTH_LIMIT && give_content(folder, name, depth, uid, e))
		return -1;
	return give(fd, name, uid, e);
}

int give_all(int fd, const char *name, uid_t uid, struct err *e)
{
	struct stat status;
	int again;

	if (fstat(fd, &status))
		return err_errno(e, "look at %s", name);
	if (!S_ISDIR(status.st_mode))
		return give(fd, name, uid, e);
	again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (again < 0 || give_folder(again, name, 0, uid, e))
		return again < 0 ? err_errno(e, "open %s", name)
				 : err_wrap(e, "give what is in %s to uid %u", name, (unsigned)uid);
	return 0;
}
