#include "plan/rewrite.h"

#include "base/file.h"
#include "base/memory.h"
#include "plan/loader.h"

#include <string.h>

/* --- Locations --- */

static char *replaced(const char *text, const char *old, const char *new, bool *ret_found)
{
	_cleanup_buf_ struct buf result = {0};
	const char *hit;

	*ret_found = false;
	while (*old && (hit = strstr(text, old))) {
		buf_add(&result, text, (size_t)(hit - text));
		buf_puts(&result, new);
		text = hit + strlen(old);
		*ret_found = true;
	}
	buf_puts(&result, text);
	return xstrdup(buf_text(&result));
}

/* "6" of 6.12.94 */
static char *major(const char *version)
{
	return xstrndup(version, strcspn(version, "."));
}

char *location_of_version(const char *location, const char *old_version, const char *new_version)
{
	_cleanup_free_ char *old_major = major(old_version);
	_cleanup_free_ char *new_major = major(new_version);
	_cleanup_free_ char *old_series = xasprintf("/v%s.x/", old_major);
	_cleanup_free_ char *new_series = xasprintf("/v%s.x/", new_major);
	_cleanup_free_ char *in_series = NULL;
	bool found, ignored;
	char *result;

	in_series = replaced(location, old_series, new_series, &ignored);
	result = replaced(in_series, old_version, new_version, &found);
	if (found)
		return result;
	free(result);
	return NULL;
}

/* --- The file --- */

/* A stretch of the text, in bytes, that gets another content. */
struct edit {
	size_t start, end;
	char *content;
};

struct edits {
	const struct buf *text;
	size_t begin; /* where the text proper begins */
	struct edit *items;
	size_t count;
};

/* The byte that character number `index` begins with: libyaml counts characters of UTF-8. */
static size_t byte_of(const struct edits *edits, size_t index)
{
	const struct buf *text = edits->text;
	size_t at = edits->begin;

	while (index && at < text->length) {
		at++;
		while (at < text->length && ((unsigned char)text->data[at] & 0xc0) == 0x80)
			at++;
		index--;
	}
	return at;
}

static void add_edit(struct edits *edits, size_t start, size_t end, char *content)
{
	edits->items = xgrow(edits->items, edits->count, sizeof(*edits->items));
	edits->items[edits->count++] = (struct edit){start, end, content};
}

static bool edit_node(struct edits *edits, const yaml_node_t *node, const char *content)
{
	bool plain;

	if (!node || node->type != YAML_SCALAR_NODE)
		return false;
	plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	add_edit(edits, byte_of(edits, node->start_mark.index),
	    byte_of(edits, node->end_mark.index),
	    plain ? xstrdup(content) : xasprintf("\"%s\"", content));
	return true;
}

/* Remove an item of a block list: the lines from its first key to its last value. Its end mark
 * would not do: it stands behind the comments that follow. */
static bool remove_item(struct edits *edits, struct reader *r, const yaml_node_t *item)
{
	size_t start = byte_of(edits, item->start_mark.index - item->start_mark.column);
	size_t last = item->start_mark.index;
	const char *newline;
	size_t end;

	if (item->type != YAML_MAPPING_NODE)
		return false;
	for (yaml_node_pair_t *pair = item->data.mapping.pairs.start;
	     pair < item->data.mapping.pairs.top; pair++) {
		const yaml_node_t *value = yaml_document_get_node(&r->document, pair->value);

		if (value->end_mark.index > last)
			last = value->end_mark.index;
	}
	end = byte_of(edits, last);
	newline = memchr(edits->text->data + end, '\n', edits->text->length - end);
	add_edit(edits, start,
	    newline ? (size_t)(newline - edits->text->data) + 1 : edits->text->length, xstrdup(""));
	return true;
}

static int by_start(const void *a, const void *b)
{
	const struct edit *left = a, *right = b;

	return (left->start > right->start) - (left->start < right->start);
}

static void apply(struct edits *edits, struct buf *ret_text)
{
	size_t at = 0;

	qsort(edits->items, edits->count, sizeof(*edits->items), by_start);
	for (size_t i = 0; i < edits->count; i++) {
		const struct edit *edit = &edits->items[i];

		buf_add(ret_text, edits->text->data + at, edit->start - at);
		buf_puts(ret_text, edit->content);
		at = edit->end;
	}
	buf_add(ret_text, edits->text->data + at, edits->text->length - at);
}

static bool is_as_loaded(struct reader *r, yaml_node_t *node, const struct source *source)
{
	yaml_node_t *version = reader_value(r, node, "version");
	yaml_node_t *origins = reader_value(r, node, "origins");

	return version && version->type == YAML_SCALAR_NODE && origins &&
	       origins->type == YAML_SEQUENCE_NODE &&
	       origins->data.sequence.style != YAML_FLOW_SEQUENCE_STYLE &&
	       !strcmp((const char *)version->data.scalar.value, source->version) &&
	       (size_t)(origins->data.sequence.items.top - origins->data.sequence.items.start) ==
		   source->origin_count;
}

/* False when the entry is not what it was. */
static bool edit_source(
    struct edits *edits, struct reader *r, yaml_node_t *node, const struct new_pins *pins)
{
	size_t count;
	yaml_node_t **origins =
	    reader_items(r, reader_value(r, node, "origins"), "`origins`", &count);

	if (!edit_node(edits, reader_value(r, node, "version"), pins->version))
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct origin *origin = &pins->origins[i];
		char hex[DIGEST_HEX_SIZE];

		if (!origin->location) {
			if (!remove_item(edits, r, origins[i]))
				return false;
			continue;
		}
		if (!edit_node(edits, reader_value(r, origins[i], origin->in_pool ? "pool" : "url"),
			origin->location) ||
		    !edit_node(edits, reader_value(r, origins[i], "sha256"),
			digest_format(&origin->sha256, hex)))
			return false;
	}
	return true;
}

static bool has_text(struct reader *r, yaml_node_t *node, const char *key, const char *text)
{
	const yaml_node_t *value = reader_value(r, node, key);

	return value && value->type == YAML_SCALAR_NODE &&
	       !strcmp((const char *)value->data.scalar.value, text);
}

static bool has_pins(
    struct reader *r, yaml_node_t *node, const struct source *source, const struct new_pins *pins)
{
	size_t count, item = 0;
	yaml_node_t **items =
	    reader_items(r, reader_value(r, node, "origins"), "`origins`", &count);

	for (size_t i = 0; i < source->origin_count; i++) {
		const struct origin *origin = &pins->origins[i];
		char hex[DIGEST_HEX_SIZE];

		if (!origin->location)
			continue;
		if (item == count ||
		    !has_text(r, items[item], origin->in_pool ? "pool" : "url", origin->location) ||
		    !has_text(r, items[item], "sha256", digest_format(&origin->sha256, hex)))
			return false;
		item++;
	}
	return item == count && has_text(r, node, "version", pins->version);
}

/* YAML has more ways to write a thing than the edits above know of: is the new text one that
 * reads back as it should? */
static bool reads_back(
    const struct buf *text, const struct source *source, const struct new_pins *pins)
{
	struct arena arena = {0};
	struct problems problems = {0};
	struct reader r;
	bool result;

	reader_open_text(&r, &arena, &problems, "stages/sources.yaml", text);
	result =
	    has_pins(&r, reader_value(&r, r.top, source->name), source, pins) && !problems.count;
	reader_close(&r);
	problems_free(&problems);
	arena_free(&arena);
	return result;
}

/* False when it cannot be done; ret_text is as it was then. */
static bool rewrite(struct reader *r, const struct source *source, const struct new_pins *pins,
    struct buf *ret_text)
{
	yaml_node_t *node = reader_value(r, r->top, source->name);
	struct edits edits = {.text = &r->text, .begin = r->begin};
	_cleanup_buf_ struct buf text = {0};
	bool result = node && is_as_loaded(r, node, source) && edit_source(&edits, r, node, pins);

	if (result) {
		apply(&edits, &text);
		result = reads_back(&text, source, pins);
	}
	if (result)
		buf_add(ret_text, text.data, text.length);
	for (size_t i = 0; i < edits.count; i++)
		free(edits.items[i].content);
	free(edits.items);
	return result;
}

int sources_rewrite(const struct plan *plan, const struct source *source,
    const struct new_pins *pins, struct buf *ret_text, struct err *e)
{
	struct arena arena = {0};
	struct problems problems = {0};
	struct reader r;
	int result = 0;
	int project = folder_open(AT_FDCWD, plan->project, e);

	if (project < 0)
		return -1;
	reader_open(&r, &arena, &problems, project, "stages/sources.yaml");
	if (problems.count || !rewrite(&r, source, pins, ret_text))
		result = err_kind(e, ERR_INPUT,
		    "the entry %s of stages/sources.yaml was changed meanwhile, or its origins are "
		    "not a list with `-`, an origin a line; edit it by hand",
		    source->name);
	reader_close(&r);
	problems_free(&problems);
	arena_free(&arena);
	close(project);
	return result;
}
