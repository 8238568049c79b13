#include "base/copy.h"

#include "base/file.h"

#include <limits.h>
#include <string.h>

/* Each level keeps two descriptors open. */
#define DEPTH_LIMIT 256

#define MODE_BITS 0777

/* Open a file or folder, also one that forbids it to its owner; in a folder, looking at what is
 * in it must be allowed too. Its mode is to be put back. */
static int open_up(int dirfd, const char *name, int flags, const struct stat *status)
{
	mode_t needed = S_ISDIR(status->st_mode) ? 0500 : 0400;

	if ((status->st_mode & needed) != needed)
		mode_try(dirfd, name, (status->st_mode & MODE_BITS) | needed);
	return openat(dirfd, name, flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

static void close_up(int fd, const struct stat *status)
{
	struct stat now;

	if (!fstat(fd, &now) && now.st_mode != status->st_mode)
		fchmod(fd, status->st_mode & MODE_BITS);
}

static int set_mode_and_times(int fd, const struct stat *status, const char *name, struct err *e)
{
	const struct timespec times[2] = {status->st_atim, status->st_mtim};

	if (fchmod(fd, status->st_mode & MODE_BITS) || futimens(fd, times))
		return err_errno(e, "set mode and times of %s", name);
	return 0;
}

static int copy_file(
    int from_fd, int into_fd, const char *name, const struct stat *status, struct err *e)
{
	_cleanup_close_ int from = open_up(from_fd, name, O_NONBLOCK, status);
	_cleanup_close_ int into = -1;

	if (from < 0)
		return err_errno(e, "open %s", name);
	close_up(from, status);
	into = openat(into_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (into < 0)
		return err_errno(e, "create the copy of %s", name);
	return file_copy(from, into, name, e) ? -1 : set_mode_and_times(into, status, name, e);
}

static int copy_link(
    int from_fd, int into_fd, const char *name, const struct stat *status, struct err *e)
{
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	char target[PATH_MAX];
	ssize_t length = readlinkat(from_fd, name, target, sizeof(target) - 1);

	if (length < 0)
		return err_errno(e, "read the link %s", name);
	target[length] = 0;
	if (symlinkat(target, into_fd, name) ||
	    utimensat(into_fd, name, times, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "copy the link %s", name);
	return 0;
}

static int copy_fifo(int into_fd, const char *name, const struct stat *status, struct err *e)
{
	if (mkfifoat(into_fd, name, 0600) ||
	    fchmodat(into_fd, name, status->st_mode & MODE_BITS, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "make the fifo %s", name);
	return 0;
}

static int copy_level(
    int from_fd, const char *from, int into_fd, const char *name, unsigned depth, struct err *e);

static int copy_entry(int from_fd, int into_fd, const char *name, unsigned depth, struct err *e)
{
	struct stat status;

	if (fstatat(from_fd, name, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", name);
	switch (status.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(from_fd, into_fd, name, &status, e);
	case S_IFDIR:
		return copy_level(from_fd, name, into_fd, name, depth + 1, e);
	case S_IFLNK:
		return copy_link(from_fd, into_fd, name, &status, e);
	case S_IFIFO:
		return copy_fifo(into_fd, name, &status, e);
	default:
		return 0;
	}
}

static int copy_entries(DIR *folder, const char *name, int into_fd, unsigned depth, struct err *e)
{
	struct dirent *entry;
	int more;

	while ((more = folder_next(folder, name, &entry, e)) > 0)
		if (copy_entry(dirfd(folder), into_fd, entry->d_name, depth, e))
			return -1;
	return more;
}

static int copy_level(
    int from_fd, const char *from, int into_fd, const char *name, unsigned depth, struct err *e)
{
	_cleanup_closedir_ DIR *folder = NULL;
	_cleanup_close_ int into = -1;
	struct stat status;
	int fd, result;

	if (depth > DEPTH_LIMIT)
		return err_set(e, "folders are nested deeper than %d at %s", DEPTH_LIMIT, name);
	if (fstatat(from_fd, from, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", from);
	fd = open_up(from_fd, from, O_DIRECTORY, &status);
	folder = fd < 0 ? NULL : fdopendir(fd);
	if (!folder)
		return err_errno(e, "open the folder %s", from);
	if (mkdirat(into_fd, name, 0700))
		return err_errno(e, "make the folder %s", name);
	into = folder_open(into_fd, name, e);
	result = into < 0 ? -1 : copy_entries(folder, from, into, depth, e);
	close_up(fd, &status);
	return result ? -1 : set_mode_and_times(into, &status, name, e);
}

int folder_copy(int from_fd, const char *from, int into_fd, const char *name, struct err *e)
{
	return copy_level(from_fd, from, into_fd, name, 0, e);
}
