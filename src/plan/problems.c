#include "plan/problems.h"

#include "base/memory.h"
#include "base/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void problem_add(struct problems *problems, struct place at, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	problems->items = xgrow(problems->items, problems->count, sizeof(*problems->items));
	problems->items[problems->count++] = (struct problem){
	    .text = xasprintf("%s:%u:%u: %s", at.file, at.line, at.column, message),
	    .file = xstrdup(at.file),
	    .line = at.line,
	    .column = at.column,
	};
	make_printable(problems->items[problems->count - 1].text);
}

static int by_place(const void *left, const void *right)
{
	const struct problem *a = left, *b = right;
	int order = strcmp(a->file, b->file);

	if (!order)
		order = (a->line > b->line) - (a->line < b->line);
	if (!order)
		order = (a->column > b->column) - (a->column < b->column);
	return order ? order : strcmp(a->text, b->text);
}

void problems_sort(struct problems *problems)
{
	if (problems->count)
		qsort(problems->items, problems->count, sizeof(*problems->items), by_place);
}

void problems_free(struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		free(problems->items[i].text);
		free(problems->items[i].file);
	}
	free(problems->items);
	*problems = (struct problems){0};
}
