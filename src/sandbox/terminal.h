/*
 * A step that writes to a terminal could read from it as well: the descriptor is mostly the one
 * that the shell reads keystrokes from. So the step gets a pipe instead, and what comes out of
 * it is passed on.
 */
#ifndef SANDBOX_TERMINAL_H
#define SANDBOX_TERMINAL_H

#include "base/err.h"

struct terminal {
	int read_end; /* -1: there is nothing to pass on */
	int saved[3]; /* what descriptors 1 and 2 were, or -1 */
};

/* Put a pipe in the place of standard output and error where they are terminals. */
int terminal_hide(struct terminal *ret_terminal, struct err *e);

/* Pass on what is there; may block when nothing is. */
void terminal_pass(const struct terminal *terminal);

/* Put them back, once nobody else has the pipe, and pass on the rest. */
void terminal_restore(struct terminal *terminal);

#endif
