/*
 * Allocation that does not fail: a program that runs out of memory says so on standard error and
 * exits with ERR_ENVIRONMENT. Sizes are in bytes. The caller owns what is returned; free() it.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stddef.h>

void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* Make room in `array` for element number `count`, doubling its allocation as it grows; returns
 * the array's new address. Grown by nothing else, an array needs no stored capacity: the
 * allocation doubles when `count` reaches a power of two. */
void *xgrow(void *array, size_t count, size_t size) __attribute__((returns_nonnull));

#endif
