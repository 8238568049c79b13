#include "plan/reader.h"

#include "base/file.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/words.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define FILE_LIMIT (8UL << 20) /* bytes of one YAML file */
#define NESTING_LIMIT 32       /* lists and mappings in each other; the files need 4 */
#define SECONDS_LIMIT (30 * 24 * 3600)

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

static struct place place_of_mark(const struct reader *r, const yaml_mark_t *mark)
{
	return (struct place){r->file, (unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

struct place reader_place(const struct reader *r, const yaml_node_t *node)
{
	return node ? place_of_mark(r, &node->start_mark) : (struct place){r->file, 1, 1};
}

static struct place place_of_byte(const struct reader *r, size_t offset)
{
	struct place at = {r->file, 1, 1};

	for (size_t i = r->begin; i < r->begin + offset && i < r->text.length; i++) {
		unsigned char byte = (unsigned char)r->text.data[i];

		if (byte == '\n')
			at = (struct place){r->file, at.line + 1, 1};
		else if ((byte & 0xc0) != 0x80) /* not a character's second byte */
			at.column++;
	}
	return at;
}

static void syntax_problem(struct reader *r, const yaml_parser_t *parser)
{
	struct place at = place_of_mark(r, &parser->problem_mark);

	/* Of bytes that are no text libyaml gives no mark, only the offset. */
	if (parser->error == YAML_READER_ERROR)
		at = place_of_byte(r, parser->problem_offset);
	problem_add(r->problems, at, "this is not YAML: %s%s%s",
	    parser->problem ? parser->problem : "out of memory", parser->context ? ", " : "",
	    parser->context ? parser->context : "");
}

static void start_parser(struct reader *r, yaml_parser_t *parser)
{
	if (!yaml_parser_initialize(parser))
		abort(); /* out of memory */
	/* Else it could be UTF-16, whose bytes rewrite.c cannot count. */
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(parser, (const unsigned char *)buf_text(&r->text) + r->begin,
	    r->text.length - r->begin);
}

/* What an event adds to the nesting. */
static int nesting_of(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return 1;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return -1;
	default:
		return 0;
	}
}

static bool has_alias(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return true;
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor;
	default:
		return false;
	}
}

struct scan {
	int nesting;
	unsigned documents;
	bool is_loadable;
};

static void scan_event(struct reader *r, const yaml_event_t *event, struct scan *scan)
{
	struct place at = place_of_mark(r, &event->start_mark);

	if (has_alias(event)) {
		problem_add(r->problems, at, "anchors and aliases are not taken; write it out");
		scan->is_loadable = false;
	}
	scan->nesting += nesting_of(event);
	if (scan->nesting > NESTING_LIMIT) {
		problem_add(r->problems, at, "this is nested deeper than %d levels", NESTING_LIMIT);
		scan->is_loadable = false;
	}
	if (event->type == YAML_DOCUMENT_START_EVENT && ++scan->documents == 2)
		problem_add(r->problems, at, "there is a second document; one is all");
}

/* Can the document be loaded? Not only syntax is looked at: with every level of nesting libyaml
 * 0.2.5 takes longer for each token, and with every anchor for each alias, so that a file well
 * below the limit of size would take days. */
static bool scan(struct reader *r)
{
	struct scan scan = {.is_loadable = true};
	bool at_end = false;
	yaml_parser_t parser;
	yaml_event_t event;

	start_parser(r, &parser);
	while (!at_end && scan.nesting <= NESTING_LIMIT) {
		if (!yaml_parser_parse(&parser, &event)) {
			syntax_problem(r, &parser);
			scan.is_loadable = false;
			break;
		}
		scan_event(r, &event, &scan);
		at_end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return scan.is_loadable;
}

static void parse(struct reader *r)
{
	yaml_parser_t parser;

	r->begin = strncmp(buf_text(&r->text), "\xef\xbb\xbf", 3) ? 0 : 3;
	if (!scan(r))
		return;
	start_parser(r, &parser);
	if (!yaml_parser_load(&parser, &r->document)) {
		syntax_problem(r, &parser);
		yaml_parser_delete(&parser);
		return;
	}
	r->top = yaml_document_get_root_node(&r->document);
	if (!r->top) {
		problem_add(r->problems, reader_place(r, NULL), "the file is empty");
		yaml_document_delete(&r->document);
	}
	yaml_parser_delete(&parser);
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
	if (r->top)
		yaml_document_delete(&r->document);
	r->top = NULL;
	buf_free(&r->text);
}

/* --- Values --- */

static const char *kind_of(const yaml_node_t *node)
{
	switch (node->type) {
	case YAML_SCALAR_NODE:
		return "a text";
	case YAML_SEQUENCE_NODE:
		return "a list";
	default:
		return "a mapping";
	}
}

static bool expect(
    struct reader *r, const yaml_node_t *node, yaml_node_type_t type, const char *what)
{
	const yaml_node_t wanted = {.type = type};

	if (node->type == type)
		return true;
	problem_add(r->problems, reader_place(r, node), "%s must be %s, not %s", what,
	    kind_of(&wanted), kind_of(node));
	return false;
}

/* The text of a scalar, or NULL after a problem. */
static const char *scalar(struct reader *r, const yaml_node_t *node, const char *what)
{
	const char *text;

	if (!expect(r, node, YAML_SCALAR_NODE, what))
		return NULL;
	text = (const char *)node->data.scalar.value;
	if (strlen(text) != node->data.scalar.length) {
		problem_add(r->problems, reader_place(r, node), "%s holds a NUL byte", what);
		return NULL;
	}
	if (!*text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
		problem_add(r->problems, reader_place(r, node),
		    "%s has no value; an empty text is written \"\"", what);
		return NULL;
	}
	return arena_strdup(r->arena, text);
}

static const char *formed(
    struct reader *r, const yaml_node_t *node, const char *what, const struct form *form)
{
	const char *text = scalar(r, node, what);

	if (!text || !form || form->holds(text))
		return text;
	problem_add(r->problems, reader_place(r, node), "`%.100s` is not %s", text, form->what);
	return NULL;
}

yaml_node_t **reader_items(struct reader *r, yaml_node_t *node, const char *what, size_t *ret_count)
{
	yaml_node_t **items;
	size_t count;

	*ret_count = 0;
	if (!node || !expect(r, node, YAML_SEQUENCE_NODE, what))
		return NULL;
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	items = arena_alloc(r->arena, count, sizeof(*items));
	for (size_t i = 0; i < count; i++)
		items[i] = yaml_document_get_node(&r->document, node->data.sequence.items.start[i]);
	*ret_count = count;
	return items;
}

static const struct entry *find_entry(const struct entry *entries, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(entries[i].key, key))
			return &entries[i];
	return NULL;
}

struct entry *reader_entries(
    struct reader *r, yaml_node_t *node, const char *what, size_t *ret_count)
{
	struct entry *entries = NULL;
	struct map numbers = {0};
	size_t count = 0, first;

	*ret_count = 0;
	if (!node || !expect(r, node, YAML_MAPPING_NODE, what))
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
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
		entries = arena_grow(r->arena, entries, count, sizeof(*entries));
		entries[count++] = (struct entry){
		    text, reader_place(r, key), yaml_document_get_node(&r->document, pair->value)};
	}
	map_free(&numbers);
	*ret_count = count;
	return entries;
}

yaml_node_t *reader_value(struct reader *r, yaml_node_t *node, const char *key)
{
	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(&r->document, pair->key);

		if (name->type == YAML_SCALAR_NODE &&
		    !strcmp((const char *)name->data.scalar.value, key))
			return yaml_document_get_node(&r->document, pair->value);
	}
	return NULL;
}

struct place reader_key_place(struct reader *r, const char *key)
{
	yaml_node_t *value = reader_value(r, r->top, key);

	return reader_place(r, value ? value : r->top);
}

/* --- Fields --- */

static void read_names(
    struct reader *r, yaml_node_t *node, const struct field *field, struct names *names)
{
	_cleanup_free_ char *what = xasprintf("each of `%s`", field->key);
	_cleanup_free_ char *list = xasprintf("`%s`", field->key);
	size_t count;
	yaml_node_t **items = reader_items(r, node, list, &count);
	struct map seen = {0};

	names->items = arena_alloc(r->arena, count, sizeof(*names->items));
	names->places = arena_alloc(r->arena, count, sizeof(*names->places));
	for (size_t i = 0; i < count; i++) {
		const char *text = formed(r, items[i], what, field->form);

		if (!text)
			continue;
		if (map_get(&seen, text, NULL)) {
			problem_add(r->problems, reader_place(r, items[i]),
			    "`%.100s` is in `%s` twice", text, field->key);
			continue;
		}
		map_put(&seen, text, 0);
		names->places[names->count] = reader_place(r, items[i]);
		names->items[names->count++] = (char *)text;
	}
	map_free(&seen);
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static void read_pairs(
    struct reader *r, yaml_node_t *node, const struct field *field, struct pairs *pairs)
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
			    (struct pair){entries[i].key, value, entries[i].place};
	}
	if (pairs->count)
		qsort(pairs->items, pairs->count, sizeof(*pairs->items), by_key);
}

static void read_digest(
    struct reader *r, const yaml_node_t *node, const char *what, struct digest *digest)
{
	const char *text = scalar(r, node, what);
	struct err e = {0};

	if (text && digest_parse(text, digest, &e))
		problem_add(r->problems, reader_place(r, node),
		    "%s must be 64 hexadecimal digits, not `%.100s`", what, text);
}

static void read_size(struct reader *r, const yaml_node_t *node, const char *what, uint64_t *size)
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

static void read_seconds(
    struct reader *r, const yaml_node_t *node, const char *what, unsigned *seconds)
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

static void read_flag(struct reader *r, const yaml_node_t *node, const char *what, bool *flag)
{
	const char *text = scalar(r, node, what);

	if (!text)
		return;
	*flag = !strcmp(text, "true");
	if (!*flag && strcmp(text, "false"))
		problem_add(r->problems, reader_place(r, node),
		    "%s must be true or false, not `%.100s`", what, text);
}

static void read_field(struct reader *r, yaml_node_t *node, const struct field *field, void *into)
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
	case FIELD_SECONDS:
		read_seconds(r, node, what, at);
		break;
	case FIELD_FLAG:
		read_flag(r, node, what, at);
		break;
	case FIELD_NODE:
		*(yaml_node_t **)at = node;
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

void reader_fields(struct reader *r, yaml_node_t *node, const char *what,
    const struct field *fields, size_t count, void *into)
{
	size_t entry_count;
	struct entry *entries = reader_entries(r, node, what, &entry_count);

	if (!node || node->type != YAML_MAPPING_NODE)
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
