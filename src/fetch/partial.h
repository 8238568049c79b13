/*
 * A file in the download folder that is not whole yet. Whoever writes one holds its lock (flock)
 * and has seen, with the lock held, that the name still leads to it; so nobody ever renames or
 * removes what another one writes. One with a known digest is <sha256>.part and survives its
 * writer, to be resumed; one without is unpinned-<n>.part and begins anew.
 */
#ifndef FETCH_PARTIAL_H
#define FETCH_PARTIAL_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct partial {
	int folder_fd; /* borrowed */
	int fd;	       /* -1: not open */
	char name[DIGEST_HEX_SIZE + 8];
	bool pinned;
	struct digest expected;	     /* when pinned */
	uint64_t length;	     /* what is there */
	uint64_t flushed;	     /* handed to the disk so far */
	struct digest_stream stream; /* over what is there */
};

enum partial_state {
	PARTIAL_OPEN,	 /* it is ours; what was there has been read */
	PARTIAL_MISSING, /* there is none, and none was to be made */
	PARTIAL_BUSY,	 /* another process, or another file of this one, writes it */
	PARTIAL_WHOLE,	 /* the file is in the folder under its final name */
};

/* Open the one of this digest, or of none (NULL); with `make` also when it has to be made.
 * Returns the state, -1 on failure; `ret_partial` is set when it is PARTIAL_OPEN. */
int partial_open(int folder_fd, const struct digest *expected, bool make,
    struct partial *ret_partial, struct err *e);
/* How long the one of this digest is, without opening it; 0 when there is none. */
uint64_t partial_size(int folder_fd, const struct digest *expected);
/* On failure e->errnum says whether it was for want of space (partial_lacks_space()). */
int partial_add(struct partial *partial, const void *bytes, size_t length, struct err *e);
/* Drop what is there. */
int partial_restart(struct partial *partial, struct err *e);
/* The digest of what is there. */
struct digest partial_digest(const struct partial *partial);
/* Put it on disk, give it its digest as its name, and close it. */
int partial_finish(struct partial *partial, struct digest *ret_digest, struct err *e);
/* Remove and close it. */
void partial_discard(struct partial *partial);
/* Close it, and keep it when it can be resumed. */
void partial_close(struct partial *partial);

bool partial_lacks_space(const struct err *e);
/* Is the file of this digest there, whole? */
bool download_is_there(int folder_fd, const struct digest *digest);

#endif
