/*
 * What every isolation takes from a process before it runs build code.
 */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <sys/types.h>

/* The uid that the step is to have outside: for root one that owns nothing and that, but for a
 * chance of one in thousands, no other process has; for anyone else, and where the user namespace
 * maps too few uids for that, the caller's own. */
int confine_spare_uid(uid_t *ret_uid, struct err *e);

/* The same, but only of a range that a full user namespace maps, so that what the machine's root
 * gives up is not what root in a container needs to reach its files. */
int confine_reserved_uid(uid_t *ret_uid, struct err *e);

/* Become that user, with no group but its own. Who stays who he was may do so only if he is not
 * the machine's root under another number: see the definition. */
int confine_become(uid_t uid, struct err *e);

/* Before that: give it a pipe that is to be one of its standard streams, or the step could not
 * open /dev/stdout. A pipe has no name, so nobody else is affected; a file, a terminal, or a pipe
 * from outside of the user namespace stays its owner's. */
int confine_give_pipe(int fd, uid_t uid, struct err *e);
/* The same for a terminal that was made for it. */
int confine_give_terminal(int fd, uid_t uid, struct err *e);

/* While there are capabilities: take all from what exec may ever give. Without the one that this
 * needs nothing is done, as no_new_privs is what then keeps exec from giving any. */
int confine_bound_capabilities(struct err *e);

/* A fresh session keyring, no capability in any set and none to be had by exec, no_new_privs,
 * umask 022, default signals, no core files, limits of processes and of each process, then the
 * system call filter. */
int confine_process(const struct limits *limits, struct err *e);

/* In the child that will exec: a session of its own, nothing on standard input, and no
 * descriptor but that, standard output and error and those of `kept`, which it sorts. */
int confine_descriptors(int *kept, size_t count, struct err *e);

/* After that: this pipe is standard input. Takes it. */
int confine_input(int fd, struct err *e);
/* This terminal controls the session, and is all three standard streams. Takes it. */
int confine_terminal(int fd, struct err *e);

#endif
