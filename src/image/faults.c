#include "image/faults.h"

#include "base/memory.h"

#include <stdarg.h>
#include <string.h>

void faults_add(struct faults *faults, unsigned line, unsigned column, const char *format, ...)
{
	struct fault fault = {.line = line, .column = column};
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&fault.text, format, arguments) < 0)
		fault.text = xstrdup(format);
	va_end(arguments);
	faults->list = xgrow(faults->list, faults->count, sizeof(*faults->list));
	faults->list[faults->count++] = fault;
}

static int by_place(const void *a, const void *b)
{
	const struct fault *one = a, *other = b;

	/* Wraps around, so that those without a line come last. */
	if (one->line != other->line)
		return one->line - 1 < other->line - 1 ? -1 : 1;
	if (one->column != other->column)
		return one->column < other->column ? -1 : 1;
	return strcmp(one->text, other->text);
}

void faults_print(struct faults *faults, const char *table, struct buf *ret_text)
{
	if (faults->count)
		qsort(faults->list, faults->count, sizeof(*faults->list), by_place);
	for (size_t i = 0; i < faults->count; i++) {
		const struct fault *fault = &faults->list[i];

		if (fault->line)
			buf_printf(ret_text, "%s:%u:%u: ", table, fault->line, fault->column);
		buf_printf(ret_text, "%s\n", fault->text);
	}
}

void faults_free(struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		free(faults->list[i].text);
	free(faults->list);
	*faults = (struct faults){0};
}
