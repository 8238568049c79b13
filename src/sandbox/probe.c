#include "sandbox/probe.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/memory.h"
#include "sandbox/filter.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TIME_LIMIT 10 /* seconds */

/* --- In a process of its own, with which all that it did goes --- */

static void try_and_tell(int (*try)(struct err *e), int fd)
{
	struct err e = {0};

	alarm(TIME_LIMIT);
	if (!try(&e))
		e.text[0] = 0;
	/* sizeof(e) is below PIPE_BUF: one write, all of it. */
	_exit(write(fd, &e, sizeof(e)) < 0);
}

static int in_child(int (*try)(struct err *e), const char *what, struct err *e)
{
	_cleanup_close_ int read_end = -1, write_end = -1;
	struct err told;
	int ends[2];
	ssize_t got;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	read_end = ends[0];
	write_end = ends[1];
	child = fork();
	if (child < 0)
		return err_errno(e, "start a process");
	if (!child)
		try_and_tell(try, write_end);
	close(steal_fd(&write_end));
	got = read(read_end, &told, sizeof(told));
	waitpid(child, NULL, 0);
	if (got != sizeof(told))
		return err_set(e, "the process that was to %s was killed", what);
	if (!told.text[0])
		return 0;
	*e = told;
	return -1;
}

static int load_filter(struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_errno(e, "set no_new_privs");
	return filter_load(e);
}

int probe_filter(struct err *e)
{
	return in_child(load_filter, "load the filter", e);
}

static int write_text(const char *path, const char *text, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "open %s", path)
		      : file_write_all(fd, text, strlen(text), path, e);
}

static int enter_namespaces(struct err *e)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[64];

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return err_errno(e, "make namespaces");
	if (write_text("/proc/self/setgroups", "deny", e))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_text("/proc/self/uid_map", map, e))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_text("/proc/self/gid_map", map, e);
}

/* On any folder that is there; only this process sees it. */
static int mount_overlay(struct err *e)
{
	const char *place = access("/tmp", F_OK) ? "/proc" : "/tmp";

	if (enter_namespaces(e))
		return -1;
	if (mount("tmpfs", place, "tmpfs", 0, NULL) || chdir(place))
		return err_errno(e, "mount a tmpfs");
	if (mkdir("lower", 0755) || mkdir("upper", 0755) || mkdir("work", 0755) ||
	    mkdir("all", 0755))
		return err_errno(e, "make folders in a tmpfs");
	if (mount("overlay", "all", "overlay", 0,
		"lowerdir=lower,upperdir=upper,workdir=work,userxattr"))
		return err_errno(e, "mount an overlay");
	return mkdir("all/new", 0755) ? err_errno(e, "write to an overlay") : 0;
}

int probe_overlay(struct err *e)
{
	return in_child(mount_overlay, "mount an overlay", e);
}
