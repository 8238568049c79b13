/*
 * A step under way: where it runs, and with what. For what runs there, the step's own script
 * (build/step.c) or a visitor's commands (build/visit.c).
 */
#ifndef BUILD_RUN_H
#define BUILD_RUN_H

#include "build/cache.h"
#include "build/meter.h"
#include "build/step.h"
#include "sandbox/sandbox.h"

struct run {
	const struct step_host *host;
	const struct step *step;
	struct store_temp temp;
	struct sandbox_bind *binds;
	size_t bind_count;
	char **env;
	size_t env_count;
	struct cache cache;
	const char *kept; /* see struct step_visit; NULL: the build folder is empty */
	int (*command)(struct run *run, struct sandbox_outcome *ret_outcome, struct err *e);
	struct step_visit *visit;
	int log_fd;
	uint64_t log_bytes;
	struct meter meter;
};

/* Make a run, with its folder in the store; it is to be released unless that failed. */
int run_open(struct run *run, const struct step_host *host, const struct step *step, struct err *e);
void run_release(struct run *run);

/* Make all that the step sees, and its environment. */
int run_make_room(struct run *run, struct err *e);
/* Add `K=V` to that; takes it. */
void run_add_env(struct run *run, char *owned);

/* For `command`: start what `spec` names, there. */
int run_start(const struct run *run, struct sandbox_spec *spec, struct sandbox_process *ret_process,
    struct err *e);

/* Have `command` called when all is in its place. That it was isolated less than it should have
 * been is an error. */
int run_in_place(struct run *run, struct sandbox_outcome *ret_outcome, struct err *e);

#endif
