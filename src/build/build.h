/*
 * Building: every asked stage and what it needs, each only when the store has no result for the
 * action that it is now.
 */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H

#include "build/event.h"
#include "build/inputs.h"
#include "sandbox/delegated.h"

#include <pthread.h>
#include <signal.h>

struct build_options {
	const struct plan *plan;
	struct store *store;
	const struct fetch_options *fetch; /* its `children` are set by the build */
	const char *sandbox;		   /* path of minsys-sandbox */
	const char *preprocessor;	   /* path of minsys-cpp */
	/* Choose an isolation, which is tried, and works; called when a stage has to run. */
	int (*choose)(void *context, struct choice *ret_choice, struct err *e);
	void *context;		   /* of `choose` */
	const char *const *stages; /* names; NULL-terminated; NULL: all */
	bool needs_only;	   /* not these themselves, only what they start from */
	unsigned jobs;
	bool keeps_going;    /* past a stage that failed */
	bool ccache;	     /* stages that can have a compiler cache: build/cache.h */
	bool is_output_told; /* EVENT_OUTPUT */
	const struct build_watch *watch;
	const volatile sig_atomic_t *stop; /* other than 0: end everything now */
};

/* What a stage came to. */
struct stage_result {
	bool asked;  /* by its name, or as all are */
	bool wanted; /* asked, or needed by one that is */
	bool built;  /* in this build, not before */
	struct digest key;
	struct digest tree;	 /* of its output */
	struct choice isolation; /* that held when it was built */
	bool ccache;		 /* it had a compiler cache then */
	unsigned jobs;		 /* the -j of that build; 0: not recorded */
};

struct schedule;

struct build {
	const struct build_options *options;
	struct fetch_options fetch;
	struct step_host host;
	struct err no_choice; /* why there is none, with `has_no_choice` */
	bool has_no_choice;
	struct choice choice;	    /* empty until a stage has to run */
	struct delegated delegated; /* taken then, if there is one */
	struct places places;
	struct children children;
	struct inputs inputs;
	struct schedule *schedule; /* while it runs */
	bool *demanded;		   /* inputs that a stage which has to run starts from, by number */
	struct stage_result *results; /* in the order of plan->stages */
	struct action **actions;      /* of stages that have to run, in the same order */
	struct task *tasks;	      /* in an order in which needs come first */
	size_t task_count;
	struct task **unpacks;	 /* the task that unpacks an input, by number; NULL: none does */
	struct task **stages;	 /* the task of a stage, in the order of plan->stages */
	pthread_mutex_t telling; /* held while the watch is told, and while tasks change */
	bool has_stopped;	 /* see build_run() */
	char record[32];	 /* the name of this build's record; "" when there is none */
};

/* What a stage of the plan came to. */
struct stage_result *build_result(const struct build *build, const struct stage *stage);

/* Tell the watch. */
void build_tell(struct build *build, const struct event *event);
void build_notice(struct build *build, const char *text);
/* Never again: whatever threads still do that were left to themselves. */
void build_silence(struct build *build);

/* See to it that its isolation is chosen; the watch is told. */
int build_choose(struct build *build, struct err *e);

/*
 * Build. On failure some stages may have results; what failed ones left is told to the watch before
 * this returns. The build is to be released either way, but not when `has_stopped` is set: then
 * threads still work with it, with the plan and with the store; all processes have ended, and what
 * is left to do is to end the program.
 */
int build_run(const struct build_options *options, struct build *ret_build, struct err *e);
void build_free(struct build *build);

/* After a build of what a stage needs: choose an isolation, unless that was done, and see to it
 * that what the stage starts from is in the store, so that something can be run there. */
int build_provide(struct build *build, const struct stage *stage, struct err *e);

/* Only download what the asked stages would need on a machine with an empty store, which is one
 * task. The build has no results then; it is to be released either way. */
int build_download(const struct build_options *options, struct build *ret_build, struct err *e);

#endif
