/*
 * The device table: what a tree cannot say without privilege about the image made of it. One
 * entry a line, fields separated by blanks:
 *
 *     path type mode uid gid [major minor]
 *
 * `path` is absolute and plain: no `.`, `..`, `//` or `/` at the end; it has no blanks. `mode` is
 * octal, up to 7777; the other numbers are decimal. `type` is one of
 *
 *     f  give this mode and owner to a regular file that the tree has
 *     d  give them to a folder, which is made if the tree has none
 *     c  a character device      major and minor belong to c and b, and to nothing else
 *     b  a block device
 *     p  a named pipe
 *
 * A field that begins with `#` begins a comment, which ends with its line. The order of the lines
 * does not matter. Whatever the table does not name belongs to root:root, with mode 0755, or 0644
 * for a file that its owner cannot execute.
 */
#ifndef IMAGE_DEVICES_H
#define IMAGE_DEVICES_H

#include "image/faults.h"

#include <stddef.h>
#include <stdint.h>

struct device {
	char *path; /* below the root: without the first slash; "" is the root itself */
	char type;  /* one of "fdcbp" */
	unsigned mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	unsigned line;
	unsigned column; /* of the path */
};

struct devices {
	struct device *list; /* in the order of the lines */
	size_t count;
};

#define _cleanup_devices_ _cleanup_(devices_free)

/* How to write a table, for people. */
extern const char devices_help[];

/* Read a table. What is wrong with it is added to `faults`; a line that is only partly wrong is
 * in the result all the same, so that no other line is blamed for its absence. The caller frees
 * the result. */
void devices_parse(
    const char *text, size_t length, struct devices *ret_devices, struct faults *faults);

void devices_free(struct devices *devices);

#endif
