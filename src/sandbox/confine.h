/*
 * What every isolation takes from a process before it runs build code.
 */
#ifndef SANDBOX_CONFINE_H
#define SANDBOX_CONFINE_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

/* When started by root: become a user that owns nothing, and no group but its own. The uid is
 * this process's own while it runs, as it is made from its pid. Returns 0 and the uid (that of
 * the caller when that is not root). Where the user namespace has no other uid to become, root
 * may stay only if it is not the machine's: see the definition. */
uid_t confine_spare_uid(void);
int confine_become(uid_t uid, struct err *e);

/* A fresh session keyring, no capability in any set and none to be had by exec, no_new_privs,
 * umask 022, default signals, no core files, then the system call filter. */
int confine_process(struct err *e);

/* In the child that will exec: a session of its own, nothing on standard input, and no
 * descriptor but that, standard output and error and `kept_fd` (close-on-exec). Output goes to
 * where standard output went. */
int confine_descriptors(int kept_fd, struct err *e);

#endif
