#include "sandbox/watch.h"

#include "base/cleanup.h"
#include "base/human.h"
#include "base/memory.h"
#include "sandbox/isolation.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#define LONGEST 60000 /* milliseconds between two looks at the time */
#define INTERVAL 1000 /* milliseconds between two looks at both */
#define TRIES 50   /* milliseconds between two tries, when there is so much to do, at processes */
#define PATIENCE 5 /* intervals */

/* --- The processors' time --- */

struct process {
	pid_t pid, parent;
	uint64_t ticks; /* its own, and those of its children that it waited for */
	bool is_ours;
};

/* The numbers of /proc/<pid>/stat from the fourth on (proc(5)). */
enum { PARENT, OWN = 10, OWN_KERNEL, CHILDREN, CHILDREN_KERNEL, NUMBERS };

static bool read_numbers(const char *text, long long ret_numbers[NUMBERS])
{
	for (size_t i = 0; i < NUMBERS; i++) {
		char *end;

		ret_numbers[i] = strtoll(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

static bool read_process(const char *pid, struct process *ret_process)
{
	_cleanup_close_ int fd = -1;
	char path[300], text[1024];
	long long numbers[NUMBERS];
	const char *behind_name;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = 0;
	/* The name may hold anything, also `)`; behind it stands one letter, and then numbers. */
	behind_name = strrchr(text, ')');
	if (!behind_name || strlen(behind_name) < 3 || !read_numbers(behind_name + 3, numbers))
		return false;
	*ret_process = (struct process){
	    .pid = (pid_t)strtol(pid, NULL, 10),
	    .parent = (pid_t)numbers[PARENT],
	    .ticks = (uint64_t)(numbers[OWN] + numbers[OWN_KERNEL] + numbers[CHILDREN] +
				numbers[CHILDREN_KERNEL]),
	};
	return true;
}

static size_t read_processes(struct process **ret_processes)
{
	_cleanup_closedir_ DIR *folder = opendir("/proc");
	struct process *all = NULL;
	struct dirent *entry;
	size_t count = 0;

	while (folder && (entry = readdir(folder))) {
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		all = xgrow(all, count, sizeof(*all));
		count += read_process(entry->d_name, &all[count]);
	}
	*ret_processes = all;
	return count;
}

/* Mark those whose parent is `own` or marked; false when all were already. In a namespace of
 * process numbers that is all others. */
static bool mark_ours(struct process *all, size_t count, pid_t own)
{
	bool has_marked = false;

	for (size_t i = 0; i < count; i++)
		for (size_t p = 0; p < count && !all[i].is_ours && all[i].pid != own; p++)
			if (own == 1 ||
			    (all[p].pid == all[i].parent && (all[p].is_ours || all[p].pid == own)))
				has_marked = all[i].is_ours = true;
	return has_marked;
}

/* Of all that this process has started and of what has come of it, in microseconds. */
static uint64_t cpu_of_all(void)
{
	_cleanup_free_ struct process *all = NULL;
	size_t count = read_processes(&all);
	struct rusage ended;
	uint64_t sum;

	while (mark_ours(all, count, getpid()))
		;
	getrusage(RUSAGE_CHILDREN, &ended);
	sum = ((uint64_t)ended.ru_utime.tv_sec + (uint64_t)ended.ru_stime.tv_sec) * 1000000 +
	      (uint64_t)ended.ru_utime.tv_usec + (uint64_t)ended.ru_stime.tv_usec;
	for (size_t i = 0; i < count; i++)
		if (all[i].is_ours)
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

	if (getrlimit(RLIMIT_NPROC, &own) || own.rlim_cur == most)
		return false;
	own = (struct rlimit){most, most};
	if (setrlimit(RLIMIT_NPROC, &own) || setresuid(w->uid, w->uid, w->uid))
		return false;
	child = fork();
	if (!child)
		_exit(0);
	if (child > 0)
		waitpid(child, NULL, 0);
	return child < 0 && errno == EAGAIN;
}

/* Nobody counts how many processes a user has where only that is bounded. But when there are so
 * many on all of the machine, one can try to start another. */
static bool is_refused_processes(const struct watch *w)
{
	struct sysinfo machine;
	int status;
	pid_t child;

	if (w->cgroup->fd >= 0)
		return cgroup_refused_process(w->cgroup);
	if (sysinfo(&machine) || machine.procs < limit_of(w->limits, LIMIT_PROCESSES))
		return false;
	child = fork();
	if (!child)
		_exit(cannot_start(w));
	if (child < 0)
		return errno == EAGAIN;
	return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status);
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
	w->was_refused = w->was_refused || is_refused_processes(w);
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
	    is_refused_processes(w))
		w->exceeded = LIMIT_PROCESSES;
	return waitpid(info.si_pid, ret_status, 0);
}

int watch_command(struct watch *watch, pid_t command, const sigset_t *signals, struct err *e)
{
	static const struct timespec second = {.tv_sec = INTERVAL / 1000};

	for (;;) {
		int status;
		pid_t ended;

		while ((ended = reap(watch, command, &status)) > 0)
			if (ended == command)
				return isolation_status(status);
		if (ended < 0 && errno != EINTR)
			return err_errno(e, "wait for the command");
		if (sigtimedwait(signals, NULL, &second) == SIGTERM || look(watch))
			return 128 + SIGKILL;
	}
}
