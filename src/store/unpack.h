/*
 * Unpacking archives that may be hostile, into a tree in normal form. Nothing is ever written
 * outside the folder given: no `..`, absolute names or writing through a link; devices, fifos and
 * sockets are refused; setuid bits are dropped; sizes, counts, depth and ratio are bounded. No
 * entry replaces another. Links that lead outside are refused for sources; a tools root may hold
 * absolute links, which are meant relative to the root it becomes.
 */
#ifndef STORE_UNPACK_H
#define STORE_UNPACK_H

#include "store/tree.h"

struct unpack_options {
	bool strip_top; /* there is one top folder: leave it out */
	bool rooted;	/* the tree becomes a `/`: /bin, /sbin and /lib* are merged into usr/, and
			   links may be absolute */
	const char *const *exclude; /* NULL-terminated paths (after stripping) that are left out
				       with all below them; NULL: none */
	struct tree_limits limits;
	unsigned ratio; /* unpacked bytes a packed byte at most, looked at above 64 MiB; 0: 200 */
};

struct unpack;

/* Begin a tree in the empty folder `into_fd`, which stays the caller's. `options` are borrowed
 * until the end. */
int unpack_begin(
    int into_fd, const struct unpack_options *options, struct unpack **ret_unpack, struct err *e);

/* Add what a tar archive holds, compressed with gzip, bzip2, xz, zstd or not at all. `name` is
 * for messages. What is wrong with the archive is ERR_INPUT. After a failure only unpack_end() is
 * left to call. */
int unpack_tar(struct unpack *u, int archive_fd, const char *name, struct err *e);
/* The same for the data of a Debian package (deb(5)). */
int unpack_deb(struct unpack *u, int archive_fd, const char *name, struct err *e);

/* Add a folder (one that is there is no error), a link, or a file, with the folders it is in. */
int unpack_folder(struct unpack *u, const char *path, struct err *e);
int unpack_link(struct unpack *u, const char *path, const char *target, struct err *e);
int unpack_file(struct unpack *u, const char *path, const char *content, struct err *e);

/* Wait until all is written, and release it. With `result` 0 the tree is handed over; else, or
 * when writing fails, there is none and -1 is returned (with `e` as it was for the former). */
int unpack_end(struct unpack *u, int result, struct tree *ret_tree, struct err *e);

#endif
