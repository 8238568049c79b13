/*
 * Between the standard streams of this program and a command in a sandbox. Where a person sits at
 * a terminal, the command gets one of its own (a pseudo-terminal), so that it never holds the
 * person's: what it does to its terminal, setting modes, pushing keystrokes, taking it over, ends
 * there. What is typed goes to the command as it is, and so does what it prints to the person,
 * escape sequences too. Elsewhere the streams are pipes, and what goes from one of them to a
 * terminal is made harmless first.
 */
#ifndef CLI_RELAY_H
#define CLI_RELAY_H

#include "base/err.h"

#include <stdbool.h>

struct relay {
	/* The command's ends; 0: none. */
	int terminal_fd;
	int input_fd, output_fd, error_fd;
	/* The other ones: what it reads, what it prints. */
	int master_fd;
	int to_fd, from_fds[2];
	int signal; /* that ended it before the command had; 0: none did */
};

/* Does a person sit at standard input and output? */
bool relay_has_person(void);

/* Make the command's ends: a terminal, which relay_has_person() must have said makes sense, or
 * pipes. To be closed in any case. */
int relay_open(struct relay *relay, bool with_terminal, struct err *e);
void relay_close(struct relay *relay);

/* As step_visit() calls it; `context` is the relay. The person's terminal is in raw mode
 * meanwhile, and as it was before when this returns. SIGHUP, SIGINT, SIGQUIT and SIGTERM end it. */
void relay_attend(void *context, int end_fd);

#endif
