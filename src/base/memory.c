#include "base/memory.h"
#include "base/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *check(void *pointer)
{
	if (pointer)
		return pointer;
	fputs("minsys: out of memory\n", stderr);
	exit(ERR_ENVIRONMENT);
}

void *xcalloc(size_t count, size_t size)
{
	return check(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *old, size_t size)
{
	return check(realloc(old, size ? size : 1));
}

char *xstrdup(const char *text)
{
	return check(strdup(text));
}

char *xstrndup(const char *text, size_t length)
{
	return check(strndup(text, length));
}

char *xasprintf(const char *format, ...)
{
	va_list arguments;
	char *text = NULL;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return check(length < 0 ? NULL : text);
}

void *xgrow(void *array, size_t count, size_t size)
{
	if (count & (count - 1))
		return check(array);
	return check(reallocarray(array, count ? 2 * count : 1, size));
}
