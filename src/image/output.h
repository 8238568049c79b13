/*
 * The file that an image is written to. It has a temporary name beside its own until it is whole,
 * so what has the final name is never half an image.
 */
#ifndef IMAGE_OUTPUT_H
#define IMAGE_OUTPUT_H

#include "base/err.h"

#include <stdbool.h>

struct output {
	const char *path;
	char *temporary;
	int fd; /* for writing and seeking; empty at first */
};

#define _cleanup_output_ _cleanup_(output_abandon)

/* Begin a file; an older one stays until output_finish. `path` is borrowed. The caller ends it
 * with output_finish, or with output_abandon, which may follow; SIGINT, SIGTERM and SIGHUP, unless
 * they are ignored, end the program with the latter done. One at a time. Starts as { .fd = -1 }. */
int output_begin(const char *path, struct output *ret_output, struct err *e);
/* Give the file its final name and the mode 0644. */
int output_finish(struct output *output, struct err *e);
/* Remove the file if it was not finished, and release the rest. */
void output_abandon(struct output *output);

/* Does the folder that the file is to be in lie in the tree, or is it the tree itself? The next
 * image of the tree would have this one in it. */
bool output_is_in_tree(const char *path, int tree_fd);

#endif
