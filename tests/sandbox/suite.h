/*
 * All attacks of the table, one after the other, each in a sandbox of its own.
 */
#ifndef ATTACK_SUITE_H
#define ATTACK_SUITE_H

#include "base/err.h"

/*
 * Try all that the table has in the column `isolation` (with `begin`, which may be NULL: whose
 * words begin so), by way of minsys-sandbox at `sandbox` (for `none`: by nothing), and print a line
 * for each: its verdict, the words, what the table says, what it came to, and the gap that it is,
 * with `|` between them. The last one is `same|unharmed|…` when nothing outside was changed. Then
 * the gaps that were met: `gap|NAME|TEXT`.
 */
int suite_run(const char *isolation, const char *sandbox, const char *begin, struct err *e);

#endif
