/*
 * Init's watch over the command: it reaps what has ended, and looks at what all of it uses of two
 * limits that the kernel keeps for no group of processes but a cgroup: the processors' time, and
 * whether processes are refused.
 *
 * Without a cgroup the time is that of the processes that are alive and of those that their parents
 * waited for. That of children whose parent ignores SIGCHLD is lost; only the time on the wall
 * bounds a step that does so on purpose.
 */
#ifndef SANDBOX_WATCH_H
#define SANDBOX_WATCH_H

#include "sandbox/cgroup.h"

#include <signal.h>
#include <sys/types.h>

struct watch {
	const struct limits *limits;
	const struct cgroup *cgroup;
	uid_t uid;		      /* whose processes are counted, as this process sees it */
	uint64_t processors;	      /* as many as it may use at once */
	uint64_t next_try, next_look; /* milliseconds */
	uint64_t next;	     /* when all of its time may be used at the earliest: milliseconds */
	uint64_t refused;    /* processes, by the cgroup, until the last look */
	bool was_refused;    /* a process, since the last look */
	unsigned refusals;   /* looks in a row that found that */
	enum limit exceeded; /* which has ended it; LIMIT_NONE: none */
};

/* Before anything is shut off. */
void watch_begin(struct watch *watch, const struct limits *limits, const struct cgroup *cgroup);

/* Wait for the end of `command`, or for that of all of a limit, or for SIGTERM, if that is among
 * `signals`, which are blocked, as SIGCHLD is. Returns the command's status, or 128 + SIGKILL; -1
 * on an error. */
int watch_command(struct watch *watch, pid_t command, const sigset_t *signals, struct err *e);

#endif
