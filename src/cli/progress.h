/*
 * What the user sees of a build while it goes on. There are three styles:
 * - on a terminal, lines that are renewed stand below those of what has happened;
 * - elsewhere, and on one that can do no more, plain lines;
 * - with --json, an event a line on standard output (docs/events.md).
 * The first two are on standard error. What failed is shown when all has ended, so that it is the
 * last thing that is read.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "build/choice.h"
#include "cli/cli.h"
#include "cli/layout.h"

struct progress;

/* What a build came to. */
struct progress_outcome {
	int status;	     /* the exit status */
	bool is_stopped;     /* by a signal, which is yet to end the program */
	const struct err *e; /* why it is not 0 */
	const char *out;     /* where the result is; NULL: none was to be written */
	const char *result;  /* what became of it: "written", "unchanged", "up to date" */
	const char *kept;    /* where files are that had been edited in it; NULL: none */
	const char *record;  /* of the build, and its trace; NULL or "": there is none */
	const char *trace;
	bool is_edited; /* it was, and is left as it is */
};

struct progress_style {
	bool is_told_of_nothing; /* of tasks that had nothing to do, too */
	void (*begin)(struct progress *progress, const struct plan *plan);
	void (*event)(
	    struct progress *progress, const struct build *build, const struct event *event);
	void (*end)(struct progress *progress, const struct progress_outcome *outcome);
};

struct progress {
	const struct cli *cli;
	const struct progress_style *style;
	uint64_t began;		   /* clock_milliseconds() */
	const struct task *tasks;  /* of the build; NULL until it tells of one */
	struct task_trace *traces; /* of each of them */
	size_t task_count;
	size_t running;	       /* tasks, as the last event left it */
	size_t stages_running; /* of them */
	bool has_told_tasks;   /* of the style for JSON */
	size_t failed;	       /* tasks */
	struct buf failures;   /* what is to be shown of them, for people */
	struct live *live;     /* of the style for terminals */
};

/* Begin to show. `progress` then is the context of progress_event(), and stays where it is. */
void progress_begin(struct progress *progress, const struct cli *cli, const struct plan *plan);
/* Should the build tell what its stages print? */
bool progress_wants_output(const struct progress *progress);
/* Show an event; `context` is a struct progress. */
void progress_event(void *context, const struct build *build, const struct event *event);
/* All has ended: show what it came to. Returns the exit status. */
int progress_finish(struct progress *progress, const struct progress_outcome *outcome);

/* For the styles. */

extern const struct progress_style progress_plain, progress_terminal, progress_json;

/* Can standard error show lines that are renewed? */
bool progress_terminal_is_there(void);
/* What is kept of a task of the build. */
struct task_trace *progress_trace(const struct progress *progress, const struct task *task);
/* The isolation that was chosen, in one line without its end; to be freed. */
char *progress_isolation(const struct build *build);
/* Add the line that says that a task has ended, if there is something to say. */
void progress_add_end(struct buf *lines, const struct task *task);
/* Add what a stage has printed, in whole lines, each behind its name when it is not the only one.
 */
void progress_add_output(
    const struct progress *progress, const struct event *event, struct buf *lines);
/* The same for what is left of its output when it has ended. */
void progress_add_rest(const struct progress *progress, const struct task *task, struct buf *lines);
/* Show, for people, what a build came to. */
void progress_tell_outcome(struct progress *progress, const struct progress_outcome *outcome);

#endif
