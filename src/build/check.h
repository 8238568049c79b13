/*
 * Checking: stages that have results are built again from nothing, and what comes of it is compared
 * with those. A step sees what it saw then: these paths, this environment, these inputs, with those
 * from other stages as they are recorded. What differs is what must not matter: the folder that its
 * own are made in, the number of jobs, the time, what else the machine does, and where root builds
 * the uid. There never is a compiler cache. No result is written, whatever comes of it.
 */
#ifndef BUILD_CHECK_H
#define BUILD_CHECK_H

#include "build/build.h"
#include "build/compare.h"

/* What came of one stage. */
struct check {
	bool is_asked; /* else there is nothing but this */
	bool is_done;  /* it was built again; else its step failed, or nothing was */
	bool is_same;
	/* All below is of outputs that differ. Both are kept in the store; absolute paths. */
	char *recorded_path, *again_path;
	struct tree recorded, again; /* they own the paths of changes */
	struct tree_change *changes;
	size_t change_count;
	const char *first; /* the first file whose content differs; NULL: there is none */
	uint64_t offset;   /* of its first byte that does */
};

struct checks {
	struct check *items; /* in the order of plan->stages */
	size_t count;
	unsigned jobs; /* processes at once, all stages together */
};

/*
 * Check the stages that a build, which has run, was asked for. With `jobs` 0 the number is chosen:
 * one that none of them was built with, above `processors`. The build's watch is told of tasks that
 * are those of the build from now on. One that fails keeps no other from being checked; then this
 * returns -1. `ret_checks` is to be freed either way, but when the build `has_stopped`.
 */
int checks_run(struct build *build, unsigned jobs, unsigned processors, struct checks *ret_checks,
    struct err *e);
void checks_free(struct checks *checks);

#endif
