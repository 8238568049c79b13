/*
 * The state of a file: what the kernel knows of it without reading it. As long as it is the same,
 * and it was taken by a later clock than the file was changed by, so is the content.
 */
#ifndef BUILD_STATE_H
#define BUILD_STATE_H

#include "base/digest.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

/* The clock that files' times are taken from. */
struct timespec state_now(void);

/* Was it changed last before `now`? Where times are kept to whole seconds, it may be two of them.
 */
bool state_is_settled(const struct stat *status, const struct timespec *now);

/* Times, size, mode, inode number. */
void state_add(struct digest_stream *states, const struct stat *status);

#endif
