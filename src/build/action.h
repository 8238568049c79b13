/*
 * An action: a stage with every one of its inputs as a digest. Its canonical text names all that
 * can decide the output, one fact a line in a fixed order; the text's sha256 is the key under
 * which the result is kept. What must not decide the output (job count, isolation, paths of this
 * machine, which origin a source came from) is not in it.
 */
#ifndef BUILD_ACTION_H
#define BUILD_ACTION_H

#include "base/buf.h"
#include "base/digest.h"
#include "plan/plan.h"

/* A file of the project that a stage uses, read once, so that what is built is what was keyed. */
struct input_file {
	const char *name; /* below /minsys/stage/<stage>; owned by the plan */
	struct buf content;
	struct digest digest;
	bool executable;
};

struct action {
	const struct stage *stage;
	struct digest tools;	  /* tree of the tools root */
	struct digest *sources;	  /* trees, in the order of stage->sources */
	struct digest *needs;	  /* trees, in the order of stage->needs */
	struct input_file *files; /* files, then target files */
	size_t file_count;
	struct digest key;
	struct buf text;
};

/* Read the stage's files from the project. The digests of tools, sources and needs are the
 * caller's to fill in before action_seal(). */
int action_open(
    const struct plan *plan, const struct stage *stage, struct action *ret_action, struct err *e);
/* Write the canonical text and derive the key. */
void action_seal(const struct plan *plan, struct action *action);
void action_free(struct action *action);

#endif
