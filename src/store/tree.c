#include "store/tree.h"

#include "base/memory.h"
#include "base/words.h"

#include <string.h>

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

static bool must_escape(unsigned char c)
{
	return c < ' ' || c == '\\' || c == 0x7f;
}

static void add_escaped(struct buf *text, const char *raw)
{
	for (const char *c = raw; *c; c++)
		if (must_escape((unsigned char)*c))
			buf_printf(text, "\\x%02x", (unsigned char)*c);
		else
			buf_add(text, c, 1);
}

static void encode_entry(const struct tree_entry *entry, struct buf *text)
{
	char hex[DIGEST_HEX_SIZE];
	struct buf path = {0};

	switch (entry->type) {
	case 'd':
		buf_puts(text, "d ");
		break;
	case 'l':
		add_escaped(&path, entry->path);
		buf_printf(text, "l %zu %s ", path.length, buf_text(&path));
		buf_free(&path);
		add_escaped(text, entry->target);
		buf_puts(text, "\n");
		return;
	default:
		buf_printf(text, "%c %s %llu ", entry->type, digest_format(&entry->digest, hex),
		    (unsigned long long)entry->size);
	}
	add_escaped(text, entry->path);
	buf_puts(text, "\n");
}

void tree_encode(struct tree *tree, struct buf *ret_manifest)
{
	if (tree->count)
		qsort(tree->entries, tree->count, sizeof(*tree->entries), by_path);
	for (size_t i = 0; i < tree->count; i++)
		encode_entry(&tree->entries[i], ret_manifest);
}

struct tree_entry *tree_add(struct tree *tree, char type, const char *path)
{
	tree->entries = xgrow(tree->entries, tree->count, sizeof(*tree->entries));
	tree->entries[tree->count] = (struct tree_entry){.type = type, .path = xstrdup(path)};
	return &tree->entries[tree->count++];
}

void tree_free(struct tree *tree)
{
	for (size_t i = 0; i < tree->count; i++) {
		free(tree->entries[i].path);
		free(tree->entries[i].target);
	}
	free(tree->entries);
	*tree = (struct tree){0};
}

/* Text being read; `next` is never past `end`. */
struct reader {
	const char *next;
	const char *end;
};

static bool take(struct reader *r, char c)
{
	if (r->next == r->end || *r->next != c)
		return false;
	r->next++;
	return true;
}

static bool take_number(struct reader *r, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *begin = r->next;

	while (r->next < r->end && *r->next >= '0' && *r->next <= '9') {
		if (number > (UINT64_MAX - 9) / 10)
			return false;
		number = 10 * number + (uint64_t)(*r->next++ - '0');
	}
	*ret_number = number;
	return r->next > begin && (*begin != '0' || r->next == begin + 1);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of an escaped string; -1 when it is not one that encode writes. */
static int take_byte(struct reader *r)
{
	unsigned char c = (unsigned char)*r->next++;
	int high, low;

	if (!must_escape(c))
		return c ? c : -1;
	if (c != '\\' || r->end - r->next < 3 || *r->next++ != 'x')
		return -1;
	high = hex_digit(*r->next++);
	low = hex_digit(*r->next++);
	if (high < 0 || low < 0 || !(high << 4 | low) ||
	    !must_escape((unsigned char)(high << 4 | low)))
		return -1;
	return high << 4 | low;
}

/* The bytes up to `end`, unescaped; NULL when they are not canonical. The caller frees it. */
static char *take_string(struct reader *r, const char *end)
{
	struct reader part = {r->next, end};
	char *text, *out;

	if (end < r->next || end > r->end || end == r->next)
		return NULL;
	out = text = xcalloc((size_t)(end - r->next) + 1, 1);
	while (part.next < part.end) {
		int byte = take_byte(&part);

		if (byte < 0) {
			free(text);
			return NULL;
		}
		*out++ = (char)byte;
	}
	r->next = end;
	return text;
}

static bool decode_link(struct reader *r, const char *line_end, struct tree_entry *entry)
{
	uint64_t length;

	if (!take_number(r, &length) || !take(r, ' ') || length > (uint64_t)(line_end - r->next))
		return false;
	entry->path = take_string(r, r->next + length);
	if (!entry->path || !take(r, ' '))
		return false;
	entry->target = take_string(r, line_end);
	return entry->target;
}

static bool decode_file(struct reader *r, const char *line_end, struct tree_entry *entry)
{
	char hex[DIGEST_HEX_SIZE];
	struct err ignored;

	if (line_end - r->next < DIGEST_HEX_SIZE)
		return false;
	memcpy(hex, r->next, DIGEST_HEX_SIZE - 1);
	hex[DIGEST_HEX_SIZE - 1] = 0;
	r->next += DIGEST_HEX_SIZE - 1;
	if (digest_parse(hex, &entry->digest, &ignored) || !take(r, ' ') ||
	    !take_number(r, &entry->size) || !take(r, ' '))
		return false;
	entry->path = take_string(r, line_end);
	return entry->path;
}

static bool decode_entry(struct reader *r, const char *line_end, struct tree_entry *entry)
{
	bool decoded;

	*entry = (struct tree_entry){.type = *r->next++};
	if (!take(r, ' '))
		return false;
	if (entry->type == 'd')
		decoded = (entry->path = take_string(r, line_end));
	else if (entry->type == 'l')
		decoded = decode_link(r, line_end, entry);
	else if (entry->type == 'f' || entry->type == 'x')
		decoded = decode_file(r, line_end, entry);
	else
		decoded = false;
	return decoded && r->next == line_end && path_is_plain(entry->path);
}

int tree_decode(const char *manifest, size_t length, struct tree *ret_tree, struct err *e)
{
	struct reader r = {manifest, manifest + length};
	struct tree tree = {0};

	while (r.next < r.end) {
		const char *line_end = memchr(r.next, '\n', (size_t)(r.end - r.next));
		struct tree_entry *entry;
		bool decoded;

		tree.entries = xgrow(tree.entries, tree.count, sizeof(*tree.entries));
		entry = &tree.entries[tree.count++];
		*entry = (struct tree_entry){0};
		decoded = line_end && line_end > r.next && decode_entry(&r, line_end, entry);
		if (!decoded || (tree.count > 1 && by_path(entry - 1, entry) >= 0)) {
			err_kind(e, ERR_INPUT, "entry %zu of a tree is not in canonical form",
			    tree.count);
			tree_free(&tree);
			return -1;
		}
		r.next = line_end + 1;
	}
	*ret_tree = tree;
	return 0;
}
