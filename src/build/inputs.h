/*
 * What a build starts from: the tools root and the source trees, downloaded and unpacked into the
 * store. The digest of each tree is remembered under the digest of what it was made from, so that
 * a build with nothing to do opens no archive; the trees themselves are only asked for when a
 * stage has to run.
 */
#ifndef BUILD_INPUTS_H
#define BUILD_INPUTS_H

#include "build/step.h"
#include "fetch/fetch.h"
#include "plan/plan.h"
#include "store/store.h"

struct inputs {
	const struct plan *plan;
	const struct step_host *host;
	const struct fetch_options *fetch;
	/* Tells the user what goes on; `text` is one line without its end. */
	void (*notice)(void *context, const char *text);
	void *context;
	struct digest tools;	/* tree of the tools root */
	struct digest *sources; /* trees, in the order of plan->sources; only of wanted ones */
	const bool *wanted;	/* which sources this build needs, in the same order */
};

/* Learn the digests of the tools root and of all wanted sources: from the store's records, or by
 * downloading what is missing, all at once, and unpacking it. */
int inputs_prepare(struct inputs *inputs, struct err *e);

/* Only download what inputs_prepare() would have to unpack on this machine with an empty store. */
int inputs_download(struct inputs *inputs, struct err *e);

/* Copy the downloads that all wanted sources are unpacked from to another store. */
int inputs_copy_downloads(const struct inputs *inputs, struct store *into, struct err *e);

/* Make sure that the tree of the tools root is in the store, not only its digest: what was removed
 * is downloaded and unpacked again. */
int inputs_materialize_tools(struct inputs *inputs, struct err *e);

/* The same for all that a stage starts from: its sources and, unless `/` is it, the tools root. */
int inputs_materialize(struct inputs *inputs, const struct stage *stage, struct err *e);

/* Copy what is recorded of the trees of the tools root and of all wanted sources to another store;
 * not the trees. */
int inputs_records(const struct inputs *inputs, struct store *into, struct err *e);

/* The tree of a source of the plan. */
const struct digest *inputs_source(const struct inputs *inputs, const struct source *source);

#endif
