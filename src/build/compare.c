#include "build/compare.h"

#include "base/digest.h"
#include "base/map.h"
#include "base/memory.h"

#include <string.h>

/* --- Facts --- */

#define HEAD "minsys "

struct parser {
	struct facts *facts;
	const char *next, *end;
};

/* Is it the length of a value that stands behind the line? */
static bool parse_length(const char *word, size_t available, size_t *ret_length)
{
	char *end;
	unsigned long long length;

	if (*word < '0' || *word > '9' || strlen(word) >= DIGEST_HEX_SIZE - 1)
		return false;
	length = strtoull(word, &end, 10);
	if (*end || length >= available)
		return false;
	*ret_length = (size_t)length;
	return true;
}

/* "minsys <form> <version>", "<kind> <value>", or "<kind> <name> <word>", in which the word is the
 * value or its length. */
static int parse_fact(struct parser *p, char *line, struct fact *fact)
{
	char *name = strchr(line, ' '), *word = strrchr(line, ' ');
	size_t length;

	if (!name)
		return -1;
	*name++ = 0;
	*word++ = 0;
	*fact = (struct fact){line, name == word ? "" : name, word, strlen(word)};
	if (name == word || !strcmp(line, "minsys") ||
	    !parse_length(word, (size_t)(p->end - p->next), &length))
		return 0;
	if (p->next[length] != '\n')
		return -1;
	fact->value = arena_strndup(&p->facts->arena, p->next, length);
	fact->length = length;
	p->next += length + 1;
	return 0;
}

static int parse_all(struct parser *p)
{
	struct facts *facts = p->facts;

	if ((size_t)(p->end - p->next) < strlen(HEAD) || memcmp(p->next, HEAD, strlen(HEAD)))
		return -1;
	while (p->next < p->end) {
		const char *newline = memchr(p->next, '\n', (size_t)(p->end - p->next));
		char *line;

		if (!newline)
			return -1;
		line = arena_strndup(&facts->arena, p->next, (size_t)(newline - p->next));
		p->next = newline + 1;
		facts->items =
		    arena_grow(&facts->arena, facts->items, facts->count, sizeof(*facts->items));
		if (parse_fact(p, line, &facts->items[facts->count]))
			return -1;
		facts->count++;
	}
	return 0;
}

/* The name under which a fact is looked for in the other text. */
static char *fact_key(const struct fact *fact)
{
	return xasprintf("%s %s", strcmp(fact->kind, "program") ? fact->kind : "file", fact->name);
}

/* Facts by their keys, which it owns. */
struct fact_index {
	struct map map;
	char **keys;
	size_t count;
};

static void index_facts(const struct facts *facts, struct fact_index *index)
{
	*index = (struct fact_index){
	    .keys = xcalloc(facts->count + 1, sizeof(*index->keys)), .count = facts->count};
	for (size_t i = 0; i < facts->count; i++) {
		index->keys[i] = fact_key(&facts->items[i]);
		map_put(&index->map, index->keys[i], i);
	}
}

static void index_free(struct fact_index *index)
{
	for (size_t i = 0; i < index->count; i++)
		free(index->keys[i]);
	free(index->keys);
	map_free(&index->map);
}

static bool has_one_twice(const struct facts *facts)
{
	struct fact_index index;
	bool result = false;
	size_t last;

	index_facts(facts, &index);
	for (size_t i = 0; i < facts->count; i++)
		result |= map_get(&index.map, index.keys[i], &last) && last != i;
	index_free(&index);
	return result;
}

int facts_parse(const char *text, size_t length, struct facts *ret_facts, struct err *e)
{
	struct facts facts = {0};
	struct parser parser = {&facts, text, text + length};

	if (parse_all(&parser) || has_one_twice(&facts)) {
		facts_free(&facts);
		return err_kind(e, ERR_INPUT, "it is not the text of an action");
	}
	*ret_facts = facts;
	return 0;
}

void facts_free(struct facts *facts)
{
	arena_free(&facts->arena);
	*facts = (struct facts){0};
}

static bool is_same_fact(const struct fact *a, const struct fact *b)
{
	return !strcmp(a->kind, b->kind) && a->length == b->length &&
	       !memcmp(a->value, b->value, a->length);
}

struct fact_change *facts_compare(
    const struct facts *before, const struct facts *after, size_t *ret_count)
{
	struct fact_change *changes = xcalloc(before->count + after->count + 1, sizeof(*changes));
	struct fact_index old, new;
	size_t count = 0, found;

	index_facts(before, &old);
	index_facts(after, &new);
	for (size_t i = 0; i < after->count; i++) {
		const struct fact *now = &after->items[i], *then = NULL;

		if (map_get(&old.map, new.keys[i], &found))
			then = &before->items[found];
		if (!then || !is_same_fact(then, now))
			changes[count++] = (struct fact_change){then, now};
	}
	for (size_t i = 0; i < before->count; i++)
		if (!map_get(&new.map, old.keys[i], NULL))
			changes[count++] = (struct fact_change){&before->items[i], NULL};
	index_free(&old);
	index_free(&new);
	*ret_count = count;
	return changes;
}

/* --- Trees --- */

static bool is_file(const struct tree_entry *entry)
{
	return entry->type == 'f' || entry->type == 'x';
}

/* Do two entries of one path differ, and how? */
static bool entries_differ(const struct tree_entry *before, const struct tree_entry *after,
    enum tree_change_kind *ret_kind)
{
	if (is_file(before) && is_file(after)) {
		bool is_same = digest_equal(&before->digest, &after->digest);

		*ret_kind = is_same ? TREE_EXECUTABLE : TREE_CONTENT;
		return !is_same || before->type != after->type;
	}
	*ret_kind = before->type == after->type ? TREE_TARGET : TREE_TYPE;
	return before->type != after->type ||
	       (before->type == 'l' && strcmp(before->target, after->target));
}

struct tree_changes {
	struct tree_change *items;
	size_t count;
	size_t folders; /* of them, those that came or went */
	bool *are_folders;
};

static void add_tree_change(
    struct tree_changes *changes, enum tree_change_kind kind, const struct tree_entry *entry)
{
	bool is_folder = entry->type == 'd' && kind != TREE_TYPE;

	changes->are_folders[changes->count] = is_folder;
	changes->folders += is_folder;
	changes->items[changes->count++] = (struct tree_change){kind, entry->path};
}

static void leave_folders_out(struct tree_changes *changes)
{
	size_t kept = 0;

	for (size_t i = 0; i < changes->count; i++)
		if (!changes->are_folders[i])
			changes->items[kept++] = changes->items[i];
	changes->count = kept;
}

struct tree_change *trees_compare(
    const struct tree *before, const struct tree *after, size_t *ret_count)
{
	size_t most = before->count + after->count + 1, i = 0, j = 0;
	_cleanup_free_ bool *are_folders = xcalloc(most, sizeof(*are_folders));
	struct tree_changes changes = {
	    .items = xcalloc(most, sizeof(*changes.items)), .are_folders = are_folders};
	enum tree_change_kind kind;

	while (i < before->count || j < after->count) {
		int order = i == before->count ? 1
			    : j == after->count
				? -1
				: strcmp(before->entries[i].path, after->entries[j].path);

		if (order < 0)
			add_tree_change(&changes, TREE_REMOVED, &before->entries[i]);
		else if (order > 0)
			add_tree_change(&changes, TREE_ADDED, &after->entries[j]);
		else if (entries_differ(&before->entries[i], &after->entries[j], &kind))
			add_tree_change(&changes, kind, &after->entries[j]);
		i += order <= 0;
		j += order >= 0;
	}
	if (changes.folders < changes.count)
		leave_folders_out(&changes);
	*ret_count = changes.count;
	return changes.items;
}

/* --- Lines --- */

#define MOST_EDITS 1000 /* lines that came or went, counted one by one */

/* Here a line has what ends it. */
struct lines {
	struct line *items;
	size_t count;
};

static struct lines split(const struct buf *text)
{
	const char *next = buf_text(text), *end = next + text->length;
	struct lines lines = {0};

	while (next < end) {
		const char *newline = memchr(next, '\n', (size_t)(end - next));
		const char *behind = newline ? newline + 1 : end;

		lines.items = xgrow(lines.items, lines.count, sizeof(*lines.items));
		lines.items[lines.count++] = (struct line){next, (size_t)(behind - next)};
		next = behind;
	}
	return lines;
}

static bool is_same_line(const struct line *a, const struct line *b)
{
	return a->length == b->length && (!a->length || !memcmp(a->text, b->text, a->length));
}

/* How many lines come or go at least from `a` to `b`: the greedy algorithm of Myers, "An O(ND)
 * Difference Algorithm and Its Variations" (1986). MOST_EDITS + 1: more than that. */
static size_t count_edits(const struct lines *a, const struct lines *b)
{
	/* By diagonal, how far along `a` the edits so far lead. */
	_cleanup_free_ size_t *reached = xcalloc(2 * MOST_EDITS + 3, sizeof(*reached));
	size_t *furthest = reached + MOST_EDITS + 1;

	for (long edits = 0; edits <= MOST_EDITS; edits++) {
		for (long k = -edits; k <= edits; k += 2) {
			bool is_down =
			    k == -edits || (k != edits && furthest[k - 1] < furthest[k + 1]);
			size_t x = is_down ? furthest[k + 1] : furthest[k - 1] + 1;
			size_t y = (size_t)((long)x - k);

			while (x < a->count && y < b->count &&
			       is_same_line(&a->items[x], &b->items[y])) {
				x++;
				y++;
			}
			furthest[k] = x;
			if (x >= a->count && y >= b->count)
				return (size_t)edits;
		}
	}
	return MOST_EDITS + 1;
}

/* Leave out what both begin with, and what both end with; returns how many lines the former is. */
static size_t trim(struct lines *a, struct lines *b)
{
	size_t same = 0;

	while (same < a->count && same < b->count && is_same_line(&a->items[same], &b->items[same]))
		same++;
	if (same) { /* an empty text has no items at all */
		*a = (struct lines){a->items + same, a->count - same};
		*b = (struct lines){b->items + same, b->count - same};
	}
	while (a->count && b->count &&
	       is_same_line(&a->items[a->count - 1], &b->items[b->count - 1])) {
		a->count--;
		b->count--;
	}
	return same;
}

static struct line first_of(const struct lines *lines)
{
	struct line line = {0};

	if (lines->count)
		line = lines->items[0];
	if (line.length && line.text[line.length - 1] == '\n')
		line.length--;
	return line;
}

/* `a` and `b` are what is left of the lines when those that are the same at both ends are left
 * out. */
static void describe_change(
    const struct lines *a, const struct lines *b, struct line_change *change)
{
	size_t edits = count_edits(a, b);

	change->before = first_of(a);
	change->after = first_of(b);
	if (edits > MOST_EDITS) {
		change->is_many = true;
		return;
	}
	change->added = (edits + b->count - a->count) / 2;
	change->removed = edits - change->added;
	if (!change->removed)
		change->before = (struct line){0};
	if (!change->added)
		change->after = (struct line){0};
	change->is_only_end =
	    a->count == 1 && b->count == 1 && is_same_line(&change->before, &change->after);
}

void lines_compare(
    const struct buf *before, const struct buf *after, struct line_change *ret_change)
{
	struct line_change change = {0};
	struct lines a, b, old, new;

	if (memchr(buf_text(before), 0, before->length) ||
	    memchr(buf_text(after), 0, after->length)) {
		*ret_change = (struct line_change){.is_binary = true};
		return;
	}
	a = old = split(before);
	b = new = split(after);
	change.number = trim(&a, &b) + 1;
	describe_change(&a, &b, &change);
	free(old.items);
	free(new.items);
	*ret_change = change;
}
