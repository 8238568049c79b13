/*
 * What is wrong with a project's files. Reading goes on past a problem, so that one run shows
 * all of them.
 */
#ifndef PLAN_PROBLEMS_H
#define PLAN_PROBLEMS_H

#include <stdbool.h>
#include <stddef.h>

/* Where something stands: a file (relative to the project), and its line and column from 1. */
struct place {
	const char *file;
	unsigned line;
	unsigned column;
};

struct problems {
	char **texts; /* "file:line:column: message", in the order of files, lines and columns */
	size_t count;
};

void problem_add(struct problems *p, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sort by file, line and column. */
void problems_sort(struct problems *p);
void problems_free(struct problems *p);

#endif
