/*
 * Running another program to its end and keeping what it said.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "base/buf.h"
#include "base/err.h"

#include <signal.h>
#include <stdbool.h>

struct process {
	const char *const
	    *argv; /* NULL-terminated; argv[0] is looked up in PATH unless it has a / */
	const char *const *env;	  /* NULL-terminated NAME=value, in place of or beside what this
				     program's own environment says; NULL: nothing */
	const char *input;	  /* its standard input; NULL: empty */
	unsigned timeout_seconds; /* 0: none */
	/* Other than 0: end it. With this or a time limit, all that it started and that has not
	 * left its process group ends with it. */
	const volatile sig_atomic_t *stop;
};

/* How a program ended and what it wrote. */
struct process_result {
	int status; /* its exit status, or 128 and the number of the signal that killed it */
	bool timed_out;
	struct buf output;
	struct buf errors;
};

#define _cleanup_process_result_ _cleanup_(process_result_free)

/*
 * Run it and wait until it ended. An exit status other than 0 is no failure of this function: it
 * is in `ret_result`, which is zeroed or empty on entry and to be freed by the caller. A program
 * that is not there is ERR_ENVIRONMENT. Output of more than 256 MiB is a failure.
 */
int process_run(const struct process *process, struct process_result *ret_result, struct err *e);

/* The last lines of what it wrote on standard error (a few hundred bytes, never cut within a
 * line unless one line is longer), without the newline at the end. Owned by the result. */
const char *process_last_words(struct process_result *result);

void process_result_free(struct process_result *result);

#endif
