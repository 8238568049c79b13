/*
 * The initramfs: a cpio archive in the "newc" format (the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst), compressed with gzip (RFC 1952)
 * whose header has neither a time nor a name. Entries come in the content's order; their inode
 * numbers count from 1.
 */
#ifndef IMAGE_INITRAMFS_H
#define IMAGE_INITRAMFS_H

#include "base/err.h"
#include "image/content.h"

#include <time.h>

/* Write one to a descriptor; every entry's time is `time`. */
int initramfs_write(const struct content *content, time_t time, int fd, struct err *e);

#endif
