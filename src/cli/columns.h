/*
 * What others wrote, as part of one line of a terminal: how wide it is there is always known, and
 * nothing in it commands the terminal.
 */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Does the user's locale (LC_ALL, LC_CTYPE, LANG) say that the terminal takes UTF-8? */
bool columns_are_utf8(void);

/*
 * Add as many characters as fit into `width` columns: tabs and newlines as spaces, bytes of other
 * control characters as \xNN, what is not UTF-8 or has no place of its own as `?`; with `is_utf8`
 * unset, `?` for every character beyond ASCII. Characters whose width terminals do not agree on
 * count as two columns. Returns how many are taken, counting so.
 */
size_t add_columns(struct buf *line, const char *bytes, size_t length, size_t width, bool is_utf8);

#endif
