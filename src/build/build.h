/*
 * Building: every asked stage and what it needs, each only when the store has no result for the
 * action that it is now.
 */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H

#include "build/event.h"
#include "build/inputs.h"

struct build_options {
	const struct plan *plan;
	struct store *store;
	const struct fetch_options *fetch;
	const char *sandbox;	     /* path of minsys-sandbox */
	const struct choice *choice; /* an isolation that was tried and works */
	const char *const *stages;   /* names; NULL-terminated; NULL: all */
	unsigned jobs;
	bool is_output_told; /* EVENT_OUTPUT */
	const struct build_watch *watch;
};

/* What a stage came to. */
struct stage_result {
	bool asked;  /* by its name, or as all are */
	bool wanted; /* asked, or needed by one that is */
	bool built;  /* in this build, not before */
	struct digest key;
	struct digest tree;	 /* of its output */
	struct choice isolation; /* that held when it was built */
};

struct build {
	const struct build_options *options;
	struct step_host host;
	struct inputs inputs;
	bool *wanted_sources;
	struct stage_result *results; /* in the order of plan->stages */
	struct task *tasks;	      /* in an order in which needs come first */
	size_t task_count;
};

/* What a stage of the plan came to. */
struct stage_result *build_result(const struct build *build, const struct stage *stage);

/* Tell the watch. */
void build_tell(const struct build *build, const struct event *event);
void build_notice(const struct build *build, const char *text);

/* Build. On failure some stages may have results; what the failed one left is told to the watch
 * before this returns. The build is to be released either way. */
int build_run(const struct build_options *options, struct build *ret_build, struct err *e);
void build_free(struct build *build);

/* Only download what the asked stages would need on a machine with an empty store. The build has
 * no results then; it is to be released either way. */
int build_download(const struct build_options *options, struct build *ret_build, struct err *e);

#endif
