/*
 * The files of a project, one kind each: what is read of them and checked within them. plan.c
 * brings them together.
 */
#ifndef PLAN_LOADER_H
#define PLAN_LOADER_H

#include "base/map.h"
#include "plan/plan.h"
#include "plan/reader.h"

/* A stage file while its plan is being made: names are not yet looked up. */
struct stage_file {
	struct stage *stage;
	struct names sources;
	struct names needs;
	struct names menu_sources;
	struct place provides;	    /* where it says so; its beginning when it does not */
	bool provides_nothing;	    /* that is: it could be read, and does not say so */
	struct stage_file **needed; /* as many as the stage has needs, in the same order */
	enum {
		STAGE_UNSEEN,
		STAGE_OPEN, /* on the path being followed */
		STAGE_ORDERED,
	} state;
};

struct loader {
	int project; /* the project's folder */
	struct plan *plan;
	struct problems *problems;
	struct stage_file *stages; /* sorted by name */
	size_t stage_count;
	struct map stage_numbers; /* by name: where in `stages` */
	struct target *targets;	  /* sorted by name */
	size_t target_count;
};

/* The names of the folders in a folder of the project, sorted; a folder that cannot be read is a
 * problem. */
struct names loader_folders(struct loader *loader, const char *folder);
/* Is there a regular file at <folder>/<name>? If not that is a problem at `at`. */
void loader_check_file(
    struct loader *loader, const char *folder, const char *name, struct place at);

/* What minsys itself gives every step is a problem. */
void loader_check_env(struct loader *loader, const struct pairs *env);

/* Is one of the two paths the other, or in it? */
bool paths_meet(const char *a, const char *b);

void stages_load(struct loader *loader);
void sources_load(struct loader *loader);
void targets_load(struct loader *loader);
/* `with_lock` false leaves root.lock alone. */
void tools_load(struct loader *loader, bool with_lock);

#endif
