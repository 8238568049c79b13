/*
 * What this machine's kernel offers, found out by doing, for `minsys doctor`. Each leaves nothing
 * behind. On failure `e` says what was tried and what came of it.
 */
#ifndef SANDBOX_PROBE_H
#define SANDBOX_PROBE_H

#include "base/err.h"

/* Can the filter of system calls be loaded? */
int probe_filter(struct err *e);

/* Can a file system of layers be mounted in a user namespace? */
int probe_overlay(struct err *e);

#endif
