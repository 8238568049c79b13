/*
 * The table: what each attack has to come to under each isolation. The file itself, `table`, is a
 * part of the program; its head says how it is written.
 */
#ifndef ATTACK_TABLE_H
#define ATTACK_TABLE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Its columns: no sandbox at all; namespaces; Landlock where a step has a uid of its own, and where
 * it has its caller's. */
enum column { NONE, USERNS, LANDLOCK, LANDLOCK_OWN, COLUMNS };

struct cell {
	const char *wanted; /* NULL: the attack is not tried there */
	const char *gap;    /* the name of the gap that this is; NULL: it is none */
};

struct row {
	char *words; /* the attack and its arguments */
	struct cell cells[COLUMNS];
};

struct gap {
	const char *name, *text;
};

struct table {
	char *text; /* that all the others point into */
	struct row *rows;
	size_t row_count;
	struct gap *gaps;
	size_t gap_count;
};

/* Read what is compiled in. */
int table_read(struct table *ret_table, struct err *e);
/* The same of a text, which is changed. */
int table_parse(char *text, struct table *ret_table, struct err *e);
void table_free(struct table *table);

/* -1 when there is no column of that name. */
int column_find(const char *name);

/* How what an attack came to compares with its cell. */
enum verdict {
	SAME,	/* as the table says */
	CLOSED, /* refused, though the table says that it is a gap: this kernel does better */
	OTHER,	/* refused, otherwise than the table says, or something a step needs is */
	OUT,	/* neither: something that the table does not know got through */
	VERDICTS
};
extern const char *const verdict_names[VERDICTS];
enum verdict verdict_of(const struct cell *cell, const char *came);

#endif
