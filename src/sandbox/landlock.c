/*
 * Isolation `landlock`, for where namespaces cannot be had, as in `docker build`. `/` stays what
 * it is, so it must be the tools root, which a mark in it tells. It gives, and the tests hold it
 * to:
 * - the step reads the tools root's own folders and those named for it, and writes to those of
 *   them that it may; everything else is refused, /tmp and the rest of /minsys too;
 * - started by root, it has a uid of its own, which owns nothing else; no capability, and no way
 *   to more;
 * - it makes no socket and none of the calls that the filter refuses;
 * - when it ends, or minsys-sandbox dies, or the program that started that (with --report-fd),
 *   nothing of it is alive: a janitor, to which orphans fall, kills what is left.
 * What it does not hide: the processes in /proc, the host name, the files that a container's
 * engine puts into /etc, and what stat(2) tells of any file.
 *
 * Only root can give the step another uid. Started by anyone else, and by root where the user
 * namespace maps no other, the step has the caller's. That is the weaker form, which the report
 * tells: the step can change modes and times of the caller's files, though not their content, and
 * list the numbers of its processes' descriptors; before ABI 6 of Landlock it can send signals to
 * the caller's processes.
 */
#include "sandbox/isolation.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "sandbox/confine.h"
#include "sandbox/processes.h"
#include "sandbox/ruleset.h"
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MANY 1000 /* processes that have ended */

/* --- What the step may reach --- */

static const char *const tools_folders[] = {
    "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/var", "/opt"};
static const char *const devices[] = {
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"};

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static int allow_tools(struct ruleset *ruleset, struct err *e)
{
	for (size_t i = 0; i < LENGTH(tools_folders); i++)
		if (ruleset_allow(ruleset, tools_folders[i], RULESET_READ, true, e))
			return -1;
	for (size_t i = 0; i < LENGTH(devices); i++)
		if (ruleset_allow(ruleset, devices[i], RULESET_DEVICE, true, e))
			return -1;
	/* /dev/stdout and the like lead there; a step sees no secrets of other users in it. */
	return ruleset_allow(ruleset, "/proc", RULESET_READ, false, e);
}

/* Under the name that it has, and under the one that leads each process to the one that controls
 * it. */
static int allow_terminal(struct ruleset *ruleset, int fd, struct err *e)
{
	if (ruleset_allow(ruleset, "/dev/tty", RULESET_TERMINAL, true, e))
		return -1;
	return ruleset_allow_fd(ruleset, fd, "the step's terminal", RULESET_TERMINAL, e);
}

static int restrict_files(const struct options *o, struct err *e)
{
	struct ruleset ruleset;
	int result;

	if (ruleset_begin(&ruleset, e))
		return -1;
	result = allow_tools(&ruleset, e);
	if (!result && o->terminal_fd >= 0)
		result = allow_terminal(&ruleset, o->terminal_fd, e);
	for (size_t i = 0; i < o->bind_count && !result; i++)
		result = ruleset_allow_fd(&ruleset, o->binds[i].tree_fd, o->binds[i].destination,
		    o->binds[i].writable ? RULESET_WRITE : RULESET_READ, e);
	if (!result)
		return ruleset_enforce(&ruleset, e);
	close(ruleset.fd);
	return -1;
}

/* --- The janitor --- */

/* One process that becomes the step's user can signal all of that user's at once. */
static void kill_user(uid_t uid)
{
	pid_t killer = fork();
	int status;

	if (!killer) {
		if (!setresuid(uid, uid, uid))
			kill(-1, SIGKILL);
		_exit(0);
	}
	if (killer > 0)
		processes_wait(killer, &status);
}

/* The janitor's own children; theirs become its own as they die. */
static void kill_children(void)
{
	_cleanup_free_ struct process *all = NULL;
	size_t count = processes_read(&all);

	for (size_t i = 0; i < count; i++)
		if (all[i].parent == getpid())
			kill(all[i].pid, SIGKILL);
}

/* Until none is left. What goes on making others is killed again before all that have ended are
 * waited for. */
static void kill_rest(uid_t uid)
{
	for (;;) {
		if (uid != geteuid())
			kill_user(uid);
		kill_children();
		if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
			return;
		for (int i = 0; i < MANY && waitpid(-1, NULL, WNOHANG) > 0; i++)
			;
	}
}

/* Landlock wants no_new_privs, and files, which the filter comes after. */
static int confine_step(const struct step *step, struct err *e)
{
	/* While there is a capability to do it with: the others go with the uid. */
	if (confine_bound_capabilities(e) || confine_become(step->outer_uid, e))
		return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return err_errno(e, "ask to die with the janitor");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_errno(e, "set no_new_privs");
	return restrict_files(step->options, e) ? -1 : isolation_confine(step, e);
}

/* A trial has done all that a step needs but running it; does what was done hold? */
static int try_out(struct err *e)
{
	_cleanup_close_ int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == EACCES)
		return 0;
	return err_set(e, "Landlock did not keep /tmp from being opened");
}

static void run_command(struct step *step)
{
	struct sandbox_report report = {.failed = true};

	if (!confine_step(step, &report.error)) {
		if (!step->options->trial)
			isolation_exec(step->options, step->report_fd);
		report.failed = try_out(&report.error);
	}
	report.error.kind = ERR_ENVIRONMENT;
	isolation_report(step->report_fd, &report);
	_exit(report.failed ? SANDBOX_EXIT_SETUP : 0);
}

static int run_step(struct step *step, struct err *e)
{
	sigset_t signals;
	pid_t command;
	int status;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) || prctl(PR_SET_CHILD_SUBREAPER, 1) ||
	    prctl(PR_SET_DUMPABLE, 0))
		return err_errno(e, "prepare the janitor");
	options_forget(step->options);
	command = fork();
	if (command < 0)
		return err_errno(e, "start the step's process");
	if (!command)
		run_command(step);
	step->watch.uid = step->outer_uid;
	status = watch_command(&step->watch, command, &signals, e);
	kill_rest(step->outer_uid);
	return status;
}

/* --- The supervisor --- */

static int check_root(const struct options *o, struct err *e)
{
	if (access(TOOLS_ROOT_MARK, F_OK))
		return err_kind(e, ERR_ENVIRONMENT,
		    "`/` is not the tools root (there is no " TOOLS_ROOT_MARK
		    "): this isolation works only in a container made of it, as by the "
		    "Dockerfile's builder; elsewhere isolation `userns` is the one to ask for");
	if (!o->trial && strcmp(o->root, "/"))
		return err_kind(
		    e, ERR_INPUT, "with isolation landlock the root is /, not %s", o->root);
	for (size_t i = 0; i < o->bind_count; i++)
		if (strcmp(o->binds[i].source, o->binds[i].destination))
			return err_kind(e, ERR_INPUT,
			    "with isolation landlock nothing can be mounted: %s must stand at %s",
			    o->binds[i].source, o->binds[i].destination);
	return 0;
}

/* Once, before anything is given away: an earlier step may have left links in its output, which
 * would lead the rule, and root's chown, elsewhere. */
static int open_binds(const struct options *o, struct err *e)
{
	for (size_t i = 0; i < o->bind_count; i++) {
		struct bind *bind = &o->binds[i];

		bind->tree_fd =
		    file_open_resolved(AT_FDCWD, bind->source, O_PATH, 0, RESOLVE_NO_SYMLINKS, e);
		if (bind->tree_fd >= 0)
			continue;
		if (e->errnum == ELOOP)
			return err_kind(e, ERR_INPUT,
			    "%s is, or is behind, a symbolic link: name what it leads to",
			    bind->source);
		if (e->errnum == ENOENT || e->errnum == ENOTDIR || e->errnum == EACCES)
			e->kind = ERR_INPUT;
		return -1;
	}
	return 0;
}

/* What the kernel, or a container's policy, answers where there is no Landlock. */
static int explain_absence(struct err *e)
{
	struct err cause;
	const char *action =
	    errno == EOPNOTSUPP ? "add `landlock` to `lsm=` on the kernel's command line"
	    : errno == ENOSYS	? "a kernel from 5.19 on with CONFIG_SECURITY_LANDLOCK is needed, "
				  "and in a container a policy that allows Landlock"
				: "in a container a policy that allows Landlock is needed";

	err_errno(&cause, "ask for the kernel's Landlock");
	return err_kind(e, ERR_ENVIRONMENT, "%s; %s", cause.text, action);
}

/* A step with the caller's uid could truncate the caller's files before ABI 3; one of another
 * uid cannot, and ABI 2 is enough for the rename between folders that builds need. */
static int check_abi(bool shares_uid, int *ret_abi, struct err *e)
{
	int abi = ruleset_abi(), least = shares_uid ? 3 : 2;

	if (!abi)
		return explain_absence(e);
	if (abi < least)
		return err_kind(e, ERR_ENVIRONMENT,
		    "this kernel's Landlock has ABI %d, and ABI %d is needed%s: a kernel from %s "
		    "on has it",
		    abi, least, shares_uid ? " where a step has the caller's uid" : "",
		    shares_uid ? "6.2" : "5.19");
	*ret_abi = abi;
	return 0;
}

/* Why a step has the caller's uid, and what that means. */
static const char *describe_weaker(int abi)
{
	static char text[SANDBOX_WEAKER_SIZE];

	snprintf(text, sizeof(text),
	    "%s, so it has the caller's: it can change modes and times of the caller's files, "
	    "though "
	    "not their content%s",
	    geteuid()
		? "only root can give a step a uid of its own"
		: "this user namespace maps too few ids to give a step one of its own (65,536 "
		  "are enough; see /etc/subuid and /etc/subgid)",
	    abi < 6 ? ", and send signals to the caller's processes" : "");
	return text;
}

static int prepare(struct step *step, struct err *e)
{
	uid_t uid = geteuid();
	bool shares_uid;
	int abi = 0;

	if (confine_spare_uid(&uid, e))
		return -1;
	shares_uid = uid == geteuid();
	if (check_root(step->options, e) || check_abi(shares_uid, &abi, e) ||
	    open_binds(step->options, e))
		return -1;
	if (shares_uid)
		step->weaker = describe_weaker(abi);
	else if (isolation_give(step->options, uid, e))
		return -1;
	step->outer_uid = uid;
	step->outer_gid = (gid_t)uid;
	return 0;
}

const struct isolation isolation_landlock = {
    .name = "landlock",
    .end_signal = SIGTERM,
    .prepare = prepare,
    .run = run_step,
};
