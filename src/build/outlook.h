/*
 * What a build would find now: the action of a stage and of all that it needs, as far as they are
 * known without building, downloading or writing anything.
 */
#ifndef BUILD_OUTLOOK_H
#define BUILD_OUTLOOK_H

#include "build/history.h"

struct outlook {
	const struct plan *plan;
	/* In the form of a record. A stage's task is TASK_CACHED when its result is in the store,
	 * TASK_WAITING when it is not, and TASK_SKIPPED, without a key, when its action depends on
	 * what has not been built or unpacked yet; that stands in the action as zeros. */
	struct history history;
	struct action *actions; /* of the tasks, in their order */
};

/* `last` is the record of an earlier build of the project, or NULL: what was unpacked from the same
 * archives then is taken to be the same now. The plan has to outlive the outlook, which is to be
 * freed. */
int outlook_make(const struct plan *plan, struct store *store, const struct stage *stage,
    const struct history *last, struct outlook *ret_outlook, struct err *e);
void outlook_free(struct outlook *outlook);

#endif
