#include "sandbox/isolation.h"

#include "base/cleanup.h"
#include "base/human.h"
#include "sandbox/confine.h"
#include "sandbox/give.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

const struct isolation *isolation_find(const char *name)
{
	static const struct isolation *const all[] = {&isolation_userns, &isolation_landlock};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

void isolation_report(int fd, const struct sandbox_report *report)
{
	/* One write of less than PIPE_BUF bytes is atomic; if it fails, the reader sees the end. */
	if (write(fd, report, sizeof(*report)) < 0)
		_exit(SANDBOX_EXIT_SETUP);
}

static void send_error(int fd, const struct err *e)
{
	struct sandbox_report report = {.failed = true, .error = *e};

	isolation_report(fd, &report);
}

static int confine_streams(const struct options *o, int report_fd, struct err *e)
{
	/* The report's is closed on exec. */
	const int all[] = {
	    report_fd, o->jobserver[0], o->jobserver[1], o->input_fd, o->terminal_fd};
	int kept[sizeof(all) / sizeof(*all)];
	size_t count = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] >= 0)
			kept[count++] = all[i];
	if (confine_descriptors(kept, count, e) ||
	    (o->input_fd >= 0 && confine_input(o->input_fd, e)))
		return -1;
	return o->terminal_fd < 0 ? 0 : confine_terminal(o->terminal_fd, e);
}

/* What fails here is told on the pipe before init's own report, and the first report counts. */
void isolation_exec(const struct options *o, int report_fd)
{
	sigset_t none;
	struct err e;

	/* Init blocks those that it waits for. */
	sigemptyset(&none);
	if (sigprocmask(SIG_SETMASK, &none, NULL))
		err_errno(&e, "unblock signals");
	else if (!confine_streams(o, report_fd, &e)) {
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

int isolation_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
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
	return bind->is_given ? give_all(fd, bind->source, uid, e) : give(fd, bind->source, uid, e);
}

int isolation_give(const struct options *o, uid_t uid, struct err *e)
{
	for (size_t i = 0; i < o->bind_count; i++)
		if (o->binds[i].writable && give_folder(&o->binds[i], uid, e))
			return -1;
	if (confine_give_pipe(1, uid, e) || confine_give_pipe(2, uid, e) ||
	    (o->input_fd >= 0 && confine_give_pipe(o->input_fd, uid, e)))
		return -1;
	return o->terminal_fd < 0 ? 0 : confine_give_terminal(o->terminal_fd, uid, e);
}

int isolation_confine(const struct step *step, struct err *e)
{
	static const struct limits by_default;
	struct limits limits = step->options->limits;

	/* The cgroup bounds what is used; a process may reserve more. And it is to be the one that
	 * refuses processes: while many are being started, the kernel counts some too many for
	 * rlimits. */
	if (step->cgroup.fd >= 0) {
		limits.most[LIMIT_MEMORY] = 0;
		if (limits.most[LIMIT_PROCESSES] < limit_of(&by_default, LIMIT_PROCESSES))
			limits.most[LIMIT_PROCESSES] = 0;
	}
	return confine_process(&limits, e);
}

/* init must not outlive the supervisor. The signal covers a death from now on; the pipe's hang-up
 * one that came before. */
static int die_with_supervisor(const struct step *step, struct err *e)
{
	struct pollfd life = {.fd = step->life_fd, .events = POLLIN};

	if (prctl(PR_SET_PDEATHSIG, step->isolation->end_signal))
		return err_errno(e, "ask to die with the supervisor");
	switch (poll(&life, 1, 0)) {
	case 0:
		return 0;
	case 1:
		return err_set(e, "the supervisor is gone");
	default:
		return err_errno(e, "look whether the supervisor is there");
	}
	return 0;
}

static void init_main(struct step *step)
{
	struct sandbox_report report = {0};

	report.status = -1;
	watch_begin(&step->watch, &step->options->limits, &step->cgroup);
	if (!die_with_supervisor(step, &report.error))
		report.status = step->isolation->run(step, &report.error);
	report.failed = report.status < 0;
	report.exceeded = step->watch.exceeded;
	report.most = limit_of(&step->options->limits, report.exceeded);
	if (report.failed && report.error.kind == ERR_FAILED)
		report.error.kind = ERR_ENVIRONMENT;
	isolation_report(step->report_fd, &report);
	_exit(0);
}

/* What is left of the time limit, as poll() takes it: -1 when there is none. */
static int time_left(long long end)
{
	long long left = end - (long long)clock_milliseconds();

	if (!end)
		return -1;
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* The end of the pipe comes first when init died without one. */
static int read_report(int fd, struct sandbox_report *report, bool *ret_told, struct err *e)
{
	ssize_t got;

	while ((got = read(fd, report, sizeof(*report))) < 0)
		if (errno != EINTR)
			return err_errno(e, "read the sandbox's report");
	*ret_told = got == sizeof(*report);
	return 0;
}

/* Wait for the first report, or for the time limit; pass on output meanwhile. */
static int await_report(int fd, uint64_t seconds, const struct terminal *terminal,
    struct sandbox_report *report, bool *ret_told, struct err *e)
{
	long long end = seconds ? (long long)(clock_milliseconds() + seconds * 1000) : 0;
	struct pollfd ready[] = {
	    {.fd = fd, .events = POLLIN},
	    {.fd = terminal->read_end, .events = POLLIN},
	};

	for (;;) {
		int count = poll(ready, 2, time_left(end));

		if (count < 0 && errno != EINTR)
			return err_errno(e, "wait for the sandbox's report");
		if (count > 0 && ready[0].revents)
			return read_report(fd, report, ret_told, e);
		if (count > 0)
			terminal_pass(terminal);
		if (!count || !time_left(end)) {
			*report = (struct sandbox_report){
			    .exceeded = LIMIT_TIME, .most = seconds, .status = 128 + SIGKILL};
			*ret_told = true;
			return 0;
		}
	}
}

static int supervise(const struct step *step, pid_t init, int report_fd, struct terminal *terminal,
    struct sandbox_report *ret_report, struct err *e)
{
	bool told = false;
	int failed = await_report(
	    report_fd, step->options->limits.most[LIMIT_TIME], terminal, ret_report, &told, e);
	int status;

	/* Whatever it told: init's end is the end of all, and waiting for it waits for them. */
	kill(init, step->isolation->end_signal);
	while (waitpid(init, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "wait for the sandbox");
	if (failed)
		return -1;
	if ((!told || ret_report->status) && cgroup_ran_out_of_memory(&step->cgroup)) {
		*ret_report = (struct sandbox_report){
		    .exceeded = LIMIT_MEMORY, .most = step->cgroup.memory, .status = 128 + SIGKILL};
		return 0;
	}
	if (!told)
		return err_kind(e, ERR_ENVIRONMENT,
		    WIFSIGNALED(status)
			? "the sandbox was killed from outside, perhaps for want of memory"
			: "the sandbox ended and could not tell how it went");
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

/* Start init, and follow it to its end. */
static int run_init(
    struct step *step, struct terminal *terminal, struct sandbox_report *ret_report, struct err *e)
{
	_cleanup_close_ int report_read = -1, report_write = -1, life_read = -1, life_write = -1;
	int ends[2];
	pid_t init;

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	step->report_fd = report_write = ends[1];
	report_read = ends[0];
	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	step->life_fd = life_read = ends[0];
	life_write = ends[1];
	init = cgroup_fork(&step->cgroup, step->isolation->namespaces);
	if (init < 0) {
		err_errno(
		    e, step->isolation->namespaces ? "make namespaces (clone)" : "start a process");
		e->kind = ERR_ENVIRONMENT;
		if (step->isolation->advise)
			step->isolation->advise(e);
		return -1;
	}
	step->is_started = true;
	if (!init) {
		close(life_write);
		init_main(step);
	}
	close(steal_fd(&report_write));
	return supervise(step, init, report_read, terminal, ret_report, e);
}

int isolation_run(const struct isolation *isolation, struct options *options,
    struct sandbox_report *ret_report, struct err *e)
{
	struct step step = {.isolation = isolation, .options = options, .cgroup = cgroup_none};
	struct terminal terminal;
	int result;

	if (terminal_hide(&terminal, e))
		return -1;
	result = isolation->prepare(&step, e);
	if (!result && options->report_fd >= 0)
		result = die_with_caller(options->report_fd, e);
	if (!result && options->cgroup)
		result = cgroup_make(options->cgroup, &options->limits, &step.cgroup, e);
	if (!result)
		result = run_init(&step, &terminal, ret_report, e);
	cgroup_end(&step.cgroup);
	if (result && e->kind == ERR_ENVIRONMENT && (options->trial || !step.is_started))
		err_wrap(e, "isolation `%s` does not work here", isolation->name);
	if (step.weaker)
		snprintf(ret_report->weaker, sizeof(ret_report->weaker), "%s", step.weaker);
	terminal_restore(&terminal);
	return result;
}
