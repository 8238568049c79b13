#include "plan/reader.h"

#include "base/file.h"
#include "base/human.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/words.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define FILE_LIMIT (8UL << 20) /* bytes of one YAML file */
#define SECONDS_LIMIT (30 * 24 * 3600)
#define COUNT_DIGITS 9

/* --- Forms --- */

static bool is_name(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._+-");

	return length && !text[length] && length <= 64 && isalnum((unsigned char)*text);
}

static bool is_variable(const char *text)
{
	for (const char *c = text; *c; c++)
		if (*c != '_' && !isalpha((unsigned char)*c) &&
		    (c == text || !isdigit((unsigned char)*c)))
			return false;
	return *text;
}

/* Lines of texts that decide keys have paths in them, and so have messages. */
static bool is_path(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return path_is_plain(text);
}

static bool is_pool_path(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._+-~%:/");

	return !strncmp(text, "pool/", 5) && !text[length] && path_is_plain(text);
}

const struct form form_name = {is_name, "a name (small letters, digits and `._+-`, at most 64)"};
const struct form form_path = {is_path, "a relative path without `.`, `..` and control characters"};
const struct form form_pool = {is_pool_path, "a path in a Debian archive, pool/…"};
const struct form form_variable = {is_variable, "a variable's name (letters, digits and `_`)"};

/* --- The file --- */

struct place reader_place(const struct reader *r, const struct node *node)
{
	return node ? node_place(node, r->file) : (struct place){r->file, 1, 1};
}

static void parse(struct reader *r)
{
	const char *text = buf_text(&r->text);

	r->begin = strncmp(text, "\xef\xbb\xbf", 3) ? 0 : 3;
	r->top =
	    nodes_read(&r->nodes, r->problems, r->file, text + r->begin, r->text.length - r->begin);
}

void reader_open(
    struct reader *r, struct arena *arena, struct problems *problems, int project, const char *file)
{
	struct err e = {0};

	*r = (struct reader){
	    .arena = arena, .problems = problems, .file = arena_strdup(arena, file)};
	if (file_read(project, file, FILE_LIMIT, &r->text, &e))
		problem_add(problems, reader_place(r, NULL), "%s", e.text);
	else
		parse(r);
}

void reader_open_text(struct reader *r, struct arena *arena, struct problems *problems,
    const char *file, const struct buf *text)
{
	*r = (struct reader){
	    .arena = arena, .problems = problems, .file = arena_strdup(arena, file)};
	buf_add(&r->text, buf_text(text), text->length);
	parse(r);
}

void reader_close(struct reader *r)
{
	r->top = NULL;
	arena_free(&r->nodes);
	buf_free(&r->text);
}

/* --- Values --- */

static bool expect(struct reader *r, const struct node *node, enum node_type type, const char *what)
{
	static const char *const kinds[] = {"a text", "a list", "a mapping"};

	if (node->type == type)
		return true;
	problem_add(r->problems, reader_place(r, node), "%s must be %s, not %s", what, kinds[type],
	    kinds[node->type]);
	return false;
}

/* The node's text, which goes with it, or NULL after a problem. */
static const char *scalar(struct reader *r, const struct node *node, const char *what)
{
	if (!expect(r, node, NODE_TEXT, what))
		return NULL;
	if (strlen(node->text) != node->length) {
		problem_add(r->problems, reader_place(r, node), "%s holds a NUL byte", what);
		return NULL;
	}
	if (!node->length && node->is_plain) {
		problem_add(r->problems, reader_place(r, node),
		    "%s has no value; an empty text is written \"\"", what);
		return NULL;
	}
	return node->text;
}

static const char *formed(
    struct reader *r, const struct node *node, const char *what, const struct form *form)
{
	const char *text = scalar(r, node, what);

	if (!text || !form || form->holds(text))
		return text ? arena_strdup(r->arena, text) : NULL;
	problem_add(r->problems, reader_place(r, node), "`%.100s` is not %s", text, form->what);
	return NULL;
}

struct node *reader_items(struct reader *r, struct node *node, const char *what, size_t *ret_count)
{
	*ret_count = 0;
	if (!node || !expect(r, node, NODE_LIST, what))
		return NULL;
	*ret_count = node->count;
	return node->first;
}

static const struct entry *find_entry(const struct entry *entries, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(entries[i].key, key))
			return &entries[i];
	return NULL;
}

struct entry *reader_entries(
    struct reader *r, struct node *node, const char *what, size_t *ret_count)
{
	struct entry *entries;
	struct map numbers = {0};
	size_t count = 0, first;

	*ret_count = 0;
	if (!node || !expect(r, node, NODE_MAPPING, what))
		return NULL;
	entries = arena_alloc(&r->nodes, node->count, sizeof(*entries));
	for (struct node *key = node->first; key; key = key->next->next) {
		const char *text = scalar(r, key, "a key");

		if (!text)
			continue;
		if (map_get(&numbers, text, &first)) {
			problem_add(r->problems, reader_place(r, key),
			    "the key `%.100s` is there twice, first in line %u", text,
			    entries[first].place.line);
			continue;
		}
		map_put(&numbers, text, count);
		entries[count++] = (struct entry){text, reader_place(r, key), key->next};
	}
	map_free(&numbers);
	*ret_count = count;
	return entries;
}

struct place reader_key_place(struct reader *r, const char *key)
{
	struct node *value = node_value(r->top, key);

	return reader_place(r, value ? value : r->top);
}

/* --- Fields --- */

static void read_names(
    struct reader *r, struct node *node, const struct field *field, struct names *names)
{
	_cleanup_free_ char *what = xasprintf("each of `%s`", field->key);
	_cleanup_free_ char *list = xasprintf("`%s`", field->key);
	size_t count;
	const struct node *item = reader_items(r, node, list, &count);
	struct map seen = {0};

	names->items = arena_alloc(r->arena, count, sizeof(*names->items));
	names->places = arena_alloc(r->arena, count, sizeof(*names->places));
	for (; item; item = item->next) {
		const char *text = formed(r, item, what, field->form);

		if (!text)
			continue;
		if (map_get(&seen, text, NULL)) {
			problem_add(r->problems, reader_place(r, item), "`%.100s` is in `%s` twice",
			    text, field->key);
			continue;
		}
		map_put(&seen, text, 0);
		names->places[names->count] = reader_place(r, item);
		names->items[names->count++] = (char *)text;
	}
	map_free(&seen);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static void read_pairs(
    struct reader *r, struct node *node, const struct field *field, struct pairs *pairs)
{
	_cleanup_free_ char *what = xasprintf("`%s`", field->key);
	size_t count;
	struct entry *entries = reader_entries(r, node, what, &count);

	pairs->items = arena_alloc(r->arena, count, sizeof(*pairs->items));
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *name = xasprintf("`%.100s`", entries[i].key);
		const char *value = scalar(r, entries[i].value, name);

		if (field->form && !field->form->holds(entries[i].key))
			problem_add(
			    r->problems, entries[i].place, "%s is not %s", name, field->form->what);
		else if (value)
			pairs->items[pairs->count++] =
			    (struct pair){arena_strdup(r->arena, entries[i].key),
				arena_strdup(r->arena, value), entries[i].place};
	}
	if (pairs->count)
		qsort(pairs->items, pairs->count, sizeof(*pairs->items), by_key);
}

static void read_digest(
    struct reader *r, const struct node *node, const char *what, struct digest *digest)
{
	const char *text = scalar(r, node, what);
	struct err e = {0};

	if (text && digest_parse(text, digest, &e))
		problem_add(r->problems, reader_place(r, node),
		    "%s must be 64 hexadecimal digits, not `%.100s`", what, text);
}

static void read_size(struct reader *r, const struct node *node, const char *what, uint64_t *size)
{
	const char *text = scalar(r, node, what);

	if (!text)
		return;
	errno = 0;
	if (!*text || text[strspn(text, "0123456789")] ||
	    ((*size = strtoull(text, NULL, 10)) == ULLONG_MAX && errno))
		problem_add(r->problems, reader_place(r, node),
		    "%s must be a number of bytes, not `%.100s`", what, text);
}

static void read_bytes(struct reader *r, const struct node *node, const char *what, uint64_t *bytes)
{
	const char *text = scalar(r, node, what);

	if (text && (!human_parse_bytes(text, bytes) || !*bytes))
		problem_add(r->problems, reader_place(r, node),
		    "%s must be a size like 500MB, 4G or 2GiB, not `%.100s`", what, text);
}

static void read_count(struct reader *r, const struct node *node, const char *what, uint64_t *count)
{
	const char *text = scalar(r, node, what);

	if (!text)
		return;
	*count = strtoull(text, NULL, 10);
	if (text[strspn(text, "0123456789")] || strlen(text) > COUNT_DIGITS || !*count)
		problem_add(r->problems, reader_place(r, node),
		    "%s must be a whole number from 1 to 999999999, not `%.100s`", what, text);
}

static void read_seconds(
    struct reader *r, const struct node *node, const char *what, unsigned *seconds)
{
	const char *text = scalar(r, node, what);
	size_t digits = text ? strspn(text, "0123456789") : 0;
	const char *unit = text ? text + digits : "";
	unsigned factor = !strcmp(unit, "h") ? 3600 : !strcmp(unit, "m") ? 60 : 1;

	if (!text)
		return;
	*seconds = (unsigned)strtoul(text, NULL, 10) * factor;
	if (!digits || digits > 5 || (*unit && factor == 1 && strcmp(unit, "s")) || !*seconds)
		problem_add(r->problems, reader_place(r, node),
		    "%s must be a time like 90s, 5m or 2h, not `%.100s`", what, text);
	else if (*seconds > SECONDS_LIMIT)
		problem_add(r->problems, reader_place(r, node),
		    "%s must be at most 30 days, 720h, not `%.100s`", what, text);
}

static void read_flag(struct reader *r, const struct node *node, const char *what, bool *flag)
{
	const char *text = scalar(r, node, what);

	if (!text)
		return;
	*flag = !strcmp(text, "true");
	if (!*flag && strcmp(text, "false"))
		problem_add(r->problems, reader_place(r, node),
		    "%s must be true or false, not `%.100s`", what, text);
}

static void read_field(struct reader *r, struct node *node, const struct field *field, void *into)
{
	void *at = (char *)into + field->offset;
	_cleanup_free_ char *what = xasprintf("`%s`", field->key);

	switch (field->type) {
	case FIELD_TEXT:
		*(const char **)at = formed(r, node, what, field->form);
		break;
	case FIELD_NAMES:
		read_names(r, node, field, at);
		break;
	case FIELD_PAIRS:
		read_pairs(r, node, field, at);
		break;
	case FIELD_DIGEST:
		read_digest(r, node, what, at);
		break;
	case FIELD_SIZE:
		read_size(r, node, what, at);
		break;
	case FIELD_BYTES:
		read_bytes(r, node, what, at);
		break;
	case FIELD_COUNT:
		read_count(r, node, what, at);
		break;
	case FIELD_SECONDS:
		read_seconds(r, node, what, at);
		break;
	case FIELD_FLAG:
		read_flag(r, node, what, at);
		break;
	case FIELD_NODE:
		*(struct node **)at = node;
		break;
	}
}

static void unknown_key(struct reader *r, const struct entry *entry, const char *what,
    const struct field *fields, size_t count)
{
	_cleanup_free_ const char **keys = xcalloc(count + 1, sizeof(*keys));
	_cleanup_buf_ struct buf known = {0};
	const char *nearest;

	for (size_t i = 0; i < count; i++) {
		keys[i] = fields[i].key;
		buf_printf(&known, "%s%s", i ? ", " : "", keys[i]);
	}
	nearest = word_nearest(entry->key, keys);
	if (nearest)
		problem_add(r->problems, entry->place, "%s has no key `%.100s`; did you mean `%s`?",
		    what, entry->key, nearest);
	else
		problem_add(r->problems, entry->place, "%s has no key `%.100s`; it has %s", what,
		    entry->key, buf_text(&known));
}

void reader_fields(struct reader *r, struct node *node, const char *what,
    const struct field *fields, size_t count, void *into)
{
	size_t entry_count;
	struct entry *entries = reader_entries(r, node, what, &entry_count);

	if (!node || node->type != NODE_MAPPING)
		return;
	for (size_t i = 0; i < entry_count; i++) {
		size_t f = 0;

		while (f < count && strcmp(fields[f].key, entries[i].key))
			f++;
		if (f == count)
			unknown_key(r, &entries[i], what, fields, count);
		else
			read_field(r, entries[i].value, &fields[f], into);
	}
	for (size_t f = 0; f < count; f++)
		if (fields[f].required && !find_entry(entries, entry_count, fields[f].key))
			problem_add(r->problems, reader_place(r, node), "%s needs the key `%s`",
			    what, fields[f].key);
}
