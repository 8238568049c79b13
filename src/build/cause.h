/*
 * Putting together the causes of a `struct why`: what differs, in words and figures that are fit
 * for a terminal and for JSON, whatever the files and scripts of a project hold.
 */
#ifndef BUILD_CAUSE_H
#define BUILD_CAUSE_H

#include "build/compare.h"
#include "build/why.h"

/* Add a cause, the rest of which is the caller's to fill in; valid until the next is added. */
struct cause *cause_add(struct why *why, const char *stage, enum cause_kind kind);

/* A text that anyone may have written, as one line without control characters, in UTF-8; a long one
 * ends with "...". Owned by `why`, as all that these return. */
const char *cause_keep(struct why *why, const char *text, size_t length);
/* NULL for one that is not known. */
const char *cause_keep_digest(struct why *why, const struct digest *digest);
const char *cause_say(struct why *why, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Fill in how two texts differ: by line, or when they are none by size. */
void cause_lines(
    struct why *why, struct cause *cause, const struct buf *before, const struct buf *after);
/* The same for the values of a fact, which are shown whole when they are lines. */
void cause_values(
    struct why *why, struct cause *cause, const struct fact *before, const struct fact *after);
/* Which files differ. */
void cause_trees(
    struct why *why, struct cause *cause, const struct tree *before, const struct tree *after);
/* Which packages differ, and what else makes up a tools root: history_describe_tools(). */
void cause_tools(
    struct why *why, struct cause *cause, const struct facts *before, const struct facts *after);

#endif
