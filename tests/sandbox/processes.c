/* Other processes: to see, signal, slow down or outlive them. */
#include "attack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Signals: `signal SPELLING PID`. Number 0 asks whether one could be sent ---- */

static int signal_kill(char **words)
{
	return kill((pid_t)number(words[0]), 0);
}

static int signal_tgkill(char **words)
{
	return (int)syscall(SYS_tgkill, number(words[0]), number(words[0]), 0);
}

static int signal_queue(char **words)
{
	return sigqueue((pid_t)number(words[0]), 0, (union sigval){0});
}

static int signal_pidfd(char **words)
{
	int fd = (int)syscall(SYS_pidfd_open, number(words[0]), 0);

	return fd < 0 ? -1 : (int)syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0);
}

static const struct spelling signals[] = {
    {"kill", signal_kill},
    {"tgkill", signal_tgkill},
    {"queue", signal_queue},
    {"pidfd", signal_pidfd},
    {NULL, NULL},
};

static int attack_signal(char **words)
{
	return spelled(signals, words);
}

/* A real one: whoever does not ask for SIGURG does not notice it. The process that serve() makes
 * does ask, and ends. */
static int attack_kill(char **words)
{
	return kill((pid_t)number(words[0]), SIGURG);
}

/* Every process that can be seen, but itself: how many may it signal? */
static int attack_signal_all(char **words)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int seen = 0, reached = 0;

	(void)words;
	if (!processes)
		return -1;
	while ((entry = readdir(processes))) {
		pid_t pid = (pid_t)number(entry->d_name);

		if (pid <= 0 || pid == getpid())
			continue;
		seen++;
		reached += !kill(pid, 0);
	}
	closedir(processes);
	printf("%s, reached %d\n", seen ? "seen" : "none seen", reached);
	return FOUND;
}

/* ---- What is told of them ---- */

static int attack_see(char **words)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s", words[0]);
	return stat(path, &status);
}

/* `proc FILE PID`: open a file of its /proc folder, and read, as some refuse only then. */
static int attack_proc(char **words)
{
	char path[64], byte;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/%s", words[1], words[0]);
	fd = open(path, O_RDONLY | O_NOCTTY);
	if (fd < 0)
		return -1;
	return read(fd, &byte, 1) < 0 && errno != EISDIR ? -1 : 0;
}

/* ---- To slow them down, or be faster: each is set to what it is ---- */

static int attack_prlimit(char **words)
{
	struct rlimit limit;

	if (prlimit((pid_t)number(words[0]), RLIMIT_NICE, NULL, &limit))
		return -1;
	return prlimit((pid_t)number(words[0]), RLIMIT_NICE, &limit, NULL);
}

static const struct named priority_kinds[] = {
    {"process", PRIO_PROCESS},
    {"group", PRIO_PGRP},
    {"user", PRIO_USER},
    {NULL, 0},
};

static int attack_priority(char **words)
{
	int kind = (int)value_of(priority_kinds, words[0]);
	id_t who = (id_t)number(words[1]);

	return setpriority(kind, who, getpriority(kind, who));
}

static int attack_ioprio(char **words)
{
	int kind = (int)value_of(priority_kinds, words[0]) + IOPRIO_WHO_PROCESS;
	long who = number(words[1]), now = syscall(SYS_ioprio_get, kind, who);

	return (int)syscall(SYS_ioprio_set, kind, who, now < 0 ? 0 : now);
}

static int attack_affinity(char **words)
{
	pid_t pid = (pid_t)number(words[0]);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_getaffinity(pid, sizeof(set), &set);
	return sched_setaffinity(pid, sizeof(set), &set);
}

static int attack_scheduler(char **words)
{
	pid_t pid = (pid_t)number(words[0]);
	struct sched_param parameters = {0};
	int policy = sched_getscheduler(pid);

	return sched_setscheduler(pid, policy < 0 ? SCHED_OTHER : policy, &parameters);
}

static int attack_sched_param(char **words)
{
	struct sched_param parameters = {0};

	return sched_setparam((pid_t)number(words[0]), &parameters);
}

static int attack_sched_attr(char **words)
{
	unsigned char attributes[48] = {0};

	if (syscall(SYS_sched_getattr, 0, attributes, sizeof(attributes), 0))
		return -1;
	return (int)syscall(SYS_sched_setattr, number(words[0]), attributes, 0);
}

/* ---- To be alive when the step has ended ---- */

/* Not caught by the end of its parent, its session, or a signal. */
static int attack_survive(char **words)
{
	if (fork())
		return 0;
	setsid();
	if (fork())
		_exit(0);
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int signum = 1; signum < NSIG; signum++)
		signal(signum, SIG_IGN);
	for (;; usleep(10000)) {
		int fd = open(words[0], O_WRONLY | O_CREAT | O_APPEND, 0644);

		if (fd < 0 || write(fd, ".", 1) != 1 || close(fd))
			_exit(1);
	}
}

static void make_orphans(void)
{
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			if (!fork())
				_exit(0);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

/* Among many that only wait, more have always ended than whoever waits for orphans has seen. It
 * goes on until it is ended. */
static int attack_orphans(char **words)
{
	for (unsigned long i = number(words[0]); i > 0; i--)
		if (!fork()) {
			if (!fork())
				for (;;)
					pause();
			_exit(0);
		}
	for (int i = 0; i < 6; i++)
		if (!fork())
			make_orphans();
	for (;;)
		pause();
}

static int attack_survive_then_wait(char **words)
{
	if (attack_survive(words))
		return -1;
	for (;;)
		pause();
}

/* Always on the way to the next process: whoever looks for the present one comes late. */
static int attack_flee(char **words)
{
	if (fork())
		return 0;
	for (time_t end = time(NULL) + number(words[1]); time(NULL) < end;) {
		int fd = open(words[0], O_WRONLY | O_CREAT | O_APPEND, 0644);
		pid_t pid;

		if (fd < 0 || write(fd, ".", 1) != 1 || close(fd))
			_exit(1);
		pid = fork();
		if (pid)
			_exit(pid < 0);
	}
	_exit(0);
}

/* Goes on when it is refused another. */
static int attack_crowd(char **words)
{
	int children = 0;

	(void)words;
	alarm(30);
	while (children <= 5000) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
		}
		children += pid > 0;
		usleep(1000);
	}
	return 0;
}

static int attack_fork_bomb(char **words)
{
	int children = 0;
	pid_t pid;

	(void)words;
	while ((pid = fork()) > 0)
		if (++children > 5000)
			return 0;
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(10);
		pause();
	}
	return -1;
}

static int attack_exit(char **words)
{
	_exit((int)number(words[0]));
}

static int attack_die(char **words)
{
	signal((int)number(words[0]), SIG_DFL);
	raise((int)number(words[0]));
	return 0;
}

const struct attack on_processes[] = {
    {"signal", 2, attack_signal},
    {"kill", 1, attack_kill},
    {"signal-all", 0, attack_signal_all},
    {"see", 1, attack_see},
    {"proc", 2, attack_proc},
    {"prlimit", 1, attack_prlimit},
    {"priority", 2, attack_priority},
    {"ioprio", 2, attack_ioprio},
    {"affinity", 1, attack_affinity},
    {"scheduler", 1, attack_scheduler},
    {"sched-param", 1, attack_sched_param},
    {"sched-attr", 1, attack_sched_attr},
    {"survive", 1, attack_survive},
    {"survive-then-wait", 1, attack_survive_then_wait},
    {"flee", 2, attack_flee},
    {"orphans", 1, attack_orphans},
    {"crowd", 1, attack_crowd},
    {"fork-bomb", 0, attack_fork_bomb},
    {"exit", 1, attack_exit},
    {"die", 1, attack_die},
    {NULL, 0, NULL},
};
