/*
 * A thread that writes a tree in normal form while another one reads where it comes from: what is
 * decompressed on one processor is hashed and written on a second. Jobs are done in the order
 * given. The one who gives them has made sure that every path is plain, new, and below folders
 * that were given before: then no link can be on its way, since nobody else writes there.
 */
#ifndef STORE_WRITER_H
#define STORE_WRITER_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct writer;

/* What became of a file. */
struct written {
	uint64_t size;
	struct digest digest;
};

/* Start it; `root_fd` stays the caller's. */
int writer_start(int root_fd, struct writer **ret_writer, struct err *e);

/* Give it work. `path` is copied. Each fails when an earlier job has failed, with that error. */
int writer_folder(struct writer *w, const char *path, struct err *e);
int writer_link(struct writer *w, const char *path, const char *target, struct err *e);
/* A copy of file number `existing`, whose path is `existing_path`; it counts as file `index`. */
int writer_copy(struct writer *w, size_t index, const char *path, size_t existing,
    const char *existing_path, struct err *e);
/* A file in one or more pieces, one after the other; `index` numbers the file. `data` is taken
 * over (free()d by the writer). */
int writer_file(struct writer *w, size_t index, const char *path, bool executable, char *data,
    size_t length, bool first, bool last, struct err *e);

/* Wait until everything is written, then release the writer. The results, indexed as the files
 * were, are the caller's to free; on failure there are none. */
int writer_finish(struct writer *w, struct written **ret_results, struct err *e);

#endif
