/*
 * What a build starts from: the source trees and the tools root, downloaded and unpacked into the
 * store. The digest of each tree is remembered under the digest of what it was made from, so that
 * a build with nothing to do opens no archive; the trees themselves are only asked for when a
 * stage has to run.
 *
 * Each has a number: a source's is its place in the plan, and the tools root's is the next one.
 * Different ones may be downloaded and unpacked by different threads at once.
 */
#ifndef BUILD_INPUTS_H
#define BUILD_INPUTS_H

#include "build/step.h"
#include "fetch/fetch.h"
#include "plan/plan.h"
#include "store/store.h"

struct input {
	struct digest tree;
	bool is_known;	  /* `tree` is */
	bool is_present;  /* the tree was seen in the store */
	bool is_recorded; /* by unpacked/<record> in the store */
	struct digest record;
};

#define INPUTS_ALL SIZE_MAX

struct inputs {
	const struct plan *plan;
	const struct step_host *host;
	const struct fetch_options *fetch;
	/* Tells the user what goes on; `text` is one line without its end. */
	void (*notice)(void *context, const char *text);
	/* Tells how far the downloads of one are, or of all (INPUTS_ALL), several times a second;
	 * NULL: nobody, and minsys-fetch itself tells of its work. */
	void (*downloading)(void *context, size_t number, const char *text);
	void *context;
	size_t count;
	struct input *items; /* by number; those that are not wanted stay empty */
	bool *wanted;	     /* which this build needs, by number */
};

/* The first six members are the caller's to fill in before; `wanted` and the rest are there
 * afterwards. To be closed. */
void inputs_open(struct inputs *inputs);
void inputs_close(struct inputs *inputs);

size_t inputs_number(const struct inputs *inputs, const struct source *source);
size_t inputs_tools_root(const struct inputs *inputs);
const struct digest *inputs_tree(const struct inputs *inputs, size_t number);
const char *inputs_name(const struct inputs *inputs, size_t number);

/* Learn what the store's records tell of the wanted ones. Folders of the project are read, and
 * are in the store afterwards. */
int inputs_look(struct inputs *inputs, struct err *e);

/* Is the tree in the store? */
bool inputs_are_present(struct inputs *inputs, size_t number);
/* Is all there that it is unpacked from? */
bool inputs_are_downloaded(const struct inputs *inputs, size_t number);

/* Download what one, or all of several, are unpacked from, as far as that is missing. */
int inputs_download(const struct inputs *inputs, size_t number, struct err *e);
int inputs_download_all(const struct inputs *inputs, const bool *numbers, struct err *e);
/* Unpack one, after downloading what is missing. A tree that was known must come out the same. */
int inputs_unpack(struct inputs *inputs, size_t number, struct err *e);

/* Unpack the tools root unless it is there. */
int inputs_materialize_tools(struct inputs *inputs, struct err *e);
/* The same for all that a stage starts from: its sources, those of its menu as far as they are
 * wanted, and, unless `/` is it, the tools root. */
int inputs_materialize(struct inputs *inputs, const struct stage *stage, struct err *e);

/* Copy the downloads that all wanted sources are unpacked from to another store. */
int inputs_copy_downloads(const struct inputs *inputs, struct store *into, struct err *e);
/* Copy what is recorded of the trees of the tools root and of all wanted sources to another store;
 * not the trees. */
int inputs_records(const struct inputs *inputs, struct store *into, struct err *e);

/* What the store's records tell of one source, or of the tools root; nothing is written. The tree
 * of a folder of the project is always found. */
int inputs_peek_source(struct store *store, const struct plan *plan, const struct source *source,
    struct digest *ret_tree, bool *ret_found, struct err *e);
int inputs_peek_tools(struct store *store, const struct plan *plan, struct digest *ret_tree,
    bool *ret_found, struct err *e);

/* What a source that is a folder of the project holds now, and the text of that tree. */
int inputs_read_folder(const struct plan *plan, const struct source *source, struct tree *ret_tree,
    struct buf *ret_manifest, struct err *e);

/* Stands for all that decides the tree of a source that is unpacked; for a folder of the project,
 * only for which one it is. */
struct digest inputs_pin(const struct source *source);

#endif
