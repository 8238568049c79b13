#include "cli/output.h"

#include <stdbool.h>
#include <string.h>

#define SHOWN_LIMIT 1024
#define LINE_LIMIT (1 << 20)

/* Where the text behind the last end of a line begins. */
static size_t last_start(const char *bytes, size_t length)
{
	const char *newline = memrchr(bytes, '\n', length);
	const char *end = newline ? newline + 1 : bytes;
	const char *carriage_return = memrchr(end, '\r', length - (size_t)(end - bytes));

	return (size_t)((carriage_return ? carriage_return + 1 : end) - bytes);
}

static bool is_blank(const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)bytes[i] > ' ')
			return false;
	return true;
}

static void add_limited(struct buf *text, const char *bytes, size_t length)
{
	size_t room = SHOWN_LIMIT - text->length;

	buf_add(text, bytes, length < room ? length : room);
}

static void empty(struct buf *text)
{
	text->length = 0;
}

/* The last of these lines, which all are ended, that is not blank. The first one goes on from
 * what was unfinished. */
static void keep_whole(struct last_line *last, const char *bytes, size_t end)
{
	while (end) {
		size_t start = last_start(bytes, end - 1);

		if (!is_blank(bytes + start, end - 1 - start)) {
			if (start)
				empty(&last->unfinished);
			add_limited(&last->unfinished, bytes + start, end - 1 - start);
			break;
		}
		end = start;
	}
	if (!is_blank(buf_text(&last->unfinished), last->unfinished.length)) {
		empty(&last->whole);
		buf_add(&last->whole, last->unfinished.data, last->unfinished.length);
	}
	empty(&last->unfinished);
}

void last_line_add(struct last_line *last, const char *bytes, size_t length)
{
	size_t end = last_start(bytes, length);

	if (end)
		keep_whole(last, bytes, end);
	add_limited(&last->unfinished, bytes + end, length - end);
}

const struct buf *last_line_get(const struct last_line *last)
{
	return is_blank(buf_text(&last->unfinished), last->unfinished.length) ? &last->whole
									      : &last->unfinished;
}

void last_line_free(struct last_line *last)
{
	buf_free(&last->unfinished);
	buf_free(&last->whole);
}

void take_lines(struct buf *rest, const char *bytes, size_t length, struct buf *lines)
{
	const char *newline = memrchr(bytes, '\n', length);
	size_t whole = newline ? (size_t)(newline + 1 - bytes) : 0;

	if (whole) {
		buf_add(lines, buf_text(rest), rest->length);
		buf_add(lines, bytes, whole);
		empty(rest);
	}
	buf_add(rest, bytes + whole, length - whole);
	if (rest->length >= LINE_LIMIT)
		take_rest(rest, lines);
}

void take_rest(struct buf *rest, struct buf *lines)
{
	if (!rest->length)
		return;
	buf_add(lines, rest->data, rest->length);
	buf_puts(lines, "\n");
	empty(rest);
}
