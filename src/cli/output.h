/*
 * What a task prints comes in pieces that end anywhere. This makes lines of it.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "base/buf.h"

#include <stddef.h>

/* The last line that was printed, to be shown as long as nothing follows; of a long one only its
 * first KiB. A zeroed struct knows none. */
struct last_line {
	struct buf unfinished;
	struct buf whole; /* the last one that ended, and was not blank */
};

/* A carriage return ends a line too: what follows takes its place. */
void last_line_add(struct last_line *last, const char *bytes, size_t length);
/* Without its end; empty when nothing but blank lines was printed. */
const struct buf *last_line_get(const struct last_line *last);
void last_line_free(struct last_line *last);

/* Add to `lines` all that is whole of `rest` and `bytes`, one after the other, and keep in `rest`
 * what is not. A line that does not end within a MiB is ended there. */
void take_lines(struct buf *rest, const char *bytes, size_t length, struct buf *lines);
/* Nothing follows any more: add `rest`, ended, to `lines`. */
void take_rest(struct buf *rest, struct buf *lines);

#endif
