#include "store/tree.h"

#include "base/file.h"

#include <limits.h>
#include <string.h>

static int copy_entry(int from, int like, int into, const char *name, int64_t mtime, struct err *e);

static int copy_folder(int from, int like, int into, const char *name, int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	_cleanup_close_ int fd = -1;
	int again = fcntl(from, F_DUPFD_CLOEXEC, 0);
	_cleanup_closedir_ DIR *folder = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	int more;

	if (!folder)
		return err_errno(e, "read %s", name);
	rewinddir(folder); /* the descriptor may have been read before */
	if (mkdirat(into, name, 0755))
		return err_errno(e, "make the folder %s", name);
	fd = folder_open(into, name, e);
	if (fd < 0)
		return -1;
	while ((more = folder_next(folder, name, &entry, e)) > 0)
		if (copy_entry(from, like, fd, entry->d_name, mtime, e))
			return err_wrap(e, "%s", name);
	if (more < 0)
		return -1;
	return futimens(fd, times) ? err_errno(e, "set the time of %s", name) : 0;
}

static bool is_link_to(int folder, const char *name, const char *target)
{
	char found[PATH_MAX];
	ssize_t length = readlinkat(folder, name, found, sizeof(found) - 1);

	if (length < 0)
		return false;
	found[length] = 0;
	return !strcmp(found, target);
}

/* As another name of the one in `like`: some file systems take long to find a place for a new one.
 */
static bool link_like(int like, int into, const char *name, const char *target)
{
	if (like < 0 || linkat(like, name, into, name, 0))
		return false;
	if (is_link_to(into, name, target))
		return true;
	unlinkat(into, name, 0);
	return false;
}

int tree_copy_link(int from_fd, const char *from_name, int like_fd, int into_fd, const char *name,
    int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	char target[PATH_MAX];
	ssize_t length = readlinkat(from_fd, from_name, target, sizeof(target) - 1);

	if (length < 0)
		return err_errno(e, "read the link %s", name);
	target[length] = 0;
	if ((!link_like(like_fd, into_fd, name, target) && symlinkat(target, into_fd, name)) ||
	    utimensat(into_fd, name, times, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "copy the link %s", name);
	return 0;
}

int tree_copy_file(int from_fd, int into_fd, const char *name, int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (fstat(from_fd, &status))
		return err_errno(e, "look at %s", name);
	fd = openat(into_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    status.st_mode & 0777);
	if (fd < 0)
		return err_errno(e, "create %s", name);
	if (file_copy(from_fd, fd, name, e))
		return -1;
	/* The caller's umask had its say. */
	if (fchmod(fd, status.st_mode & 0777) || futimens(fd, times))
		return err_errno(e, "set mode and time of %s", name);
	return 0;
}

static int copy_entry(int from, int like, int into, const char *name, int64_t mtime, struct err *e)
{
	_cleanup_close_ int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat status;

	if (fd < 0 && errno == ELOOP)
		return tree_copy_link(from, name, like, into, name, mtime, e);
	if (fd < 0 || fstat(fd, &status))
		return err_errno(e, "open %s", name);
	return S_ISDIR(status.st_mode) ? tree_copy(fd, like, into, name, mtime, e)
				       : tree_copy_file(fd, into, name, mtime, e);
}

int tree_copy(int from_fd, int like_fd, int into_fd, const char *name, int64_t mtime, struct err *e)
{
	_cleanup_close_ int like =
	    like_fd < 0 ? -1 : openat(like_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return copy_folder(from_fd, like, into_fd, name, mtime, e);
}
