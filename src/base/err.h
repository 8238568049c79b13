/*
 * The error object. A fallible function takes a `struct err *` last, returns 0 or -1 (or an
 * owned pointer or descriptor), and on failure has said in it what it was doing, to what, and
 * why that failed. It has a fixed size and never allocates, so it survives clone(2) and fits in
 * one atomic write to a pipe (PIPE_BUF).
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

/* What a failure means for the exit status of the program; see the exit codes in README.md. */
enum err_kind {
	ERR_FAILED = 1,	     /* what was asked for could not be done */
	ERR_INPUT = 2,	     /* the user's input is wrong */
	ERR_ENVIRONMENT = 3, /* this machine lacks something */
};

struct err {
	enum err_kind kind;
	int errnum; /* the errno behind it, or 0 */
	char text[2040];
};

/* Record a failure of kind ERR_FAILED; always returns -1, so that `return err_set(…)` reads well.
 * A text longer than the buffer loses its end, never its beginning. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with ": " and the message of the current errno behind the text. */
int err_errno(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same as err_set, of another kind. */
int err_kind(struct err *e, enum err_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put context and ": " before what `e` says already; always returns -1. */
int err_wrap(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
