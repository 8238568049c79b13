/* Folders copied as they are, unlike the trees of a store (store/tree.h), which have a normal form.
 */
#ifndef BASE_COPY_H
#define BASE_COPY_H

#include "base/err.h"

/*
 * Copy the folder from_fd/from, with all that is in it, to into_fd/name, which must not exist:
 * names, contents (shared blocks where the file system can), modes without setuid bits, times,
 * links, fifos. Sockets and devices are left out, and each hard link becomes a file. No link is
 * followed. What forbids reading to its owner is opened up for the moment that it takes. The copy
 * belongs to the caller. What was copied before a failure stays.
 */
int folder_copy(int from_fd, const char *from, int into_fd, const char *name, struct err *e);

#endif
