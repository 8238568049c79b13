/*
 * One step: a script in a sandbox over given trees, whose output is captured as a tree. Stages
 * are steps, and so is anything else that has to run a tool on build data.
 */
#ifndef BUILD_STEP_H
#define BUILD_STEP_H

#include "base/limits.h"
#include "build/action.h"
#include "build/choice.h"
#include "build/jobserver.h"
#include "build/place.h"
#include "store/store.h"

/* A tree of the store that the step sees read-only. */
struct step_input {
	const struct digest *tree;
	const char *place; /* below /minsys/, as "src/linux" */
};

/* One who is told what a step prints, as it comes. */
struct step_output {
	void *context;
	void (*print)(void *context, const char *bytes, size_t length);
};

struct step {
	const char *name; /* names its folders below /minsys: build/<name>, out/<name> … */
	const char *script;
	const struct digest *tools;
	const struct step_input *inputs;
	size_t input_count;
	const struct input_file *files; /* at /minsys/stage/<name> */
	size_t file_count;
	const struct pairs *env[2];	    /* of the target and of the stage; NULL: none */
	struct jobserver_client *jobserver; /* its share of the processors; NULL: as `jobs` says */
	unsigned jobs;			    /* processes at once, all stages together */
	struct limits limits;		    /* of time too; 0: the default */
	const struct step_output *output;   /* NULL: what it prints goes to its log only */
	/* A compiler cache is at hand, of which only what was made under this counts; see
	 * build/cache.h. NULL: there is none. */
	const struct digest *cache;
	/* NULL, or a word that tells its log, and the build tree that is kept when it fails, from
	 * those of a build: logs/<key>.<mark>.log, failed/<name>-<8 digits of the key>.<mark>. */
	const char *mark;
};

struct step_host {
	struct store *store;
	const char *sandbox;	     /* path of minsys-sandbox */
	const char *preprocessor;    /* path of minsys-cpp, which a compiler cache takes */
	const struct choice *choice; /* an isolation that was tried and works */
	struct places *places;	     /* used where the isolation cannot mount */
	struct children *children;   /* that its sandbox is one of while it runs; NULL: no list */
	const char *cgroup;	     /* steps have their own in this one; NULL: they have none */
};

/* What a failed step leaves behind. */
struct step_failure {
	char *folder;	    /* the kept build tree: absolute path; NULL: none is kept */
	char *not_kept;	    /* why it could not be kept; NULL: it was, or there was none to keep */
	char *log;	    /* the whole log: absolute path; NULL: there is none */
	struct buf log_end; /* the last lines, whole ones; of a very long one only its end */
};

/*
 * Run it. `key` names its log (logs/<key>.log) and, when it fails, the folder its build tree is
 * kept in, in place of those kept of this step (with this mark) before. The output's tree is in the
 * store when this returns 0. What failed otherwise than by the script (ERR_ENVIRONMENT, mostly)
 * leaves `ret_failure`, which is zeroed on entry, as it is.
 */
int step_run(const struct step_host *host, const struct step *step, const struct digest *key,
    struct digest *ret_tree, struct step_failure *ret_failure, struct err *e);
void step_failure_free(struct step_failure *failure);

/* Commands of a person's in the place of a step's script. */
struct step_visit {
	const char *const *command; /* NULL-terminated; the first word is a path */
	const char *const *env;	    /* K=V, beside what the step has; NULL-terminated */
	const char *kept;	    /* what the build folder is a copy of: below the store, as
				       step_kept() gives it; NULL: it is empty */
	/* What the command's standard streams are: a terminal, or else these, of which the first is
	 * a pipe. 0: none. */
	int terminal_fd;
	int input_fd, output_fd, error_fd;
	/* Called once while the command runs, to attend to the other ends of these, which are to
	 * be closed first. It returns when `end_fd` becomes readable, as the command has ended, and
	 * nothing more comes; or to have it ended. */
	void (*attend)(void *context, int end_fd);
	void *context;
	const char *result;    /* a file of $OUT; NULL: nothing of $OUT is of interest */
	struct buf ret_result; /* what it holds, when the command's status was 0 */
};

/*
 * Run that where the step's script would run, which is at hand as $TMPDIR/run. Time, processors and
 * output have no limit, there is no log, and nothing is kept. Returns the command's status, as a
 * shell would, or -1.
 */
int step_visit(
    const struct step_host *host, const struct step *step, struct step_visit *visit, struct err *e);

/* The build tree that is kept of a step's last failure, as "failed/<name>-<8 digits of its key>":
 * that of `key` if there is one. The caller frees it. NULL when there is none. */
char *step_kept(const struct step_host *host, const char *name, const struct digest *key);

#endif
