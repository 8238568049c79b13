/*
 * The plan: everything that a project's files say, read and checked as a whole before anything
 * is built. Invariants of a plan that plan_load() returned:
 * - every name it refers to exists, names of stages and of what they provide are unique;
 * - `stages` is in an order in which each stage stands behind all it needs;
 * - every string, digest and number has the form that its use asks for.
 * All of it lives in one arena and goes with plan_free().
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/limits.h"
#include "plan/problems.h"

#include <stdint.h>

/* A list of strings, and where each stands. */
struct names {
	char **items;
	struct place *places;
	size_t count;
};

/* `key: value`, sorted by key. */
struct pair {
	const char *key;
	const char *value;
	struct place place; /* of the key */
};

struct pairs {
	struct pair *items;
	size_t count;
};

/* One place that an archive can be had from. */
struct origin {
	bool in_pool; /* `location` is a path below a Debian archive, else a URL */
	const char *location;
	struct digest sha256;
};

/* An entry of stages/sources.yaml: either an archive with origins or a folder of the project. */
struct source {
	const char *name;
	const char *version;
	const char *license; /* SPDX expression */
	struct origin *origins;
	size_t origin_count;
	struct names exclude; /* paths below the archive's top folder */
	const char *path;     /* a local source: a folder, relative to the project; else NULL */
	struct names include; /* of a local source: which entries of `path`; empty: all */
};

/* How a stage learns how many processes it may run at once; a stage file names all but the last. */
enum stage_jobserver {
	JOBSERVER_PIPE,	 /* by GNU make's protocol, in MAKEFLAGS: --jobserver-auth=R,W */
	JOBSERVER_FIFO,	 /* the same as make 4.4 has it: --jobserver-auth=fifo:PATH */
	JOBSERVER_SHARE, /* $JOBS says, at its beginning: for tools that know no jobserver */
	JOBSERVER_NONE,	 /* one: for what is no stage */
};

/* How a person edits a file of a stage by a menu. None of it is in the stage's key. */
struct menu {
	const char *file; /* of the stage's files or target files */
	const char *run;  /* the script that opens the menu and leaves the new file in $OUT */
	const struct source **sources; /* that it has beside the stage's */
	size_t source_count;
};

/* A stage file, stages/<name>/stage.yaml. */
struct stage {
	const char *name;
	size_t number; /* its place in the plan's `stages` */
	const char *summary;
	const struct source **sources;
	size_t source_count;
	const struct stage **needs;
	size_t need_count;
	struct names files;	   /* beside the stage file */
	struct names target_files; /* beside the target file */
	struct pairs env;
	const char *run;	  /* the script */
	const char *provides;	  /* NULL: nothing that others can need */
	struct pairs exports;	  /* path in out/minsys -> path in the output */
	unsigned timeout_seconds; /* 0: none was asked for */
	struct limits limits;	  /* the others */
	enum stage_jobserver jobserver;
	bool can_use_ccache; /* not in its key: no output may depend on it */
	struct menu *menu;   /* NULL: there is none */
};

/* targets/<name>/target.yaml: the facts that a target gives to every stage. */
struct target {
	const char *name;
	const char *summary;
	bool is_default;    /* taken when no target is named */
	struct place place; /* of `default`, if the file has it */
	struct pairs env;   /* always with SOURCE_DATE_EPOCH */
};

/* One line of toolchain/root.lock. */
struct locked_package {
	const char *name;
	const char *version;
	const char *path; /* below a Debian archive */
	uint64_t size;	  /* bytes */
	struct digest sha256;
};

/* toolchain/root.yaml and toolchain/root.lock together. */
struct tools_root {
	const char *suite;
	const char *snapshot;  /* timestamp of the public snapshot archive, e.g. 20260711T101637Z */
	struct names packages; /* asked for */
	struct pairs links;    /* path -> text of the link */
	struct pairs files;    /* path -> content */
	struct names exclude;  /* paths not unpacked, with all below them */
	struct locked_package *locked; /* sorted by name */
	size_t locked_count;
	struct digest lock_digest; /* of all that decides the unpacked tree, in canonical form */
};

struct plan {
	struct arena arena;
	const char *project; /* the project's folder, absolute */
	struct target target;
	struct tools_root tools;
	struct source *sources;
	size_t source_count;
	struct stage **stages; /* in an order that builds */
	size_t stage_count;
};

/*
 * Read and check a project: stages/, targets/<target>/, toolchain/. `target` NULL takes the
 * project's only target or the one that says `default: true`. Every problem of every
 * file goes into `problems`; with any, returns -1 with a summary in `e` (ERR_INPUT) and no plan.
 */
int plan_load(const char *project, const char *target, struct plan **ret_plan,
    struct problems *problems, struct err *e);
void plan_free(struct plan *plan);

/* Read only toolchain/; without its lock for `minsys lock`, whose work may be to mend a wrong one.
 * Same rules; the plan holds only `project` and `tools`. */
int plan_load_tools(const char *project, bool with_lock, struct plan **ret_plan,
    struct problems *problems, struct err *e);

/* NULL when there is none of that name. */
const struct stage *plan_stage(const struct plan *plan, const char *name);
const struct source *plan_source(const struct plan *plan, const char *name);
/* The value of a target fact, or NULL. */
const char *target_fact(const struct target *target, const char *key);

#endif
