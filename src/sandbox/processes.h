/*
 * The processes of this namespace, by /proc/<pid>/stat (proc(5)).
 */
#ifndef SANDBOX_PROCESSES_H
#define SANDBOX_PROCESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid, parent;
	uint64_t ticks; /* of processors: its own, and of its children that it waited for */
	uint64_t threads;
	bool is_below;
};

/* All that can be seen; the caller frees them. Returns how many there are. */
size_t processes_read(struct process **ret_processes);
/* Mark (is_below) what comes of `ancestor`: its children, theirs, and so on. */
void processes_mark_below(struct process *processes, size_t count, pid_t ancestor);

/* Wait for a child that has the uid of the step, which can send it signals: one that it stops is
 * killed. As waitpid(2). */
pid_t processes_wait(pid_t child, int *ret_status);

#endif
