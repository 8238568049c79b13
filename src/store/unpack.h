/*
 * Unpacking archives that may be hostile, into a tree in normal form. Nothing is ever written
 * outside the folder given: no `..`, absolute names or writing through a link; devices, fifos and
 * sockets are refused; setuid bits are dropped; sizes, counts, depth and ratio are bounded. Links
 * that lead outside are refused for sources; a tools root may hold absolute links, which are
 * meant relative to the root it becomes.
 */
#ifndef STORE_UNPACK_H
#define STORE_UNPACK_H

#include "store/tree.h"

struct unpack_options {
	bool strip_top;		    /* there is one top folder: leave it out */
	bool rooted;		    /* the tree becomes a `/`: merge /bin, /sbin and /lib* into
				       usr/, allow absolute link targets */
	const char *const *exclude; /* NULL-terminated; paths (after stripping) left out with
				       all below them; one that matches nothing is no error */
	struct tree_limits limits;
	unsigned ratio; /* unpacked bytes per packed byte at most; 0: the default 200, counted
			   above 64 MiB */
};

/* Unpack a tar archive of any compression that libarchive knows (of tar only: no zip, iso …)
 * from `archive_fd` into the empty folder `into_fd`. `name` is for messages. The entries are
 * added to `tree`, with digests. */
int unpack_tar(int archive_fd, const char *name, const struct unpack_options *options, int into_fd,
    struct tree *tree, struct err *e);

/* The same for the data archive of a .deb; several may go into the same folder one after the
 * other: a folder that is there is no conflict, a file that another package brought is. */
int unpack_deb(int archive_fd, const char *name, const struct unpack_options *options, int into_fd,
    struct tree *tree, struct err *e);

/* Make a link or write a file in a tree being unpacked, parents included; an existing entry of
 * that path is an ERR_INPUT. */
int unpack_add_link(
    int into_fd, const char *path, const char *target, struct tree *tree, struct err *e);
/* The same for a folder; one that is there already is no error. */
int unpack_add_folder(int into_fd, const char *path, struct tree *tree, struct err *e);
int unpack_add_file(
    int into_fd, const char *path, const char *content, struct tree *tree, struct err *e);

#endif
