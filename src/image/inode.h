/*
 * Content as inodes of a file system: files, folders, links and nodes, and the blocks that they
 * are made of. Entry n of the content has inode number n + EXT2_GOOD_OLD_FIRST_INO; the root and
 * lost+found have their own. Blocks are taken in the order of the entries.
 */
#ifndef IMAGE_INODE_H
#define IMAGE_INODE_H

#include "base/digest.h"
#include "base/err.h"
#include "image/content.h"
#include "image/filesystem.h"

/* Write all entries. The blocks of files and folders go to `fd`; with -1 they go nowhere, and only
 * the file system says what they would have taken. What decides their bytes is added to
 * `identity`. If f->is_full is set, -1 means that they do not fit. */
int inodes_write(const struct content *content, struct filesystem *f, int fd,
    struct digest_stream *identity, struct err *e);

#endif
