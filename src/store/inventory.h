/*
 * What a store holds: each thing that can be removed by itself, how much room it takes, when it
 * was used, and what names what.
 */
#ifndef STORE_INVENTORY_H
#define STORE_INVENTORY_H

#include "base/arena.h"
#include "base/map.h"
#include "store/gc.h"

/* How a thing is removed, and where its time of use stands. */
enum item_form {
	ITEM_TREE,   /* its manifest's mtime */
	ITEM_FOLDER, /* the later one of its mtime and ctime; its user may hold a lock on it */
	ITEM_FILE,
	ITEM_LOCKED, /* a file whose user holds a lock on it */
	ITEM_REST,   /* a file that nobody knows by its name: a killed runner was writing it */
};

struct item {
	enum gc_kind kind;
	enum item_form form;
	const char *path;  /* below the store */
	const char *place; /* the folder that it is in */
	const char *name;  /* in that, without .log */
	uint64_t bytes;	   /* disk usage */
	uint64_t time;	/* of use, in milliseconds since 1970: its own or that of what needs it */
	bool is_needed; /* by the last build that succeeded */
	bool is_gone;
	struct item *tree;   /* of a record: the tree that it names, if that is there */
	struct item *namers; /* of a tree: the first record that names it */
	struct item *next;   /* of a record: the next one that names the same tree */
};

struct inventory {
	struct store *store;
	struct item **items;
	size_t count;
	struct map index; /* "<place>/<name>" -> number of the item */
	struct arena arena;
};

/* Look through the store. `needed` are the names of actions and trees that a build needed last. */
int inventory_open(struct store *store, const struct digest *needed, size_t needed_count,
    struct inventory *ret_inventory, struct err *e);
void inventory_close(struct inventory *inventory);

/* NULL when there is none. */
struct item *inventory_find(const struct inventory *inventory, const char *place, const char *name);

/* When an item was used, as of now; false when it is gone. */
bool item_use_time(struct store *store, const struct item *item, uint64_t *ret_time);

bool item_is_in(const struct item *item, const char *place);

/* The first digest in a text from *at on, its 64 digits; *at is moved behind it. False when there
 * is none. */
bool next_digest(const char **at, char ret_hex[DIGEST_HEX_SIZE]);

#endif
