/* Words that others wrote: paths that must stay where they are, names that are misspelled, texts
 * that go to a terminal. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Is this a path that leads nowhere but down: relative, without empty, `.` or `..` parts? */
bool path_is_plain(const char *path);

/* The candidate (of a NULL-terminated list) that `word` was most probably meant to be: at most
 * two slips away, and fewer than half of its letters; NULL when none is. */
const char *word_nearest(const char *word, const char *const *candidates);

/* Put `?` in place of every control byte, and of every byte of the control characters that UTF-8
 * has beyond them, so that a name found in an archive or a file can neither command a terminal nor
 * begin a line of its own. */
void make_printable(char *text);

/* Add bytes that anyone may have written to a text for a terminal: newlines and tabs as they are,
 * every other byte of a control character as \xNN. */
void add_visible(struct buf *text, const char *bytes, size_t length);

#endif
