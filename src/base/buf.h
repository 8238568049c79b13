/*
 * A growing string of bytes, always followed by a NUL that does not count. A zeroed struct is an
 * empty one. Out of memory ends the program (base/memory.h).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/cleanup.h"

#include <stddef.h>

struct buf {
	char *data; /* NULL until something was added */
	size_t length;
	size_t capacity;
};

#define _cleanup_buf_ _cleanup_(buf_free)

/* Make room for `more` bytes behind what is there; returns where they go. */
char *buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *bytes, size_t length);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text so far; "" when nothing was added. Owned by the buffer. */
const char *buf_text(const struct buf *b);
/* Release the bytes; the buffer is empty again. */
void buf_free(struct buf *b);

#endif
