#include "sandbox/watch.h"

#include "base/cleanup.h"
#include "base/human.h"
#include "sandbox/isolation.h"
#include "sandbox/processes.h"

#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#define LONGEST 60000 /* milliseconds between two looks at the time */
#define INTERVAL 1000 /* milliseconds between two looks at both */
#define TRIES 50   /* milliseconds between two tries, when there is so much to do, at processes */
#define PATIENCE 5 /* intervals */

/* --- The processors' time --- */

/* Of all that this process has started and of what has come of it, in microseconds. */
static uint64_t cpu_of_all(void)
{
	_cleanup_free_ struct process *all = NULL;
	size_t count = processes_read(&all);
	struct rusage ended;
	uint64_t sum;

	processes_mark_below(all, count, getpid());
	getrusage(RUSAGE_CHILDREN, &ended);
	sum = ((uint64_t)ended.ru_utime.tv_sec + (uint64_t)ended.ru_stime.tv_sec) * 1000000 +
	      (uint64_t)ended.ru_utime.tv_usec + (uint64_t)ended.ru_stime.tv_usec;
	for (size_t i = 0; i < count; i++)
		if (all[i].is_below)
			sum += all[i].ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	return sum;
}

/* It is looked at no more often than makes a difference. */
static bool has_used_time(struct watch *w)
{
	uint64_t most = w->limits->most[LIMIT_CPU] * 1000000, now = clock_milliseconds();
	uint64_t used, left;

	if (!most || now < w->next)
		return false;
	used = w->cgroup->fd < 0 ? cpu_of_all() : cgroup_cpu(w->cgroup);
	if (used >= most)
		return true;
	left = (most - used) / 1000 / w->processors;
	w->next = now + (left > LONGEST ? LONGEST : left);
	return false;
}

/* --- Processes --- */

/* Where the limit is not this process's own, as one of the step's processes would. */
static bool cannot_start(const struct watch *w)
{
	rlim_t most = limit_of(w->limits, LIMIT_PROCESSES);
	struct rlimit own;
	pid_t child;
	int status;

	if (getrlimit(RLIMIT_NPROC, &own) || own.rlim_cur == most)
		return false;
	if (own.rlim_max > most)
		own.rlim_max = most;
	own.rlim_cur = own.rlim_max;
	if (setrlimit(RLIMIT_NPROC, &own) || setresuid(w->uid, w->uid, w->uid))
		return false;
	child = fork();
	if (!child)
		_exit(0);
	if (child < 0)
		return errno == EAGAIN;
	processes_wait(child, &status);
	return false;
}

static bool is_refused_process(const struct watch *w)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(cannot_start(w));
	if (child < 0)
		return errno == EAGAIN;
	return processes_wait(child, &status) == child && WIFEXITED(status) && WEXITSTATUS(status);
}

/* Or it is others that use up what the machine, a container or a user may have. */
static bool has_most(const struct watch *w)
{
	_cleanup_free_ struct process *all = NULL;
	size_t count = processes_read(&all);
	uint64_t threads = 0;

	processes_mark_below(all, count, getpid());
	for (size_t i = 0; i < count; i++)
		threads += all[i].is_below ? all[i].threads : 0;
	return threads >= limit_of(w->limits, LIMIT_PROCESSES) / 4 * 3;
}

/* Nobody counts how many processes a user has where only that is bounded: one can but try to start
 * another. A cgroup counts how often it refused one. */
static bool is_at_limit(struct watch *w)
{
	uint64_t before = w->refused;

	if (w->cgroup->fd < 0)
		return is_refused_process(w) && has_most(w);
	w->refused = cgroup_refused_processes(w->cgroup);
	return w->refused > before;
}

/* --- All together --- */

void watch_begin(struct watch *watch, const struct limits *limits, const struct cgroup *cgroup)
{
	int processors = get_nprocs_conf();

	*watch = (struct watch){
	    .limits = limits,
	    .cgroup = cgroup,
	    .uid = geteuid(),
	    .processors = processors > 0 ? (uint64_t)processors : 1,
	};
}

/* Each child that ends wakes this process up, and looking makes children. Who can do with fewer
 * processes, after a moment, may go on, or end by himself; but of a bomb some always end, so that a
 * process is not refused each time. */
static bool look(struct watch *w)
{
	uint64_t now = clock_milliseconds();

	if (now < w->next_try)
		return false;
	w->next_try = now + TRIES;
	w->was_refused = w->was_refused || is_at_limit(w);
	if (now < w->next_look)
		return false;
	w->next_look = now + INTERVAL;
	w->refusals = w->was_refused ? w->refusals + 1 : 0;
	w->was_refused = false;
	if (w->refusals == PATIENCE)
		w->exceeded = LIMIT_PROCESSES;
	else if (has_used_time(w))
		w->exceeded = LIMIT_CPU;
	return w->exceeded;
}

/* As waitpid(2) with WNOHANG, for any child. Whether the command failed for want of processes is
 * looked at before: once it is waited for, there is one less. */
static pid_t reap(struct watch *w, pid_t command, int *ret_status)
{
	siginfo_t info = {0};

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT))
		return -1;
	if (!info.si_pid)
		return 0;
	if (info.si_pid == command && (info.si_code != CLD_EXITED || info.si_status) &&
	    (is_at_limit(w) || w->was_refused || w->refusals))
		w->exceeded = LIMIT_PROCESSES;
	return waitpid(info.si_pid, ret_status, 0);
}

int watch_command(struct watch *watch, pid_t command, const sigset_t *signals, struct err *e)
{
	static const struct timespec second = {.tv_sec = INTERVAL / 1000}, now = {0};

	for (;;) {
		int status;
		pid_t ended = reap(watch, command, &status);

		if (ended == command)
			return isolation_status(status);
		if (ended < 0 && errno != EINTR)
			return err_errno(e, "wait for the command");
		/* More may always have ended: there is no waiting for a moment without. */
		if (sigtimedwait(signals, NULL, ended > 0 ? &now : &second) == SIGTERM ||
		    look(watch))
			return 128 + SIGKILL;
	}
}
