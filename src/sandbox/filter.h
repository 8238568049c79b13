/*
 * The system calls that a step may make: one table for every isolation. What a build has no use
 * for and what has broken other sandboxes is refused; what is newer than this table does not
 * exist (ENOSYS), so that a new kernel opens no new way; the 32-bit and x32 entry points are
 * closed.
 */
#ifndef SANDBOX_FILTER_H
#define SANDBOX_FILTER_H

#include "base/err.h"

#include <linux/filter.h>
#include <stddef.h>

#define FILTER_LENGTH 400

/* Write the filter's program, of at most FILTER_LENGTH instructions; returns how many. */
size_t filter_make(struct sock_filter *ret_program);

/* Load the filter for this process and all that it will start. Needs no_new_privs. There is no
 * way back. */
int filter_load(struct err *e);

#endif
