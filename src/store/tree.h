/*
 * The tree model: names, contents, the executable bit, symbolic links; nothing else (no owners,
 * times, other modes, hard links), so that it maps onto the Remote Execution API's Directory.
 * On disk a tree is in normal form: regular files 0644 or 0755, folders 0755, every mtime
 * TREE_MTIME, links as they are. Its canonical text, the manifest, has one line an entry, sorted
 * bytewise by path:
 *
 *   d <path>
 *   f <sha256> <size> <path>        a file, x in place of f when it is executable
 *   l <length> <path> <target>      <length> is that of <path> as written, in bytes
 *
 * In paths and targets `\` and control bytes are written \xNN. The sha256 of
 * the manifest is the tree's digest. The root itself has no line.
 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define TREE_MTIME 1 /* seconds since the epoch; 0 reads as "unset" to some tools */
extern const struct timespec tree_times[2]; /* as utimensat(2) takes it */

struct tree_entry {
	char type; /* 'd', 'f', 'x' or 'l' */
	char *path;
	char *target;	      /* of a link */
	uint64_t size;	      /* of a file, bytes */
	struct digest digest; /* of a file */
};

struct tree {
	struct tree_entry *entries; /* sorted bytewise by path once encoded */
	size_t count;
};

/* What is too much; each has an error of its own. 0 means the default. */
struct tree_limits {
	uint64_t bytes;	  /* all files together; default 16 GiB */
	uint64_t entries; /* default 2,000,000 */
	unsigned depth;	  /* folders below each other; default 64 */
	unsigned path;	  /* bytes of a path; default 2048 */
};

/* Add an entry; the rest of it is the caller's to fill in. Valid until the next is added. */
struct tree_entry *tree_add(struct tree *tree, char type, const char *path);

/* Sort the entries and write the canonical text. */
void tree_encode(struct tree *tree, struct buf *ret_manifest);
/* Read a canonical text; anything not exactly canonical is ERR_INPUT. */
int tree_decode(const char *manifest, size_t length, struct tree *ret_tree, struct err *e);
void tree_free(struct tree *tree);

/*
 * Copy what a finished stage holds into new inodes below `into_fd`, in normal form, hashing on the
 * way; setuid bits, owners and times are lost on purpose. Follows no link. Sockets, fifos, devices
 * are refused by name. What forbids reading to its owner is opened up. `include` limits the top
 * level to those names (NULL: all).
 */
int tree_capture(int from_fd, const char *const *include, int into_fd,
    const struct tree_limits *limits, struct tree *ret_tree, struct err *e);

/* The same for a folder that is the user's own: nothing in it is changed. With `into_fd` -1 it is
 * only described, not copied. */
int tree_import(int from_fd, const char *const *include, int into_fd,
    const struct tree_limits *limits, struct tree *ret_tree, struct err *e);

/* Describe a tree in place, without copying or changing anything: for checks. Same rules. */
int tree_scan(int fd, const struct tree_limits *limits, struct tree *ret_tree, struct err *e);

/* Materialise a copy of a normal-form tree at into_fd/<name> (reflink or copy), with every
 * mtime `mtime`. `name` must not exist. Symbolic links which like_fd/<name> (-1: nothing) has too
 * become other names of those; they get the mtime too. */
int tree_copy(
    int from_fd, int like_fd, int into_fd, const char *name, int64_t mtime, struct err *e);
/* The same for one file of a tree, open as `from_fd`. */
int tree_copy_file(int from_fd, int into_fd, const char *name, int64_t mtime, struct err *e);

/* The same for a link: that at from_fd/<from_name>, or with "" the one that `from_fd` (O_PATH) is.
 */
int tree_copy_link(int from_fd, const char *from_name, int like_fd, int into_fd, const char *name,
    int64_t mtime, struct err *e);

/* The limits with every 0 replaced by its default. */
struct tree_limits tree_limits_or_default(const struct tree_limits *asked);

#endif
