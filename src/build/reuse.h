/*
 * What of the last result stands in the next one too: the files themselves, linked, instead of
 * copies. A note in the store says in which state an export left everything in its folder. While it
 * is in that state nobody has changed anything there, and it holds what was copied and checked
 * then.
 */
#ifndef BUILD_REUSE_H
#define BUILD_REUSE_H

#include "build/manifest.h"

struct reuse {
	int folder;	  /* the last result; not owned */
	struct buf lines; /* what the note says of it; empty: nothing of it can be used */
};

/* Look at the last result, in the folder `fd` (-1: there is none), which is or was at `path`, and
 * which nobody may replace meanwhile. `into` is where the next one is being made. */
void reuse_open(
    const struct build *build, const char *path, int fd, int into, struct reuse *ret_reuse);
void reuse_close(struct reuse *reuse);

/* Is this export in it as the next result is to have it? */
bool reuse_has(const struct reuse *reuse, const struct exported *exported);

/* Make it into/<name>, with links to its files. Folders get the time `mtime`, in seconds. */
int reuse_link(const struct reuse *reuse, const struct exported *exported, int into,
    const char *name, int64_t mtime, struct err *e);

/* Note the state in which the folder `fd` at `path` was left, with these exports in it. None is
 * noted, and the next export copies everything, when anything in it has another time than `mtime`.
 */
void reuse_note(const struct build *build, const struct exported *exports, size_t count,
    const char *path, int fd, int64_t mtime);

#endif
