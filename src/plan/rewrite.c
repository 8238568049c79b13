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

static bool edit_node(struct edits *edits, const struct node *node, const char *content)
{
	if (!node || node->type != NODE_TEXT)
		return false;
	add_edit(edits, byte_of(edits, node->start.index), byte_of(edits, node->end.index),
	    node->is_plain ? xstrdup(content) : xasprintf("\"%s\"", content));
	return true;
}

/* Remove an item of a block list: the lines from its first key to its last value. Its end mark
 * would not do: it stands behind the comments that follow. */
static bool remove_item(struct edits *edits, const struct node *item)
{
	size_t start = byte_of(edits, item->start.index - item->start.column);
	size_t last = item->start.index;
	const char *newline;
	size_t end;

	if (item->type != NODE_MAPPING)
		return false;
	for (const struct node *key = item->first; key; key = key->next->next)
		if (key->next->end.index > last)
			last = key->next->end.index;
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

static bool is_as_loaded(struct node *node, const struct source *source)
{
	struct node *version = node_value(node, "version");
	struct node *origins = node_value(node, "origins");

	return version && version->type == NODE_TEXT && origins && origins->type == NODE_LIST &&
	       !origins->is_flow && !strcmp(version->text, source->version) &&
	       origins->count == source->origin_count;
}

/* False when the entry is not what it was. */
static bool edit_source(
    struct edits *edits, struct reader *r, struct node *node, const struct new_pins *pins)
{
	size_t count;
	struct node *item = reader_items(r, node_value(node, "origins"), "`origins`", &count);

	if (!edit_node(edits, node_value(node, "version"), pins->version))
		return false;
	for (size_t i = 0; i < count; i++, item = item->next) {
		const struct origin *origin = &pins->origins[i];
		char hex[DIGEST_HEX_SIZE];

		if (!origin->location) {
			if (!remove_item(edits, item))
				return false;
			continue;
		}
		if (!edit_node(edits, node_value(item, origin->in_pool ? "pool" : "url"),
			origin->location) ||
		    !edit_node(
			edits, node_value(item, "sha256"), digest_format(&origin->sha256, hex)))
			return false;
	}
	return true;
}

static bool has_text(struct node *node, const char *key, const char *text)
{
	const struct node *value = node_value(node, key);

	return value && value->type == NODE_TEXT && !strcmp(value->text, text);
}

static bool has_pins(
    struct reader *r, struct node *node, const struct source *source, const struct new_pins *pins)
{
	size_t count;
	struct node *item = reader_items(r, node_value(node, "origins"), "`origins`", &count);

	for (size_t i = 0; i < source->origin_count; i++) {
		const struct origin *origin = &pins->origins[i];
		char hex[DIGEST_HEX_SIZE];

		if (!origin->location)
			continue;
		if (!item || !has_text(item, origin->in_pool ? "pool" : "url", origin->location) ||
		    !has_text(item, "sha256", digest_format(&origin->sha256, hex)))
			return false;
		item = item->next;
	}
	return !item && has_text(node, "version", pins->version);
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
	result = has_pins(&r, node_value(r.top, source->name), source, pins) && !problems.count;
	reader_close(&r);
	problems_free(&problems);
	arena_free(&arena);
	return result;
}

/* False when it cannot be done; ret_text is as it was then. */
static bool rewrite(struct reader *r, const struct source *source, const struct new_pins *pins,
    struct buf *ret_text)
{
	struct node *node = node_value(r->top, source->name);
	struct edits edits = {.text = &r->text, .begin = r->begin};
	_cleanup_buf_ struct buf text = {0};
	bool result = node && is_as_loaded(node, source) && edit_source(&edits, r, node, pins);

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
