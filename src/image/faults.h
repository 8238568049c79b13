/*
 * What is wrong with the user's table and tree, collected, so that one run names all of it. A
 * zeroed struct is an empty list.
 */
#ifndef IMAGE_FAULTS_H
#define IMAGE_FAULTS_H

#include "base/buf.h"

struct fault {
	unsigned line; /* counted from 1; 0: not about a line of the table */
	unsigned column;
	char *text;
};

struct faults {
	struct fault *list;
	size_t count;
};

#define _cleanup_faults_ _cleanup_(faults_free)

void faults_add(struct faults *faults, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Append all of them to `ret_text`, one a line: those about the file `table` as
 * "table:line:column: text" in the order of its lines, then the rest. */
void faults_print(struct faults *faults, const char *table, struct buf *ret_text);

void faults_free(struct faults *faults);

#endif
