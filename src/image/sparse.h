/*
 * An io_manager for libext2fs that keeps blocks in memory and reads as zeros where nothing was
 * written: a file system's own structures are made there, and go to the image in few large writes
 * in the end. Zeros that are written take no memory.
 */
#ifndef IMAGE_SPARSE_H
#define IMAGE_SPARSE_H

#include "base/err.h"

#include <ext2fs/ext2fs.h>

extern io_manager sparse_io_manager;

/* Write each block of a channel that is not all zeros to its place in a file. */
int sparse_save(io_channel channel, int fd, struct err *e);

/* The same as pwrite(2), but all of it. */
int sparse_write_at(int fd, const void *bytes, size_t length, off_t offset, struct err *e);

#endif
