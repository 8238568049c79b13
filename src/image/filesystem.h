/*
 * An ext3 file system in memory, to be filled with inodes. Nothing in it depends on the clock, on
 * chance, or on the environment.
 */
#ifndef IMAGE_FILESYSTEM_H
#define IMAGE_FILESYSTEM_H

#include "base/digest.h"
#include "base/err.h"

#include <ext2fs/ext2fs.h>

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/* Its own structures are in memory until filesystem_save; the caller writes what is in files to
 * the blocks that it was given. */
struct filesystem {
	ext2_filsys ext2;
	unsigned block_size; /* bytes */
	time_t time;
	blk64_t next; /* where to look for a free block */
	bool is_full; /* what failed, failed because the file system is too small */
};

#define _cleanup_filesystem_ _cleanup_(filesystem_free)

/* What mke2fs chooses too: 1024 bytes for a file system below 512 MiB, else 4096. */
unsigned filesystem_block_size(uint64_t size);

/* Make one of `size` bytes with room for so many inodes of the caller's, from number
 * EXT2_GOOD_OLD_FIRST_INO on. It has a journal; the root folder and lost+found (at that first
 * number) are the caller's to write. With is_full set, -1 means that the size is too small. */
int filesystem_make(uint64_t size, unsigned block_size, size_t inodes, time_t time,
    struct filesystem *ret_filesystem, struct err *e);

/* Take a free block; they come in ascending order. */
int filesystem_allocate(struct filesystem *f, uint32_t *ret_block, struct err *e);

/* Write an inode, count it as used, and give it the file system's time. */
int filesystem_add_inode(
    struct filesystem *f, ext2_ino_t number, struct ext2_inode_large *inode, struct err *e);

/* Complete it: the UUID and the hash seed are formed from `identity`; then write it to a file. */
int filesystem_save(
    struct filesystem *f, const struct digest *identity, const char *label, int fd, struct err *e);

void filesystem_free(struct filesystem *f);

#endif
