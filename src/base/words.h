/* Words that people write: paths that must stay where they are, and names that are misspelled. */
#ifndef BASE_WORDS_H
#define BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/* Is this a path that leads nowhere but down: relative, without empty, `.` or `..` parts? */
bool path_is_plain(const char *path);

/* The candidate (of a NULL-terminated list) that `word` was most probably meant to be: at most
 * two slips away, and fewer than half of its letters; NULL when none is. */
const char *word_nearest(const char *word, const char *const *candidates);

#endif
