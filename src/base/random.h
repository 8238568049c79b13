/*
 * Numbers that nobody else draws too.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/err.h"

#include <stddef.h>

/* Fill up to 256 bytes with random ones, from the kernel (getrandom(2)). */
int random_get(void *ret_bytes, size_t size, struct err *e);

#endif
