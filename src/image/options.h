/*
 * The command line of minsys-image.
 */
#ifndef IMAGE_OPTIONS_H
#define IMAGE_OPTIONS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct image_options {
	bool disk; /* else an initramfs */
	const char *tree;
	const char *devices;
	const char *output;
	const char *label; /* of a disk, "" for none */
	const char *size_text;
	uint64_t size; /* of a disk, in bytes */
	time_t time;   /* from 1 to INT32_MAX */
};

extern const char image_options_help[];

/* Read them; `epoch` is the value of SOURCE_DATE_EPOCH, or NULL. The result borrows from both.
 * `--help` prints the help and ends the program. What is wrong is ERR_INPUT. */
int image_options_parse(
    int argc, char **argv, const char *epoch, struct image_options *ret_options, struct err *e);

/* Read a size: bytes, or a number with K, M or G behind it for powers of 1024. */
int image_size_parse(const char *text, uint64_t *ret_bytes, struct err *e);

#endif
