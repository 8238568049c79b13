/*
 * When the tasks of a recorded build ran: on which of as few lanes as hold them without overlap,
 * and which of them the build's end waited for, one behind the other.
 */
#ifndef BUILD_TIMELINE_H
#define BUILD_TIMELINE_H

#include "build/history.h"

struct timeline_task {
	const struct history_task *record;
	bool is_critical; /* the build's end waited for it */
	uint64_t ready;	  /* when all that it needs was there; milliseconds, as its begin */
	size_t lane;	  /* only of one that has run */
	size_t *needs;	  /* places of tasks in the timeline, each before its own */
	size_t need_count;
};

/* Tasks on one lane are of one kind. */
struct timeline_lane {
	enum task_kind kind;
	unsigned number; /* among those of its kind, from 1 */
	uint64_t end;	 /* of the last task on it */
};

struct timeline {
	struct timeline_task *tasks; /* in the order of the record */
	size_t task_count;
	struct timeline_lane *lanes;
	size_t lane_count;
};

/* Lay out a build, whose record must outlive the timeline. */
void timeline_make(const struct history *history, struct timeline *ret_timeline);
void timeline_free(struct timeline *timeline);

#endif
