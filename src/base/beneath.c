/*
 * Paths that a build may have prepared, by openat2(2), or one component at a time where there is
 * none.
 */
#include "base/file.h"
#include "base/cleanup.h"
#include "base/memory.h"

#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#define ATTEMPTS 64 /* at what somebody keeps renaming */

/* What a path has come to, on its way. */
struct walk {
	int folder;
	unsigned long long resolve, mount;
};

/* `..` is refused whatever it would lead to. */
static int check_component(const char *name, size_t length)
{
	bool is_up = length == 2 && name[0] == '.' && name[1] == '.';

	if (length && length <= NAME_MAX && !is_up)
		return 0;
	errno = length > NAME_MAX ? ENAMETOOLONG : !length ? ENOENT : EXDEV;
	return -1;
}

static int mount_of(int fd, unsigned long long *ret_mount)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status))
		return -1;
	/* Where the kernel does not say (Linux < 5.8), the file system has to do. */
	*ret_mount = status.stx_mask & STATX_MNT_ID
			 ? status.stx_mnt_id
			 : (unsigned long long)status.stx_dev_major << 32 | status.stx_dev_minor;
	return 0;
}

/* Is what was opened where the walk may go? */
static int check_mount(const struct walk *walk, int fd)
{
	unsigned long long mount;

	if (!(walk->resolve & RESOLVE_NO_XDEV))
		return 0;
	if (mount_of(fd, &mount))
		return -1;
	errno = EXDEV;
	return mount == walk->mount ? 0 : -1;
}

static int begin_walk(struct walk *walk, int dirfd, const char *path)
{
	if (*path == '/' && walk->resolve & RESOLVE_BENEATH) {
		errno = EXDEV;
		return -1;
	}
	walk->folder = openat(dirfd, *path == '/' && !(walk->resolve & RESOLVE_IN_ROOT) ? "/" : ".",
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (walk->folder < 0)
		return -1;
	return walk->resolve & RESOLVE_NO_XDEV ? mount_of(walk->folder, &walk->mount) : 0;
}

/* Open one component; takes no link for what it leads to. */
static int open_component(const struct walk *walk, const char *name, int flags, mode_t mode)
{
	_cleanup_close_ int fd = openat(walk->folder, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	struct stat status;

	/* A link is no folder; openat2 calls it a link. */
	if (fd < 0 && errno == ENOTDIR) {
		bool is_link = !fstatat(walk->folder, name, &status, AT_SYMLINK_NOFOLLOW) &&
			       S_ISLNK(status.st_mode);

		errno = is_link ? ELOOP : ENOTDIR;
	}
	return fd < 0 || check_mount(walk, fd) ? -1 : steal_fd(&fd);
}

/* A link in the last place can be opened, but only as itself and on demand. */
static int open_last(const struct walk *walk, const char *name, int flags, mode_t mode)
{
	_cleanup_close_ int fd = open_component(walk, name, flags, mode);
	struct stat status;

	if (fd < 0 || !(flags & O_PATH) || flags & O_NOFOLLOW)
		return steal_fd(&fd);
	if (fstat(fd, &status))
		return -1;
	errno = ELOOP;
	return S_ISLNK(status.st_mode) ? -1 : steal_fd(&fd);
}

static int walk_on(struct walk *walk, const char *path, int flags, mode_t mode)
{
	for (;;) {
		size_t length = strcspn(path, "/");
		const char *rest = path + length + strspn(path + length, "/");
		char name[NAME_MAX + 1];
		int next;

		if (check_component(path, length))
			return -1;
		memcpy(name, path, length);
		name[length] = 0;
		/* A slash behind it says that it is a folder. */
		if (!*rest)
			return open_last(
			    walk, name, flags | (path[length] ? O_DIRECTORY : 0), mode);
		next = open_component(walk, name, O_PATH | O_DIRECTORY, 0);
		if (next < 0)
			return -1;
		close(walk->folder);
		walk->folder = next;
		path = rest;
	}
}

/* The fallback where openat2 is missing (Linux < 5.6) or hidden by a container's filter: one
 * component at a time, refusing every link. */
static int open_by_walk(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct walk walk = {.folder = -1, .resolve = resolve};
	const char *rest = path + strspn(path, "/");
	int fd = begin_walk(&walk, dirfd, path)
		     ? -1
		     : walk_on(&walk, *path && !*rest ? "." : rest, flags, mode);
	int cause = errno;

	if (walk.folder >= 0)
		close(walk.folder);
	errno = cause;
	return fd;
}

static int open_once(int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
	    .flags = (unsigned int)flags | O_CLOEXEC,
	    .mode = mode,
	    .resolve = resolve,
	};
	int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how));

	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = open_by_walk(dirfd, path, flags, mode, resolve);
	return fd;
}

int file_open_resolved(
    int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve, struct err *e)
{
	/* What is renamed meanwhile is asked for again, as the kernel cannot tell whether it led
	 * out. */
	for (int i = 0; i < ATTEMPTS; i++) {
		int fd = open_once(dirfd, path, flags, mode, resolve);

		if (fd >= 0)
			return fd;
		if (errno != EAGAIN)
			break;
	}
	return err_errno(e, "%s %s", flags & O_CREAT ? "create" : "open", path);
}

int file_open_beneath(int dirfd, const char *path, int flags, struct err *e)
{
	return file_open_resolved(
	    dirfd, path, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS, e);
}

int file_create_beneath(int dirfd, const char *path, mode_t mode, struct err *e)
{
	return file_open_resolved(dirfd, path, O_WRONLY | O_CREAT | O_EXCL, mode,
	    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, e);
}

int folder_open_beneath(int dirfd, const char *path, struct err *e)
{
	return file_open_resolved(
	    dirfd, path, O_RDONLY | O_DIRECTORY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, e);
}

int folder_set_times(int dirfd, const char *path, const struct timespec times[2], struct err *e)
{
	_cleanup_close_ int fd = folder_open_beneath(dirfd, path, e);

	if (fd < 0)
		return -1;
	return futimens(fd, times) ? err_errno(e, "set the time of %s", path) : 0;
}

int folder_set_times_above(
    int dirfd, const char *path, const struct timespec times[2], struct err *e)
{
	_cleanup_free_ char *above = xstrdup(path);

	for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
		*slash = 0;
		if (folder_set_times(dirfd, above, times, e))
			return -1;
	}
	return 0;
}
