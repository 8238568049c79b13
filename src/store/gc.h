/*
 * Garbage collection: keeping a store within a size, by removing what was used least recently, and
 * reading all of it back to find what a disk has damaged. Both may run while others build; two of
 * them wait for each other. A kill at any moment leaves a valid store. How what is in use is left
 * alone is written in store/use.h.
 */
#ifndef STORE_GC_H
#define STORE_GC_H

#include "base/digest.h"
#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a store holds, as it is told. Of what was used at the same time, and of what the last build
 * needed, the first goes first: what is made again the most easily, for the room that it takes. */
enum gc_kind {
	GC_FAILED,    /* build trees of stages that failed */
	GC_SOURCES,   /* unpacked sources and tools roots; folders of projects */
	GC_CACHES,    /* compiler caches */
	GC_RESULTS,   /* outputs of stages, with the records that name them */
	GC_DOWNLOADS, /* those that are not whole too */
	GC_LOGS,      /* and traces */
	GC_RECORDS,   /* small texts: of what results were made, and when */
	GC_KINDS,
};

struct gc_options {
	uint64_t max_bytes;
	bool is_dry;	    /* only tell */
	const char *reason; /* one line, for removed/<key> */
	/* Actions and trees that are to go last: those of the last build that succeeded. */
	const struct digest *needed;
	size_t needed_count;
	/* Is told of one that has to be waited for; `text` is one line without its end. */
	void (*notice)(void *context, const char *text);
	void *context;
};

struct gc_count {
	size_t count;
	uint64_t bytes; /* disk usage */
};

struct gc_outcome {
	struct gc_count removed[GC_KINDS];
	struct gc_count kept[GC_KINDS];
	uint64_t in_use; /* bytes among those kept that would have gone, but for running builds */
};

/* Be the only one that collects garbage in a store, until the descriptor is closed, which is
 * returned. Waits, and says so. */
int gc_lock(struct store *store, void (*notice)(void *context, const char *text), void *context,
    struct err *e);

/* Bring the store within options->max_bytes, as far as what runs now allows it. What explains
 * builds (builds/, removed/) is bounded by number and age instead. */
int gc_run(struct store *store, const struct gc_options *options, struct gc_outcome *ret_outcome,
    struct err *e);

struct gc_verify_options {
	bool is_dry; /* only tell */
	/* Is told of each thing that is wrong; `text` is one line without its end. */
	void (*notice)(void *context, const char *text);
	void *context;
};

struct gc_verified {
	size_t trees, downloads, records; /* read */
	size_t wrong;
};

/*
 * Read everything back: each tree against its manifest and digest, each download and file against
 * its name, each record against its own sha256. What is wrong is told and removed: a tree with the
 * results that name it as their output, and those of the actions that were made from it.
 */
int gc_verify(struct store *store, const struct gc_verify_options *options,
    struct gc_verified *ret_verified, struct err *e);

#endif
