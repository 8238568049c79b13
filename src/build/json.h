/*
 * JSON written straight into a text, two spaces a level, for what has thousands of entries. Keys
 * stand in the order in which they are written.
 */
#ifndef BUILD_JSON_H
#define BUILD_JSON_H

#include "base/buf.h"
#include "base/digest.h"

#include <stdbool.h>

/* A text being written; it begins with only `text` set. */
struct json_writer {
	struct buf *text;
	unsigned depth;
	bool is_begun; /* the object at hand has an entry already */
};

/* Begin an object, which is the value of a key, or with NULL the whole. */
void json_begin(struct json_writer *writer, const char *key);
void json_end(struct json_writer *writer);

/* A key and its value. False when one of the two is not UTF-8; nothing is written then. */
bool json_add_text(struct json_writer *writer, const char *key, const char *value);
void json_add_digest(struct json_writer *writer, const char *key, const struct digest *digest);
void json_add_number(struct json_writer *writer, const char *key, long long number);
void json_add_true(struct json_writer *writer, const char *key);

/* Is it UTF-8? */
bool json_is_text(const char *text);

#endif
