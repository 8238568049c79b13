/*
 * What is wrong with a project's files. Reading goes on past a problem, so that one run shows
 * all of them.
 */
#ifndef PLAN_PROBLEMS_H
#define PLAN_PROBLEMS_H

#include <stddef.h>

/* Where something stands: a file (relative to the project), and its line and column from 1. */
struct place {
	const char *file;
	unsigned line;
	unsigned column;
};

struct problem {
	char *text; /* "file:line:column: message" */
	char *file; /* the place, to sort by */
	unsigned line, column;
};

struct problems {
	struct problem *items;
	size_t count;
};

/* Control characters in what the format gives are shown as `?`: a problem is one line. */
void problem_add(struct problems *problems, struct place at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Sort by file, line and column. */
void problems_sort(struct problems *problems);
void problems_free(struct problems *problems);

#endif
