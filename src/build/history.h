/*
 * What was built when: each build that did anything leaves a record in the store, builds/<name>,
 * by which `minsys why`, `log` and `report` can answer afterwards, and the next build knows how
 * long its tasks will take. A record names every stage's action; the action's text is
 * actions/<key>, and the files it names are files/<sha256>, as is `tools`, the list of what the
 * tools root was made of.
 */
#ifndef BUILD_HISTORY_H
#define BUILD_HISTORY_H

#include "build/action.h"
#include "build/build.h"

#define HISTORY_FORMAT "minsys build 1"

enum history_outcome {
	HISTORY_DONE,
	HISTORY_FAILED,
	HISTORY_STOPPED, /* by the user */
};

/* What of an output is a part of the result, and where there: "." for all of the output. */
struct history_export {
	const char *path, *from;
};

struct history_task {
	enum task_kind kind;
	const char *name;
	enum task_state state;
	bool has_run;
	uint64_t begin, end;  /* when it ran, in milliseconds since the build began */
	uint64_t expected;    /* milliseconds, by this build or one before; 0: not known */
	uint64_t last;	      /* milliseconds, before this build; 0: not known */
	const char **needs;   /* "<kind> <name>", as history_kind_name() has it */
	size_t need_count;    /* of these tasks */
	const char *provides; /* of a stage: its name for others; or NULL */
	struct history_export *exports; /* of a stage that was asked for */
	size_t export_count;
	bool has_key, has_tree;
	struct digest key;  /* of a stage: its action */
	struct digest tree; /* of a stage: its output */
};

struct history_source {
	const char *name;
	const char *version;
	const char *license;
	bool has_tree;
	struct digest pin; /* of what it is unpacked from, inputs_pin(); or zeros */
	struct digest tree;
};

/* A record that was read. All of it lives in its arena. */
struct history {
	struct arena arena;
	const char *name;    /* of the record: when it began, in UTC, and something at random */
	const char *project; /* absolute */
	const char *target;
	enum history_outcome outcome;
	uint64_t began;	       /* Unix time in milliseconds */
	uint64_t milliseconds; /* that it took */
	unsigned jobs;
	const char *isolation; /* choice_format() */
	bool ccache;
	const char **asked; /* stages, as the user named them */
	size_t asked_count; /* 0: all */
	bool has_tools_root, has_tools;
	struct digest tools_root; /* tree */
	struct digest tools;	  /* of its list, which is kept in files/ */
	struct history_source *sources;
	size_t source_count;
	struct history_task *tasks; /* those that the build was about; needs come first */
	size_t task_count;
};

/* Names of records, the newest first. */
struct history_names {
	char **items;
	size_t count;
};

#define _cleanup_history_ _cleanup_(history_free)
#define _cleanup_history_names_ _cleanup_(history_names_free)

/* "download", "unpack", "stage". */
const char *history_kind_name(enum task_kind kind);
/* "done", "cached", "failed", "stopped", "skipped", "waiting". */
const char *history_state_name(enum task_state state);
const char *history_outcome_name(enum history_outcome outcome);

/* Write the record of a build that has ended, whose name is in `build` then; nothing when none of
 * its tasks has done anything. `began` is what clock_milliseconds() was at its beginning. */
int history_write(struct build *build, enum history_outcome outcome, uint64_t began, struct err *e);

/* Keep what the files of an action hold that is about to be run. */
int history_keep_files(struct store *store, const struct action *action, struct err *e);

int history_list(struct store *store, struct history_names *ret_names, struct err *e);
void history_names_free(struct history_names *names);

/* The name that `text` is, or that alone begins with it; the caller frees it. None, or more than
 * one, is ERR_INPUT. */
int history_find(struct store *store, const char *text, char **ret_name, struct err *e);

/* Take a text for the record `name`: false when it is none, as history_write() writes them. To be
 * freed when it was. */
bool history_parse(const char *name, const struct buf *text, struct history *ret_history);

/* Read one; one that is not there or damaged is 0 with *ret_found false. To be freed when it was
 * found. */
int history_read(struct store *store, const char *name, struct history *ret_history,
    bool *ret_found, struct err *e);
void history_free(struct history *history);

/* The task of a stage; NULL when the build was not about it. */
const struct history_task *history_stage(const struct history *history, const char *name);
const struct history_source *history_source(const struct history *history, const char *name);

/* Set how long each task took the last time for this target, of this project if that is known.
 * To be called before the tasks begin, so that the record hands on what it does not measure. */
int history_expect(struct build *build, struct err *e);

/* The list of what a tools root is made of, in the form of an action's text. */
void history_describe_tools(const struct tools_root *tools, struct buf *ret_text);

#endif
