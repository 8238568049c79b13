/*
 * When each task of a build runs: those that can at once, on threads of their own, the ones that
 * most time depends on first. All decisions are made by the thread that calls schedule_run(), and
 * only that one changes tasks.
 */
#ifndef BUILD_SCHEDULE_H
#define BUILD_SCHEDULE_H

#include "base/children.h"
#include "build/event.h"
#include "build/jobserver.h"

#include <signal.h>

/* What a task is, all it needs having ended well. */
enum settled {
	SETTLED_TO_RUN,
	SETTLED_CACHED,
	SETTLED_WAITING, /* for a need that was reopened */
	SETTLED_FAILED,
};

struct job;

struct schedule {
	struct task *tasks; /* in an order in which needs come first */
	size_t count;
	void *context;
	enum settled (*settle)(void *context, struct task *task, struct err *e);
	/* Once, before the first task runs. */
	int (*begin)(void *context, struct err *e);
	/* Run it, on a thread of its own. *ret_was_done: it turned out to be done already. */
	int (*run)(void *context, struct task *task, struct jobserver_client *client,
	    bool *ret_was_done, struct step_failure *failure, struct err *e);
	void (*tell)(void *context, const struct event *event);
	/* What changes a task is done between these. */
	void (*lock)(void *context);
	void (*unlock)(void *context);
	enum stage_jobserver (*style)(void *context, const struct task *task);
	unsigned jobs;
	bool keeps_going;		   /* past a failure */
	const volatile sig_atomic_t *stop; /* set by a handler of SIGINT, SIGTERM or SIGHUP */
	struct children *children;	   /* to be ended then */

	/* Its own. */
	struct jobserver jobserver;
	struct task **ready; /* to run, with nothing left to wait for */
	size_t ready_count;
	size_t running;
	size_t downloads;	   /* of those that run */
	uint64_t *weights;	   /* milliseconds from the begin of each to the end of all */
	struct task ***dependents; /* by task, ended by NULL; NULL until the first runs */
	int done[2];		   /* pipe of ended jobs */
	uint64_t ticked_at;
	struct err error;  /* the first */
	struct buf failed; /* names of all that failed */
	size_t failed_count;
	bool is_open;	  /* `done` and `jobserver` are */
	bool has_stopped; /* threads may still run, and nothing that they use may go */
};

/* Run all. The members above are the caller's to fill in. */
int schedule_run(struct schedule *schedule, struct err *e);

/* Called by settle(): a need that had ended well is to be settled anew. */
void schedule_reopen(struct schedule *schedule, struct task *task);

#endif
