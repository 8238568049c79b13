/*
 * How long a build will still take, from how long its tasks took the last time.
 */
#ifndef CLI_ESTIMATE_H
#define CLI_ESTIMATE_H

#include "build/event.h"

/*
 * Milliseconds: what its tasks need one after another, each behind all that it needs, or all of
 * them with `jobs` at work at once, whichever is more. 0: nobody knows, as there is a task to come,
 * or under way, that has never been done, or as those under way should have ended already.
 */
uint64_t estimate_left(const struct task *tasks, size_t count, unsigned jobs, uint64_t now);

#endif
