/*
 * What minsys-sandbox tells the one who started it, in one atomic write to the pipe that
 * --report-fd names: either the set-up failed and why, or how the command ended.
 */
#ifndef SANDBOX_STATUS_H
#define SANDBOX_STATUS_H

#include "base/err.h"
#include "base/limits.h"

#include <limits.h>
#include <stdbool.h>

/* The exit status of minsys-sandbox when no command ran; the same as ERR_ENVIRONMENT. */
#define SANDBOX_EXIT_SETUP 3

/* Room for why an isolation holds only in its weaker form. */
#define SANDBOX_WEAKER_SIZE 512

struct sandbox_report {
	bool failed;
	enum limit exceeded; /* which it was ended by; LIMIT_NONE: none */
	uint64_t most;	     /* the value of that */
	int status;
	char weaker[SANDBOX_WEAKER_SIZE]; /* "" when it holds in full */
	struct err error;		  /* when `failed` */
};

_Static_assert(sizeof(struct sandbox_report) <= PIPE_BUF, "a report is one atomic write");

#endif
