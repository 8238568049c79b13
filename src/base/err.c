#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 4, 0))) static void err_record(
    struct err *e, enum err_kind kind, int errnum, const char *format, va_list arguments)
{
	e->kind = kind;
	e->errnum = errnum;
	vsnprintf(e->text, sizeof(e->text), format, arguments);
}

int err_set(struct err *e, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	err_record(e, ERR_FAILED, 0, format, arguments);
	va_end(arguments);
	return -1;
}

int err_kind(struct err *e, enum err_kind kind, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	err_record(e, kind, 0, format, arguments);
	va_end(arguments);
	return -1;
}

int err_errno(struct err *e, const char *format, ...)
{
	int errnum = errno;
	va_list arguments;
	size_t length;

	va_start(arguments, format);
	err_record(e, ERR_FAILED, errnum, format, arguments);
	va_end(arguments);
	length = strlen(e->text);
	/* strerrordesc_np neither allocates nor translates. */
	snprintf(e->text + length, sizeof(e->text) - length, ": %s", strerrordesc_np(errnum));
	return -1;
}

int err_wrap(struct err *e, const char *format, ...)
{
	char inner[sizeof(e->text)];
	va_list arguments;
	size_t length;

	memcpy(inner, e->text, sizeof(inner));
	va_start(arguments, format);
	vsnprintf(e->text, sizeof(e->text), format, arguments);
	va_end(arguments);
	length = strlen(e->text);
	snprintf(e->text + length, sizeof(e->text) - length, ": %s", inner);
	return -1;
}
