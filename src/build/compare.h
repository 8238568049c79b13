/*
 * What differs between two actions, two trees, two texts. Nothing here reads or writes anything.
 */
#ifndef BUILD_COMPARE_H
#define BUILD_COMPARE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "store/tree.h"

#include <stdbool.h>

/* A line of an action's text (build/action.h), or of a list like it: "<kind> <name> <value>". */
struct fact {
	const char *kind;
	const char *name;  /* "" where only a value stands */
	const char *value; /* NUL-terminated; holds no other NUL but in a text nobody could write */
	size_t length;	   /* of the value */
};

struct facts {
	struct arena arena;
	struct fact *items;
	size_t count;
};

/* Read a canonical text. One that is none is ERR_INPUT. */
int facts_parse(const char *text, size_t length, struct facts *ret_facts, struct err *e);
void facts_free(struct facts *facts);

/* A fact of one kind and name whose value is not the same in both, or that only one of them has:
 * the other is NULL then. A file and a program of one name are one fact, and differ in kind. */
struct fact_change {
	const struct fact *before, *after;
};

/* All that differs: what is in `after`, in its order, then what only `before` has. The same facts
 * in another order do not differ. The caller frees the array. */
struct fact_change *facts_compare(
    const struct facts *before, const struct facts *after, size_t *ret_count);

enum tree_change_kind {
	TREE_ADDED,
	TREE_REMOVED,
	TREE_CONTENT,	 /* of a file */
	TREE_EXECUTABLE, /* became so, or no longer is */
	TREE_TARGET,	 /* of a link */
	TREE_TYPE,	 /* a file became a link, and the like */
};

struct tree_change {
	enum tree_change_kind kind;
	const char *path; /* owned by a tree */
};

/* All that differs, sorted by path. A folder that came or went counts only when nothing but folders
 * did. Both trees are sorted, as tree_decode() leaves them. The caller frees the array. */
struct tree_change *trees_compare(
    const struct tree *before, const struct tree *after, size_t *ret_count);

/* A line, without what ends it; owned by its text. */
struct line {
	const char *text; /* NULL: there is none */
	size_t length;
};

struct line_change {
	bool is_binary;		   /* one of them holds a NUL: the rest does not apply */
	size_t number;		   /* of the first line that differs, from 1 */
	struct line before, after; /* that line; none in `before` when lines only came */
	size_t removed, added;	   /* lines in all; one that changed is one of each */
	bool is_many;		   /* more than were counted */
	bool is_only_end;	   /* the only difference is the newline at the end */
};

/* Where two texts that are not the same differ. */
void lines_compare(
    const struct buf *before, const struct buf *after, struct line_change *ret_change);

#endif
