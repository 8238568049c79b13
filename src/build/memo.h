/*
 * A memo of a build that had nothing to do: the names of all that it was decided by, and the state
 * that this was in (times, size, inode number). While all of it is in the same state there is
 * nothing to do again, and nothing of it needs to be read.
 *
 * A state stands for a content only when no change can go unnoticed: a memo is written only when
 * everything had been changed last before the build that it is of began. Whatever is in another
 * state, is gone or new, the memo does not hold, and the build looks for itself.
 */
#ifndef BUILD_MEMO_H
#define BUILD_MEMO_H

#include "build/build.h"

#include <time.h>

struct memo {
	struct timespec began; /* the build that it is to be of */
	char path[80];	       /* below the store */
};

/* A build begins: nothing may have been read for it yet. What it is of: a project's folder, the
 * target asked for, and where the result goes, or NULL, and the stages asked for. */
void memo_begin(const char *project, const char *target, const char *out, const char *const *stages,
    struct memo *ret_memo);

/* Is there one in the store at `path`, which may not be there itself? */
bool memo_exists(const struct memo *memo, const char *path);

/* Is there nothing to do? Then *ret_out, which the caller frees, is the folder with the result, or
 * NULL when none was asked for. */
bool memo_holds(const struct memo *memo, struct store *store, const char *project, char **ret_out);

/* Write one of a build that has done nothing, and found everything in `out` as it had put it there;
 * nothing when none can be. */
void memo_write(const struct memo *memo, const struct build *build, const char *out);

#endif
