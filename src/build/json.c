#include "build/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Is it ASCII, with nothing in it that is escaped? Nearly all is. */
static bool is_simple(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
			return false;
	return true;
}

bool json_is_text(const char *text)
{
	json_t *string;

	if (is_simple(text))
		return true;
	string = json_string(text);
	json_decref(string);
	return string;
}

static void add_simple(struct buf *text, const char *value)
{
	size_t length = strlen(value);
	char *end = buf_reserve(text, length + 2);

	end[0] = '"';
	memcpy(end + 1, value, length);
	end[length + 1] = '"';
	end[length + 2] = 0;
	text->length += length + 2;
}

static void add_string(struct buf *text, const char *value)
{
	json_t *string;
	char *quoted;

	if (is_simple(value)) {
		add_simple(text, value);
		return;
	}
	string = json_string(value);
	quoted = json_dumps(string, JSON_ENCODE_ANY);
	buf_puts(text, quoted);
	free(quoted);
	json_decref(string);
}

static void add_line(struct json_writer *w)
{
	static const char spaces[] = "\n                                ";

	buf_add(w->text, spaces, 1 + 2 * w->depth);
}

static void add_key(struct json_writer *w, const char *key)
{
	if (w->is_begun)
		buf_puts(w->text, ",");
	w->is_begun = true;
	add_line(w);
	add_string(w->text, key);
	buf_puts(w->text, ": ");
}

void json_begin(struct json_writer *w, const char *key)
{
	if (key)
		add_key(w, key);
	buf_puts(w->text, "{");
	w->depth++;
	w->is_begun = false;
}

void json_end(struct json_writer *w)
{
	w->depth--;
	if (w->is_begun)
		add_line(w);
	buf_puts(w->text, "}");
	w->is_begun = true;
}

bool json_add_text(struct json_writer *w, const char *key, const char *value)
{
	if (!json_is_text(key) || !json_is_text(value))
		return false;
	add_key(w, key);
	add_string(w->text, value);
	return true;
}

void json_add_digest(struct json_writer *w, const char *key, const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	add_key(w, key);
	add_simple(w->text, digest_format(digest, hex));
}

void json_add_number(struct json_writer *w, const char *key, long long number)
{
	add_key(w, key);
	buf_printf(w->text, "%lld", number);
}

void json_add_true(struct json_writer *w, const char *key)
{
	add_key(w, key);
	buf_puts(w->text, "true");
}
