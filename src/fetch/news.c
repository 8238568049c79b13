#include "fetch/news.h"

#include <jansson.h>
#include <string.h>

#define WORDS_LIMIT 1000

static void keep_words(struct news_reader *reader, const char *line, size_t length)
{
	size_t room = WORDS_LIMIT - reader->words.length;

	if (reader->words.length && room)
		buf_puts(&reader->words, "\n");
	room = WORDS_LIMIT - reader->words.length;
	buf_add(&reader->words, line, length < room ? length : room);
}

static void read_line(struct news_reader *reader, const char *line, size_t length)
{
	json_t *event = json_loadb(line, length, 0, NULL);
	const char *kind = json_string_value(json_object_get(event, "event"));
	const char *text = json_string_value(json_object_get(event, "text"));

	if (kind && text)
		reader->options->tell(reader->options->context, !strcmp(kind, "progress"), text);
	else
		keep_words(reader, line, length);
	json_decref(event);
}

void news_read(struct news_reader *reader, const char *bytes, size_t length)
{
	const char *line, *newline;
	size_t left;

	buf_add(&reader->rest, bytes, length);
	line = reader->rest.data;
	left = reader->rest.length;
	while ((newline = memchr(line, '\n', left))) {
		read_line(reader, line, (size_t)(newline - line));
		left -= (size_t)(newline + 1 - line);
		line = newline + 1;
	}
	memmove(reader->rest.data, line, left);
	reader->rest.length = left;
}

void news_free(struct news_reader *reader)
{
	buf_free(&reader->rest);
	buf_free(&reader->words);
}
