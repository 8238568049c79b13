/*
 * What a build consists of, as those who watch it see it: tasks, each of which waits, runs and
 * ends, and events that say what has just happened.
 */
#ifndef BUILD_EVENT_H
#define BUILD_EVENT_H

#include "build/step.h"
#include "plan/plan.h"

enum task_kind {
	TASK_DOWNLOAD, /* of what a source or the tools root is unpacked from */
	TASK_UNPACK,   /* of the tools root or of a source */
	TASK_STAGE,
};

enum task_state {
	TASK_WAITING,
	TASK_RUNNING,
	TASK_DONE,    /* it was done in this build */
	TASK_CACHED,  /* it was done before: nothing to do */
	TASK_FAILED,  /* by a fault of its own */
	TASK_STOPPED, /* it was ended, as the build was */
	TASK_SKIPPED, /* what it needs has failed */
};

struct task {
	enum task_kind kind;
	const char *name; /* of the stage or source; "tools root" */
	enum task_state state;
	bool is_ready;	     /* it waits for nothing but its turn */
	uint64_t begin, end; /* clock_milliseconds(); 0: not yet, or never */
	uint64_t expected;   /* milliseconds that it took the last time; 0: not known */
	size_t index;	     /* of the stage or source in the plan */
	struct task **needs; /* the tasks that have to end before this begins */
	size_t need_count;
};

enum event_kind {
	EVENT_NOTICE,	 /* `text` is one line for the user, without its end */
	EVENT_TASK,	 /* `task` has changed its state */
	EVENT_ISOLATION, /* it was chosen: the build's `choice` */
	EVENT_OUTPUT,	 /* `text` was printed by the script of `task`: bytes, not lines. Of a
			    download,    always, a line with its end, which says how far it is */
	EVENT_TICK,	 /* time has passed: four of them a second while anything runs */
};

struct event {
	enum event_kind kind;
	const struct task *task;
	const char *text;
	size_t length;			    /* of `text` */
	const struct step_failure *failure; /* of a task that failed: what its script left */
	const struct err *error;	    /* of the same: why */
};

struct build;

/* One who is told what goes on; never by two threads at once. `context` is the watch's own. */
struct build_watch {
	void *context;
	void (*event)(void *context, const struct build *build, const struct event *event);
};

#endif
