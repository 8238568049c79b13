/*
 * Why a stage was built, or would be: its action compared with the one before, down to the field
 * that changed. Where what a stage needs has changed, the same question is asked of that, so that
 * root causes stand apart from what only followed from them. Everything comes from the records of
 * builds (build/history.h) and from what the store still holds; what it holds no more is said so.
 */
#ifndef BUILD_WHY_H
#define BUILD_WHY_H

#include "build/history.h"

enum cause_kind {
	CAUSE_FIRST,   /* no earlier build of it is recorded */
	CAUSE_REMOVED, /* its result was no longer in the store */
	CAUSE_FAILED,  /* its last build failed, or was stopped */
	CAUSE_TOOLS,   /* the tools root changed */
	CAUSE_SOURCE,
	CAUSE_NEED, /* the output of another stage */
	CAUSE_FILE,
	CAUSE_TARGET, /* a fact of the target */
	CAUSE_ENV,
	CAUSE_SCRIPT,
	CAUSE_ORDER,	 /* the same inputs stand in another order */
	CAUSE_CHANCE,	 /* built again from the same, it came out different */
	CAUSE_FORGOTTEN, /* what it was made of is not in the store any more */
	CAUSE_OTHER,	 /* a fact of another kind; `subject` is all of it */
};

/* A file of a tree, a package of the tools root. */
struct cause_part {
	const char *change; /* "added", "removed", "changed", "executable", "link", "type" */
	const char *name;
	const char *before, *after; /* versions of a package; else NULL */
};

/* One thing that changed, of one stage. What is not known, or does not apply, is NULL or 0. */
struct cause {
	enum cause_kind kind;
	bool is_root;	     /* it follows from nothing else that is named */
	bool is_pending;     /* what it is now will be known when that is built or unpacked */
	const char *stage;   /* whose input changed */
	const char *subject; /* which source, needed stage, file, variable, fact, or failed build */
	/* Version of a source, text of a variable, digest of an output; of a text of several lines
	 * that line; NULL: it was not there before, or is not now. `before` is also when a result
	 * was removed. */
	const char *before, *after;
	size_t line;		  /* the first that differs, from 1 */
	size_t removed, added;	  /* lines; one that changed is one of each; 0 and 0: not counted */
	const char *detail;	  /* more of it, in words */
	struct cause_part *parts; /* sorted by name */
	size_t part_count;
};

/* A build that a stage was part of. */
struct why_build {
	const char *name;
	uint64_t began;	       /* Unix time in milliseconds */
	enum task_state state; /* of the stage in it */
	uint64_t milliseconds; /* that the stage took; 0 when it did not run */
};

enum why_verdict {
	WHY_BUILT,     /* it ran, to whatever end: see `build` */
	WHY_CACHED,    /* its result was there */
	WHY_UNREACHED, /* the build ended before it came to it */
	WHY_UNKNOWN,   /* no build of it is recorded */
	WHY_UP_TO_DATE,
	WHY_WOULD_BUILD,
	WHY_MIGHT_BUILD, /* unless what it needs, built first, comes out as it is */
};

struct why {
	struct arena arena;
	const char *stage;
	enum why_verdict verdict;
	struct why_build *build;  /* the one asked about; NULL for what would be */
	struct why_build *before; /* the one compared with; NULL: none */
	struct cause *causes;	  /* a stage's stand behind those of the stages it needs */
	size_t cause_count;
	const char **unchanged; /* of a cached one: needed stages that ran and came out the same */
	size_t unchanged_count;
	struct why
	    *built; /* of one that is up to date: when it was built, and why; NULL: unknown */
};

/* Whose builds are asked about. */
struct why_question {
	struct store *store;
	const char *project;
	const char *target;
	const char *stage;
};

/* "first", "removed" and so on. */
const char *cause_kind_name(enum cause_kind kind);
/* "built", "cached", "unreached", "unknown", "up to date", "would build", "might build". */
const char *why_verdict_name(enum why_verdict verdict);

/* Why the last build that ran the stage did so. */
int why_last(const struct why_question *question, struct why *ret_why, struct err *e);
/* Why a build did or did not run it: `name` is of a record, whose project and target count in place
 * of the question's. A build that was not about the stage is ERR_INPUT. */
int why_build(
    const struct why_question *question, const char *name, struct why *ret_why, struct err *e);
/* Why it would be built now. Nothing is written. */
int why_now(const struct why_question *question, const struct plan *plan, struct why *ret_why,
    struct err *e);
void why_free(struct why *why);

/* A cause as a line of text without its end, and without the stage: "source musl 1.2.4 -> 1.2.5".
 */
void cause_describe(const struct cause *cause, struct buf *ret_text);

#endif
