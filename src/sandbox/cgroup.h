/*
 * A cgroup (version 2) of a step's own, made in one that was delegated to the caller. The kernel
 * then counts for all processes of the step together: memory, which is bounded; processes, the
 * same; and the processors' time, which others look at.
 */
#ifndef SANDBOX_CGROUP_H
#define SANDBOX_CGROUP_H

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <sys/types.h>

#define CGROUP_PREFIX "minsys-step-"

struct cgroup {
	int parent_fd;
	int fd; /* -1: the step has none */
	char name[32];
	int cpu_fd, pids_fd, memory_fd; /* cpu.stat, pids.events, memory.events */
	uint64_t memory;		/* bytes that it may have */
};

extern const struct cgroup cgroup_none;

/* Make one in that at `parent`, an absolute path. Without a limit of memory it may have seven
 * eighths of the machine's. To be ended with cgroup_end(). */
int cgroup_make(
    const char *parent, const struct limits *limits, struct cgroup *ret_cgroup, struct err *e);

/* As fork(2) with new namespaces, CLONE_NEW..., into the cgroup if there is one. */
pid_t cgroup_fork(const struct cgroup *cgroup, unsigned long namespaces);

/* Microseconds of processors that all in it has used. */
uint64_t cgroup_cpu(const struct cgroup *cgroup);
/* How often it was refused a process for its limit, or one above it for its own. */
uint64_t cgroup_refused_processes(const struct cgroup *cgroup);
/* Was it killed for its limit of memory? */
bool cgroup_ran_out_of_memory(const struct cgroup *cgroup);

/* Remove the cgroup `name` in the folder `parent`; what has ended is still in it for a moment, so
 * try that often, 5 ms apart. One that is not there, or in use, is left. */
void cgroup_remove(int parent, const char *name, int tries);

/* Kill all that is in it, and remove it. Without one it does nothing. */
void cgroup_end(struct cgroup *cgroup);

#endif
