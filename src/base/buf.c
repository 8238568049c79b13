#include "base/buf.h"
#include "base/memory.h"

#include <stdarg.h>
#include <string.h>

char *buf_reserve(struct buf *b, size_t more)
{
	size_t needed = b->length + more + 1;

	if (needed > b->capacity) {
		b->capacity = needed > 2 * b->capacity ? needed : 2 * b->capacity;
		b->data = xrealloc(b->data, b->capacity);
	}
	return b->data + b->length;
}

void buf_add(struct buf *b, const void *bytes, size_t length)
{
	char *end = buf_reserve(b, length);

	if (length)
		memcpy(end, bytes, length);
	end[length] = 0;
	b->length += length;
}

void buf_puts(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		text = xrealloc(NULL, (size_t)-1); /* out of memory: ends here */
	buf_add(b, text, (size_t)length);
}

const char *buf_text(const struct buf *b)
{
	return b->data ? b->data : "";
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}
