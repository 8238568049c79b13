#include "sandbox/userns.h"

#include "base/cleanup.h"
#include "sandbox/confine.h"
#include "sandbox/mounts.h"
#include "sandbox/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

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

static void send_report(int fd, const struct sandbox_report *report)
{
	/* One write of less than PIPE_BUF bytes is atomic; if it fails, the reader sees the end. */
	if (write(fd, report, sizeof(*report)) < 0)
		_exit(SANDBOX_EXIT_SETUP);
}

static void send_error(int fd, const struct err *e)
{
	struct sandbox_report report = {.failed = true, .error = *e};

	send_report(fd, &report);
}

/* The process that becomes the command. What fails here is told on the pipe before init's own
 * report, and the first report counts. */
static void run_command(const struct options *o, int report_fd)
{
	struct err e;

	if (!confine_descriptors(report_fd, &e)) {
		if (chdir(o->directory))
			err_errno(&e, "enter %s in the sandbox", o->directory);
		else {
			execve(o->command[0], o->command, o->env);
			err_errno(&e, "run %s in the sandbox", o->command[0]);
		}
		e.kind = ERR_INPUT;
	}
	send_error(report_fd, &e);
	_exit(SANDBOX_EXIT_SETUP);
}

static int status_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* Process 1 of the pid namespace waits for all orphans; when the command itself has ended it
 * returns, and by ending makes the kernel kill the rest. */
static int reap_until(pid_t command)
{
	for (;;) {
		int status;
		pid_t ended = wait(&status);

		if (ended == command)
			return status_of(status);
		if (ended < 0 && errno != EINTR)
			return SANDBOX_EXIT_SETUP;
	}
}

/* What init needs to know. */
struct step {
	struct options *options;
	struct mounts mounts;
	bool mounts_are_open;
	uid_t outer_uid;
	gid_t outer_gid;
	int report_fd;
	int life_fd; /* read end of a pipe that only the supervisor can write to */
};

/* init must not outlive the supervisor. The signal covers a death from now on; the pipe's hang-up
 * one that came before. */
static int die_with_supervisor(int life_fd, struct err *e)
{
	struct pollfd life = {.fd = life_fd, .events = POLLIN};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_errno(e, "ask to die with the supervisor");
	if (poll(&life, 1, 0))
		return err_set(e, "the supervisor is gone");
	return 0;
}

static int set_up(struct step *step, struct err *e)
{
	if (die_with_supervisor(step->life_fd, e) || map_ids(step->outer_uid, step->outer_gid, e))
		return -1;
	if (sethostname(HOST_NAME, strlen(HOST_NAME)) || setdomainname("(none)", 6))
		return err_errno(e, "set the host name");
	if (step->options->trial) {
		if (mounts_trial(e))
			return -1;
	} else if ((!step->mounts_are_open && mounts_open(step->options, &step->mounts, e)) ||
		   mounts_enter(step->options, &step->mounts, e)) {
		return -1;
	}
	/* Not even processes of the same uid may look into init, which still holds the descriptors
	   of set-up for a moment. */
	if (prctl(PR_SET_DUMPABLE, 0))
		return err_errno(e, "make init undumpable");
	return confine_process(e);
}

static int run_step(struct step *step, struct err *e)
{
	pid_t command;

	if (set_up(step, e))
		return -1;
	if (step->options->trial)
		return 0;
	/* The step may read init's command line, which names paths of the machine. */
	options_forget(step->options);
	command = fork();
	if (command < 0)
		return err_errno(e, "start a process in the sandbox");
	if (!command)
		run_command(step->options, step->report_fd);
	return reap_until(command);
}

static void init_main(struct step *step)
{
	struct sandbox_report report = {0};

	report.status = run_step(step, &report.error);
	report.failed = report.status < 0;
	if (report.failed && report.error.kind == ERR_FAILED)
		report.error.kind = ERR_ENVIRONMENT;
	send_report(step->report_fd, &report);
	_exit(0);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* What is left of the time limit, as poll() takes it: -1 when there is none. */
static int time_left(long long end)
{
	long long left = end - now_ms();

	if (!end)
		return -1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Wait for the first report, or for the time limit; pass on output meanwhile. Returns whether a
 * report came. */
static bool await_report(int fd, unsigned timeout_seconds, const struct terminal *terminal,
    struct sandbox_report *report)
{
	long long end = timeout_seconds ? now_ms() + timeout_seconds * 1000LL : 0;
	struct pollfd ready[] = {
	    {.fd = fd, .events = POLLIN},
	    {.fd = terminal->read_end, .events = POLLIN},
	};

	for (;;) {
		int count = poll(ready, 2, time_left(end));

		if (count < 0 && errno != EINTR)
			return false;
		if (count > 0 && ready[0].revents)
			return read(fd, report, sizeof(*report)) == sizeof(*report);
		if (count > 0)
			terminal_pass(terminal);
		if (!count || !time_left(end)) {
			*report =
			    (struct sandbox_report){.timed_out = true, .status = 128 + SIGKILL};
			return true;
		}
	}
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
		"AppArmor restricts user namespaces on this machine (Ubuntu 23.10 and later): "
		"allow them "
		"for minsys-sandbox with a profile that says `userns,`, or run `sudo sysctl "
		"kernel.apparmor_restrict_unprivileged_userns=0`"},
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

static int explain(struct err *e)
{
	struct err cause = *e;

	return err_kind(e, ERR_ENVIRONMENT, "isolation `userns` does not work here: %.1200s; %s",
	    cause.text, advice());
}

static int give_folder(const struct bind *bind, uid_t uid, struct err *e)
{
	/* Where root may not mount, there is no tree yet. */
	_cleanup_close_ int own =
	    bind->tree_fd < 0 ? open(bind->source, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	int fd = own < 0 ? bind->tree_fd : own;
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		return err_errno(e, "open %s", bind->source);
	if (S_ISLNK(status.st_mode)) /* refused when it is to be mounted */
		return 0;
	if (fchownat(fd, "", uid, (gid_t)uid, AT_EMPTY_PATH))
		return err_errno(e, "give %s to uid %u", bind->source, (unsigned)uid);
	return 0;
}

static int give_folders(const struct options *o, uid_t uid, struct err *e)
{
	for (size_t i = 0; i < o->bind_count; i++)
		if (o->binds[i].writable && give_folder(&o->binds[i], uid, e))
			return -1;
	return 0;
}

/* Root opens what the step may see while it still can, then becomes nobody in particular. A root
 * that may not mount, as in a container, tries like anyone else. */
static int leave_root(struct step *step, struct err *e)
{
	uid_t uid = confine_spare_uid();

	if (uid != geteuid() && !step->options->trial) {
		step->mounts_are_open = !mounts_open(step->options, &step->mounts, e);
		if (!step->mounts_are_open && e->kind == ERR_INPUT)
			return -1;
		if (give_folders(step->options, uid, e) || confine_give_output(uid, e))
			return -1;
	}
	if (confine_become(uid, e))
		return -1;
	step->outer_uid = geteuid();
	step->outer_gid = getegid();
	return 0;
}

static int supervise(pid_t init, int report_fd, unsigned timeout_seconds, struct terminal *terminal,
    struct sandbox_report *ret_report, struct err *e)
{
	bool told = await_report(report_fd, timeout_seconds, terminal, ret_report);

	/* Whatever it told: init's end is the end of all, and waiting for it waits for them. */
	kill(init, SIGKILL);
	while (waitpid(init, NULL, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "wait for the sandbox");
	terminal_restore(terminal);
	if (!told)
		return err_kind(e, ERR_ENVIRONMENT,
		    "the sandbox was killed from outside, perhaps for want of memory");
	if (ret_report->failed) {
		*e = ret_report->error;
		return -1;
	}
	return 0;
}

/* Becoming another user forgot that this process is to die with the one who started it. If that
 * happened in between, nobody is left who could read the report. */
static int die_with_caller(int report_fd, struct err *e)
{
	struct pollfd report = {.fd = report_fd};

	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_errno(e, "ask to die with the caller");
	if (poll(&report, 1, 0) > 0 && report.revents & POLLERR)
		return err_set(e, "the caller is gone");
	return 0;
}

int userns_run(struct options *options, struct sandbox_report *ret_report, struct err *e)
{
	_cleanup_close_ int report_read = -1, report_write = -1, life_read = -1, life_write = -1;
	struct step step = {.options = options};
	struct terminal terminal;
	int ends[2];
	pid_t init;

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	report_read = ends[0];
	report_write = ends[1];
	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	life_read = ends[0];
	life_write = ends[1];
	if (terminal_hide(&terminal, e))
		return -1;
	if (leave_root(&step, e)) {
		terminal_restore(&terminal);
		return -1;
	}
	if (options->report_fd >= 0 && die_with_caller(options->report_fd, e))
		return -1;
	step.report_fd = report_write;
	step.life_fd = life_read;
	init = (pid_t)syscall(SYS_clone, ALL_NAMESPACES | SIGCHLD, NULL, NULL, NULL, NULL);
	if (init < 0) {
		err_errno(e, "make namespaces (clone)");
		terminal_restore(&terminal);
		return explain(e);
	}
	if (!init) {
		close(life_write);
		init_main(&step);
	}
	close(steal_fd(&report_write));
	if (supervise(init, report_read, options->timeout_seconds, &terminal, ret_report, e))
		return e->kind == ERR_ENVIRONMENT && options->trial ? explain(e) : -1;
	return 0;
}
