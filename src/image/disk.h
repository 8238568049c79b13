/*
 * The disk: an ext3 file system (ext2 with a journal), made by libext2fs and no other program. The
 * file is sparse, and as long as asked for. Whatever differs from one run of mke2fs to the next is
 * fixed: all times are the one asked for, and the UUID (version 8, RFC 9562) and the seed of the
 * directory hashes are digests of what the disk holds.
 *
 * A block that is all zeros is a hole, wherever it is in a file.
 */
#ifndef IMAGE_DISK_H
#define IMAGE_DISK_H

#include "base/err.h"
#include "image/content.h"

#include <stdint.h>
#include <time.h>

/* The least that a journal fits into, and the most that is sure to work. */
#define DISK_SIZE_MIN (3U << 20)
#define DISK_SIZE_MAX ((uint64_t)1 << 40)
#define DISK_LABEL_MAX 16 /* bytes */

struct disk_options {
	uint64_t size;	       /* bytes, from DISK_SIZE_MIN to DISK_SIZE_MAX */
	const char *size_text; /* as the user wrote it */
	const char *label;
	time_t time; /* from 1 to INT32_MAX */
};

/* Write one to a descriptor that is open for writing and at an empty file. Content that does not
 * fit is an ERR_FAILED that names a size that suffices. */
int disk_write(
    const struct content *content, const struct disk_options *options, int fd, struct err *e);

#endif
