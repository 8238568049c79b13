/*
 * What a build starts from: the tools root and the source trees, downloaded and unpacked into the
 * store. The digest of each tree is remembered under the digest of what it was made from, so that
 * a build with nothing to do opens no archive.
 */
#ifndef BUILD_INPUTS_H
#define BUILD_INPUTS_H

#include "fetch/fetch.h"
#include "plan/plan.h"
#include "store/store.h"

struct inputs {
	const struct plan *plan;
	struct store *store;
	const struct fetch_options *fetch;
	/* Tells the user what goes on; `text` is one line without its end. */
	void (*notice)(void *context, const char *text);
	void *context;
	struct digest tools;	/* tree of the tools root */
	struct digest *sources; /* trees, in the order of plan->sources */
	bool *wanted;		/* the sources that this build needs, in the same order */
};

/* Learn the digests of the tools root and of all wanted sources; download and unpack what the
 * store has no record of, everything at once. Releases nothing of `inputs`. */
int inputs_prepare(struct inputs *inputs, struct err *e);

/* Only download what inputs_prepare() would need, of the tools root and the wanted sources. */
int inputs_download(struct inputs *inputs, struct err *e);

/* Make sure that the tree of the tools root, or of a source, is in the store, not only its
 * digest: download and unpack again what was removed. */
int inputs_need_tools(struct inputs *inputs, struct err *e);
int inputs_need_source(struct inputs *inputs, const struct source *source, struct err *e);

#endif
