/*
 * The cgroup (version 2) that this process runs in, when it was delegated to this process's user,
 * as systemd does for a unit with Delegate=yes: then those of steps are made in it (--cgroup). In a
 * cgroup that gives its controllers on there can be no process, so this one moves to one below.
 * That of others is left alone, and so is root's, which may write to all of them.
 */
#ifndef SANDBOX_DELEGATED_H
#define SANDBOX_DELEGATED_H

#include "base/err.h"

struct delegated {
	char *path; /* absolute; NULL: there is none */
	char *own;  /* where this process is now, below it */
};

/* Take it, when that works: it is tried with a process. On failure all is as it was before, and `e`
 * says why. To be given back with delegated_close(). */
int delegated_open(struct delegated *ret_delegated, struct err *e);
void delegated_close(struct delegated *delegated);

#endif
