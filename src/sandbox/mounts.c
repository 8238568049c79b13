#include "sandbox/mounts.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* <sys/mount.h> and <linux/mount.h> clash in glibc 2.36: its three constants that are needed. */
#define MS_REC_ 16384UL
#define MS_PRIVATE_ (1UL << 18)
#define MNT_DETACH_ 2

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

#define TMP_SIZE "2g"

static const char *const devices[] = {"null", "zero", "full", "random", "urandom", "tty"};

static const struct {
	const char *name, *target;
} device_links[] = {
    {"fd", "/proc/self/fd"},
    {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"},
    {"stderr", "/proc/self/fd/2"},
};

/* A copy of the mount at a path, attached nowhere, with no device or setuid file in it. */
static int clone_mount(const char *path, unsigned long long attributes, struct err *e)
{
	_cleanup_close_ int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path,
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW | AT_RECURSIVE);
	struct mount_attr set = {
	    .attr_set = MOUNT_ATTR_NOSUID | attributes,
	    .propagation = MS_PRIVATE_,
	};
	struct stat status;

	if (fd < 0) {
		err_errno(e, "open %s as a mount", path);
		if (e->errnum == ENOENT || e->errnum == ENOTDIR || e->errnum == EACCES)
			e->kind = ERR_INPUT;
		return -1;
	}
	if (fstat(fd, &status))
		return err_errno(e, "look at %s", path);
	if (S_ISLNK(status.st_mode))
		return err_kind(e, ERR_INPUT, "%s is a symbolic link: name what it leads to", path);
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &set, sizeof(set)))
		return err_errno(e, "set the attributes of the mount of %s", path);
	return steal_fd(&fd);
}

/* A new file system, attached nowhere. `options` are key, value, …, NULL. */
static int new_mount(
    const char *type, const char *const *options, unsigned attributes, struct err *e)
{
	_cleanup_close_ int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int fd;

	if (context < 0)
		return err_errno(e, "make a %s", type);
	for (; *options; options += 2)
		if (syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, options[0], options[1], 0))
			return err_errno(e, "set %s=%s of a %s", options[0], options[1], type);
	if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return err_errno(e, "make a %s", type);
	fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
	return fd < 0 ? err_errno(e, "mount a %s", type) : fd;
}

static int new_proc(struct err *e)
{
	static const char *const options[] = {"subset", "pid", NULL};

	return new_mount(
	    "proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, e);
}

static int new_tmpfs(const char *mode, const char *size, struct err *e)
{
	const char *const options[] = {"mode", mode, "size", size, NULL};

	return new_mount("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);
}

/* Attach a mount on what stands at `path` below `root_fd`, following no link and entering no
 * other mount: a place inside another bind is refused (EXDEV). */
static int attach(int mount_fd, int root_fd, const char *path, struct err *e)
{
	_cleanup_close_ int place = file_open_resolved(
	    root_fd, path, O_PATH, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV, e);

	if (place < 0)
		return err_wrap(e, "mount on /%s", path);
	if (syscall(SYS_move_mount, mount_fd, "", place, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
		return err_errno(e, "mount on /%s", path);
	return 0;
}

static int make_read_only(int mount_fd, const char *what, struct err *e)
{
	struct mount_attr set = {.attr_set = MOUNT_ATTR_RDONLY};

	if (syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH, &set, sizeof(set)))
		return err_errno(e, "make %s read-only", what);
	return 0;
}

static int make_file(int dirfd, const char *name, struct err *e)
{
	_cleanup_close_ int fd =
	    openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 ? err_errno(e, "make the mount point %s", name) : 0;
}

/* The last one is only for a step that has a terminal: to its processes it is that one, to all
 * others none. */
static size_t device_count(const struct options *o)
{
	return sizeof(devices) / sizeof(*devices) - (o->terminal_fd < 0);
}

static int fill_dev(int root_fd, const struct options *o, const struct mounts *m, struct err *e)
{
	_cleanup_close_ int dev = new_tmpfs("0755", "64k", e);

	if (dev < 0 || attach(dev, root_fd, "dev", e))
		return -1;
	for (size_t i = 0; i < device_count(o); i++)
		if (make_file(dev, devices[i], e) || attach(m->device_fds[i], dev, devices[i], e))
			return -1;
	for (size_t i = 0; i < sizeof(device_links) / sizeof(*device_links); i++)
		if (symlinkat(device_links[i].target, dev, device_links[i].name))
			return err_errno(e, "make /dev/%s", device_links[i].name);
	return make_read_only(dev, "/dev", e);
}

/* Make the mount point of a bind in the tmpfs at /minsys, which holds nothing else: folders on
 * the way, and at its end a folder or a file as the source is. */
static int make_place(int minsys, const struct bind *bind, struct err *e)
{
	char path[PATH_MAX];
	struct stat status;
	char *slash;

	if (fstat(bind->tree_fd, &status))
		return err_errno(e, "look at %s", bind->source);
	if ((size_t)snprintf(path, sizeof(path), "%s", bind->destination + strlen("/minsys/")) >=
	    sizeof(path))
		return err_kind(e, ERR_INPUT, "the place %.60s… is too long", bind->destination);
	for (slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdirat(minsys, path, 0755) && errno != EEXIST)
			return err_errno(e, "make /minsys/%s", path);
		*slash = '/';
	}
	if (!S_ISDIR(status.st_mode))
		return make_file(minsys, path, e);
	if (mkdirat(minsys, path, 0755) && errno != EEXIST)
		return err_errno(e, "make /minsys/%s", path);
	return 0;
}

static int fill_minsys(int root_fd, const struct options *o, struct err *e)
{
	_cleanup_close_ int minsys = new_tmpfs("0755", "1m", e);

	if (minsys < 0 || attach(minsys, root_fd, "minsys", e))
		return -1;
	/* All places first: none may come to stand inside another bind. */
	for (size_t i = 0; i < o->bind_count; i++)
		if (make_place(minsys, &o->binds[i], e))
			return err_wrap(e, "show %s", o->binds[i].source);
	for (size_t i = 0; i < o->bind_count; i++)
		if (attach(o->binds[i].tree_fd, minsys,
			o->binds[i].destination + strlen("/minsys/"), e))
			return err_wrap(e, "show %s", o->binds[i].source);
	return make_read_only(minsys, "/minsys", e);
}

int mounts_open(struct options *o, struct mounts *ret_mounts, struct err *e)
{
	char path[32];

	ret_mounts->root_fd = clone_mount(o->root, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, e);
	if (ret_mounts->root_fd < 0)
		return -1;
	for (size_t i = 0; i < device_count(o); i++) {
		snprintf(path, sizeof(path), "/dev/%s", devices[i]);
		if ((ret_mounts->device_fds[i] = clone_mount(path, MOUNT_ATTR_NOEXEC, e)) < 0)
			return -1;
	}
	for (size_t i = 0; i < o->bind_count; i++) {
		struct bind *bind = &o->binds[i];

		bind->tree_fd = clone_mount(
		    bind->source, MOUNT_ATTR_NODEV | (bind->writable ? 0 : MOUNT_ATTR_RDONLY), e);
		if (bind->tree_fd < 0)
			return -1;
	}
	return 0;
}

/* The new root has to be attached somewhere before anything can be attached below it; /proc is
 * the one folder that is there wherever this program can work. */
static int attach_root(int root_fd, struct err *e)
{
	if (syscall(SYS_mount, NULL, "/", NULL, MS_REC_ | MS_PRIVATE_, NULL))
		return err_errno(e, "make all mounts private");
	if (syscall(SYS_move_mount, root_fd, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH))
		return err_errno(e, "mount the new root");
	return 0;
}

static int pivot(int root_fd, struct err *e)
{
	/* pivot_root(".", ".") stacks the old root over the new one, where one umount takes it
	 * away. */
	if (fchdir(root_fd) || syscall(SYS_pivot_root, ".", "."))
		return err_errno(e, "pivot_root");
	if (syscall(SYS_umount2, ".", MNT_DETACH_) || chdir("/"))
		return err_errno(e, "leave the old root");
	return 0;
}

int mounts_enter(const struct options *o, struct mounts *m, struct err *e)
{
	/* Before anything covers the old /proc: a user namespace may mount one only while it sees
	 * one that nothing is mounted over. */
	_cleanup_close_ int proc = new_proc(e);
	_cleanup_close_ int tmp = proc < 0 ? -1 : new_tmpfs("1777", TMP_SIZE, e);

	if (proc < 0 || tmp < 0 || attach_root(m->root_fd, e) ||
	    attach(proc, m->root_fd, "proc", e) || attach(tmp, m->root_fd, "tmp", e) ||
	    fill_dev(m->root_fd, o, m, e) || fill_minsys(m->root_fd, o, e))
		return -1;
	return pivot(m->root_fd, e);
}

int mounts_trial(struct err *e)
{
	_cleanup_close_ int proc = new_proc(e);
	_cleanup_close_ int tmp = proc < 0 ? -1 : new_tmpfs("0755", "64k", e);
	_cleanup_close_ int null = tmp < 0 ? -1 : clone_mount("/dev/null", MOUNT_ATTR_NOEXEC, e);

	if (null < 0)
		return -1;
	return attach_root(tmp, e);
}
