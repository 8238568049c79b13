/*
 * The command line of minsys-sandbox.
 */
#ifndef SANDBOX_OPTIONS_H
#define SANDBOX_OPTIONS_H

#include "base/err.h"
#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

struct bind {
	const char *source;
	const char *destination;
	bool writable;
	bool is_given; /* with all that is in it, to the step's user */
	int tree_fd;   /* the source as a mount of its own, once opened */
};

struct options {
	const char *isolation;
	const char *root;
	struct bind *binds;
	size_t bind_count;
	char **env; /* NULL-terminated */
	const char *directory;
	char **command;	      /* NULL-terminated */
	struct limits limits; /* of time, processors, memory, processes and files */
	const char *cgroup;   /* that of the step is made in this one; NULL: it has none */
	int report_fd;	      /* -1: errors go to standard error */
	int jobserver[2];     /* ends of a pipe that the command keeps: read, write; -1: none */
	int input_fd;	      /* a pipe, for the command's standard input; -1: it gets nothing */
	int terminal_fd;      /* for all three of its standard streams; -1: none */
	bool trial;
	char *words; /* argv's strings lie behind each other here */
	size_t word_bytes;
};

extern const char options_help[];

/* Read them. The result borrows from `argv`, and lives as long as the program. `--help` prints
 * the help and ends the program. What is wrong is ERR_INPUT. */
int options_parse(int argc, char **argv, struct options *ret_options, struct err *e);

/* Overwrite the command line; the command, its environment, where it starts and the places of
 * binds are copied first, the other strings are lost. */
void options_forget(struct options *options);

#endif
