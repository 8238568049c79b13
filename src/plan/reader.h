/*
 * One YAML file, read against tables of the keys that it may have. Whatever is wrong becomes a
 * problem with its place, and reading goes on: what could not be read stays zeroed. Texts are
 * taken as they are written: `1.20` is the text 1.20, `no` the text no.
 */
#ifndef PLAN_READER_H
#define PLAN_READER_H

#include "base/arena.h"
#include "base/buf.h"
#include "plan/nodes.h"
#include "plan/plan.h"

struct reader {
	struct arena *arena; /* what fields are filled with lives here */
	struct arena nodes;
	struct problems *problems;
	const char *file; /* relative to the project */
	struct buf text;
	size_t begin;	  /* bytes of a byte order mark before the text proper */
	struct node *top; /* NULL: could not be read; everything below is a no-op then */
};

/* The form that a text must have. */
struct form {
	bool (*holds)(const char *text);
	const char *what; /* "a name (…)" */
};

extern const struct form form_name;	/* of a stage, a source … */
extern const struct form form_path;	/* plain, relative */
extern const struct form form_pool;	/* below a Debian archive */
extern const struct form form_variable; /* of an environment */

enum field_type {
	FIELD_TEXT,    /* const char * */
	FIELD_NAMES,   /* struct names; no item twice */
	FIELD_PAIRS,   /* struct pairs, sorted by key; `form` is that of the keys */
	FIELD_DIGEST,  /* struct digest */
	FIELD_SIZE,    /* uint64_t, bytes */
	FIELD_BYTES,   /* uint64_t: 500MB, 4G, 2GiB; never 0 */
	FIELD_COUNT,   /* uint64_t, never 0 */
	FIELD_SECONDS, /* unsigned: 90, 90s, 5m, 2h */
	FIELD_FLAG,    /* bool */
	FIELD_NODE,    /* struct node *, for the caller to look into */
};

/* A key that a mapping may have. */
struct field {
	const char *key;
	enum field_type type;
	size_t offset; /* of its value in the struct that is filled in */
	bool required;
	const struct form *form; /* of the text, of each name, of each key; NULL: any */
};

/* An entry of a mapping whose keys are free; it goes with the reader. */
struct entry {
	const char *key;
	struct place place; /* of the key */
	struct node *value;
};

/* Read a file of the project; it is to be closed in any case, and takes its nodes with it. */
void reader_open(struct reader *reader, struct arena *arena, struct problems *problems, int project,
    const char *file);
/* The same from a text, which is copied. */
void reader_open_text(struct reader *reader, struct arena *arena, struct problems *problems,
    const char *file, const struct buf *text);
void reader_close(struct reader *reader);

/* Fill in `into` from a mapping; `what` names it in messages ("a stage"). */
void reader_fields(struct reader *reader, struct node *node, const char *what,
    const struct field *fields, size_t count, void *into);
/* The entries of a mapping, in the order of the file, without doubles. */
struct entry *reader_entries(
    struct reader *reader, struct node *node, const char *what, size_t *ret_count);
/* The first item of a list; NULL when it is none. */
struct node *reader_items(
    struct reader *reader, struct node *node, const char *what, size_t *ret_count);

/* Where a node stands; the file's beginning for NULL. */
struct place reader_place(const struct reader *reader, const struct node *node);
/* Where the value of a key of the file's mapping stands. */
struct place reader_key_place(struct reader *reader, const char *key);

#endif
