/*
 * What changed for a stage between two builds, or between a build and now: the causes of a
 * `struct why`, found by comparing actions, and those of the stages that it needs.
 */
#ifndef BUILD_EXPLAIN_H
#define BUILD_EXPLAIN_H

#include "build/outlook.h"
#include "build/why.h"

/* What was, or is, built from what. */
struct moment {
	struct store *store;
	const struct history *history;
	const struct outlook *outlook; /* whose `history` that is; NULL: it is a record */
	uint64_t time; /* Unix time in milliseconds: what was removed before is missing in it */
};

struct moment moment_of_record(struct store *store, const struct history *history);
struct moment moment_of_now(struct store *store, const struct outlook *outlook);

/* Add what has changed for a stage: first what did for those it needs. Both moments are about the
 * stage, and know that its action is not the same. */
int explain_stage(struct why *why, const struct moment *before, const struct moment *after,
    const char *stage, struct err *e);

/* Add that the stage's result was no longer in the store, and since when if that is known. */
int explain_removed(
    struct why *why, const struct moment *moment, const struct history_task *task, struct err *e);
/* The same, but only if it is known: of an action that other ones have followed since. */
int explain_removed_once(
    struct why *why, const struct moment *moment, const struct history_task *task, struct err *e);

/* Add which needed stages ran and came out as they had been before, of one that did not run. */
int explain_unchanged(
    struct why *why, const struct moment *moment, const struct history_task *task, struct err *e);

/* The text of a stage's action. */
int moment_action(const struct moment *moment, const struct history_task *task,
    struct buf *ret_text, bool *ret_found, struct err *e);

#endif
