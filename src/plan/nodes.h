/*
 * A YAML text as a tree of nodes: texts, lists and mappings, as they are written, and where they
 * stand. Anchors and aliases are not taken: what a file says stands where it is said.
 */
#ifndef PLAN_NODES_H
#define PLAN_NODES_H

#include "base/arena.h"
#include "plan/problems.h"

#include <stdbool.h>

enum node_type {
	NODE_TEXT,
	NODE_LIST,
	NODE_MAPPING,
};

/* A place in a text: lines, columns and characters from 0. */
struct mark {
	unsigned line;
	unsigned column;
	size_t index;
};

struct node {
	enum node_type type;
	bool is_plain; /* a text without quotes, `|` and `>` */
	bool is_flow;  /* a list or mapping in brackets */
	struct mark start, end;
	const char *text;   /* of a text; it may hold NUL bytes */
	size_t length;	    /* of that, in bytes */
	struct node *first; /* in a list or a mapping; there values follow their keys */
	struct node *next;  /* in the same one */
	size_t count;	    /* of items in a list, of keys in a mapping */
};

/*
 * Read the YAML document `text`. Returns its top node, which is of the arena as all of it; NULL
 * when it cannot be read or holds nothing. Whatever is wrong with it becomes a problem in `file`.
 */
struct node *nodes_read(struct arena *arena, struct problems *problems, const char *file,
    const char *text, size_t length);

/* The value of a key, NULL when there is none; `node` may be NULL, or no mapping. */
struct node *node_value(struct node *node, const char *key);

/* Where a node stands in `file`. */
struct place node_place(const struct node *node, const char *file);

#endif
