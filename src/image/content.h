/*
 * What goes into an image: a tree and a device table, put together. Names, contents, the owner's
 * executable bit and links come from the tree; every other mode, every owner and every node from
 * the table. Nothing else about the tree matters: not its owners, times, other modes, extended
 * attributes, hard links, the place it is at, or the order in which its file system lists it.
 */
#ifndef IMAGE_CONTENT_H
#define IMAGE_CONTENT_H

#include "base/err.h"
#include "image/devices.h"
#include "image/faults.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct entry {
	char *path;    /* below the root, each part 255 bytes at most; "" is the root itself */
	char type;     /* f, d, l (symbolic link), c, b or p, as in the table */
	unsigned mode; /* the permission bits; 0777 for a link */
	uint32_t uid;
	uint32_t gid;
	uint32_t major; /* of c and b */
	uint32_t minor;
	char *target;	/* of a link, else NULL */
	uint64_t size;	/* of a file's content, in bytes, or a link's target */
	unsigned links; /* names that it has: of a folder 2 and one for each folder in it */
	size_t parent;	/* index of the folder that it is in; the root's is its own */
	dev_t device;	/* which file of the tree it was when it was listed */
	ino_t inode;
};

/* Entries sorted bytewise by path, so the root is first and a folder comes before what is in it. */
struct content {
	int tree_fd;
	struct entry *entries;
	size_t count;
};

#define _cleanup_content_ _cleanup_(content_free)

/* List the tree and apply the table. What is wrong with either is added to `faults`; if anything
 * was, the result is not fit for an image. A tree that cannot be read is an error. The caller
 * frees the result, which starts as { .tree_fd = -1 }. */
int content_gather(const char *tree, const struct devices *devices, struct content *ret_content,
    struct faults *faults, struct err *e);

void content_free(struct content *content);

/* The last part of the entry's path. */
const char *entry_name(const struct entry *entry);

/* A file's content, piece by piece. */
struct content_reader {
	int fd;
	const struct entry *entry;
	uint64_t left; /* bytes */
};

#define _cleanup_content_reader_ _cleanup_(content_close)

/* Begin to read an entry of type f. A file that is not the one that was listed is an error, and so
 * is, in content_read, one whose size is another by now. The reader starts as { .fd = -1 }. */
int content_open(const struct content *content, const struct entry *entry,
    struct content_reader *ret_reader, struct err *e);
/* Read the next `size` bytes, or all that are left. 0 bytes: the content is complete. */
int content_read(
    struct content_reader *reader, void *chunk, size_t size, size_t *ret_length, struct err *e);
void content_close(struct content_reader *reader);

#endif
