/*
 * Giving a step the folders that it may write to.
 */
#ifndef SANDBOX_GIVE_H
#define SANDBOX_GIVE_H

#include "base/err.h"

#include <sys/types.h>

/* Make what is open as `fd` (O_PATH will do) belong to `uid` and the group of that number; `name`
 * is for errors. */
int give(int fd, const char *name, uid_t uid, struct err *e);

/* The same, and when it is a folder, of all that is in it, no process of whose owner may be alive.
 * A link itself is given, never what it leads to. What stays whose it is: a file that has another
 * name too, and what is below more than 512 folders. */
int give_all(int fd, const char *name, uid_t uid, struct err *e);

#endif
