/*
 * Isolation by namespaces: own user, mount, pid, network, IPC, UTS and cgroup namespaces. It
 * gives, and the tests hold it to:
 * - the step sees the file system of sandbox/mounts.h and nothing else of the machine's;
 * - it has one uid, 1000, no capability, and no way to more;
 * - it has no network, not even loopback;
 * - when it ends, or minsys-sandbox dies, or the program that started that (with --report-fd),
 *   nothing of it is alive;
 * - it can write to what standard output and error are, and read from neither a terminal nor
 *   standard input, unless one was made for it (--terminal, --stdin).
 * What it does not hide: /proc/self/mountinfo names the machine's paths of what is shown, and
 * /proc/self/uid_map the uid outside. Memory of all processes together has a limit only in a cgroup
 * of the step's own (--cgroup), or that it was started in.
 */
#include "sandbox/isolation.h"

#include "base/cleanup.h"
#include "sandbox/confine.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define INNER_ID 1000
#define HOST_NAME "minsys"

#define ALL_NAMESPACES                                                                             \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	    CLONE_NEWCGROUP)

static int write_file(const char *path, const char *text, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_errno(e, "write %s", path);
	return 0;
}

static int map_ids(uid_t uid, gid_t gid, struct err *e)
{
	char map[64];

	/* Without this an unprivileged process may not map its group. */
	if (write_file("/proc/self/setgroups", "deny", e))
		return -1;
	snprintf(map, sizeof(map), "%u %u 1\n", INNER_ID, (unsigned)uid);
	if (write_file("/proc/self/uid_map", map, e))
		return -1;
	snprintf(map, sizeof(map), "%u %u 1\n", INNER_ID, (unsigned)gid);
	return write_file("/proc/self/gid_map", map, e);
}

/* The kernel makes no user namespace for one who is nobody in the present one. */
static bool maps_nobody(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char byte;

	return fd >= 0 && !read(fd, &byte, 1);
}

/* What a user can do about a refusal; the sysctls only explain it, they decide nothing. */
static const char *advice(void)
{
	static const struct {
		const char *path, *value, *text;
	} causes[] = {
	    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		"AppArmor restricts user namespaces on this machine (Ubuntu 23.10 and later): run "
		"`sudo make install`, which puts a profile in place that allows them for the "
		"installed minsys-sandbox, and then use the installed minsys"},
	    {"/proc/sys/kernel/unprivileged_userns_clone", "0",
		"run `sudo sysctl kernel.unprivileged_userns_clone=1`"},
	    {"/proc/sys/user/max_user_namespaces", "0",
		"run `sudo sysctl user.max_user_namespaces=10000`"},
	};

	for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++) {
		_cleanup_close_ int fd = open(causes[i].path, O_RDONLY | O_CLOEXEC);
		char text[16] = "";
		ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

		if (got > 0 && !strncmp(text, causes[i].value, strlen(causes[i].value)) &&
		    text[strlen(causes[i].value)] == '\n')
			return causes[i].text;
	}
	if (maps_nobody("/proc/self/uid_map") || maps_nobody("/proc/self/gid_map"))
		return "the user namespace that this runs in does not map the caller's user and "
		       "group: make it with both, as `unshare --map-user=1000 --map-group=1000` "
		       "does";
	return "in a container, the container's own policy forbids them: run minsys outside it, or "
	       "start "
	       "the container with one that allows user namespaces; elsewhere ask the "
	       "administrator";
}

static void advise(struct err *e)
{
	struct err cause = *e;

	err_kind(e, cause.kind, "%.1200s; %s", cause.text, advice());
}

static int use_namespaces(struct step *step, struct err *e)
{
	if (map_ids(step->outer_uid, step->outer_gid, e))
		return -1;
	/* The one that it was made with has the caller's cgroup as its root. */
	if (step->cgroup.fd >= 0 && unshare(CLONE_NEWCGROUP))
		return err_errno(e, "make a namespace of cgroups");
	if (sethostname(HOST_NAME, strlen(HOST_NAME)) || setdomainname("(none)", 6))
		return err_errno(e, "set the host name");
	if (step->options->trial)
		return mounts_trial(e);
	if (!step->mounts_are_open && mounts_open(step->options, &step->mounts, e))
		return -1;
	return mounts_enter(step->options, &step->mounts, e);
}

static int set_up(struct step *step, struct err *e)
{
	if (use_namespaces(step, e)) {
		if (step->options->trial)
			advise(e);
		return -1;
	}
	/* Not even processes of the same uid may look into init, which still holds the descriptors
	   of set-up for a moment. */
	if (prctl(PR_SET_DUMPABLE, 0))
		return err_errno(e, "make init undumpable");
	return isolation_confine(step, e);
}

/* Process 1 of the pid namespace waits for all orphans; when it returns, its end makes the kernel
 * kill the rest. */
static int run_step(struct step *step, struct err *e)
{
	sigset_t signals;
	pid_t command;

	if (set_up(step, e))
		return -1;
	if (step->options->trial)
		return 0;
	/* The step may read init's command line, which names paths of the machine. */
	options_forget(step->options);
	/* No other, as the step may send them to this process. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return err_errno(e, "block the signal of an end");
	command = fork();
	if (command < 0)
		return err_errno(e, "start a process in the sandbox");
	if (!command)
		isolation_exec(step->options, step->report_fd);
	return watch_command(&step->watch, command, &signals, e);
}

/* Root opens what the step may see while it still can, then becomes nobody in particular. A root
 * that may not mount, as in a container, tries like anyone else. */
static int leave_root(struct step *step, struct err *e)
{
	uid_t uid;

	if (confine_reserved_uid(&uid, e))
		return -1;
	if (uid != geteuid() && !step->options->trial) {
		step->mounts_are_open = !mounts_open(step->options, &step->mounts, e);
		if (!step->mounts_are_open && e->kind == ERR_INPUT)
			return -1;
		if (isolation_give(step->options, uid, e))
			return -1;
	}
	if (confine_become(uid, e))
		return -1;
	step->outer_uid = geteuid();
	step->outer_gid = getegid();
	return 0;
}

const struct isolation isolation_userns = {
    .name = "userns",
    .namespaces = ALL_NAMESPACES,
    .end_signal = SIGKILL,
    .prepare = leave_root,
    .run = run_step,
    .advise = advise,
};
