#include "build/cause.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/words.h"

#include <jansson.h>
#include <string.h>

#define LONGEST_TEXT 1000 /* bytes of a line or value */

struct cause *cause_add(struct why *why, const char *stage, enum cause_kind kind)
{
	struct cause *cause;

	why->causes = arena_grow(&why->arena, why->causes, why->cause_count, sizeof(*why->causes));
	cause = &why->causes[why->cause_count++];
	*cause = (struct cause){
	    .kind = kind, .is_root = true, .stage = arena_strdup(&why->arena, stage)};
	return cause;
}

static bool is_utf8(const char *text, size_t length)
{
	json_t *string = json_stringn(text, length);

	json_decref(string);
	return string != NULL;
}

/* The place at or before `at` where a character of UTF-8 begins. */
static size_t character_at(const char *text, size_t at)
{
	while (at && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* One line that is fit for a terminal and for JSON. */
static void add_kept(struct buf *kept, const char *text, size_t length)
{
	bool is_text = is_utf8(text, length);

	for (size_t i = 0; i < length; i++)
		if (text[i] == '\n' || (!is_text && (unsigned char)text[i] >= 0x80))
			buf_printf(kept, "\\x%02x", (unsigned char)text[i]);
		else if (is_text && (unsigned char)text[i] == 0xc2)
			add_visible(kept, &text[i++], 2);
		else
			add_visible(kept, &text[i], 1);
}

/* From `start` on, as much as is of use. */
static const char *keep_from(struct why *why, const char *text, size_t length, size_t start)
{
	_cleanup_buf_ struct buf kept = {0};
	size_t shown = length - start;

	if (shown > LONGEST_TEXT)
		shown = character_at(text, start + LONGEST_TEXT) - start;
	if (start)
		buf_puts(&kept, "...");
	add_kept(&kept, text + start, shown);
	if (start + shown < length)
		buf_puts(&kept, "...");
	return arena_strndup(&why->arena, buf_text(&kept), kept.length);
}

const char *cause_keep(struct why *why, const char *text, size_t length)
{
	return keep_from(why, text, length, 0);
}

/* Two lines, or values: of long ones, what is about where they begin to differ. */
static void keep_both(
    struct why *why, struct cause *cause, const struct line *before, const struct line *after)
{
	size_t same = 0, start = 0;

	while (same < before->length && same < after->length &&
	       before->text[same] == after->text[same])
		same++;
	if (same > LONGEST_TEXT / 2)
		start = character_at(before->text, same - LONGEST_TEXT / 4);
	if (before->text)
		cause->before = keep_from(why, before->text, before->length, start);
	if (after->text)
		cause->after = keep_from(why, after->text, after->length, start);
}

const char *cause_keep_digest(struct why *why, const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	return digest_is_known(digest) ? arena_strdup(&why->arena, digest_format(digest, hex))
				       : NULL;
}

const char *cause_say(struct why *why, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return arena_strdup(&why->arena, text);
}

static void describe_sizes(
    struct why *why, struct cause *cause, const struct buf *before, const struct buf *after)
{
	char old[HUMAN_SIZE], new[HUMAN_SIZE];

	cause->detail = cause_say(why, "it is no text: %s before, %s now",
	    human_bytes(before->length, old), human_bytes(after->length, new));
}

void cause_lines(
    struct why *why, struct cause *cause, const struct buf *before, const struct buf *after)
{
	struct line_change change;

	lines_compare(before, after, &change);
	if (change.is_binary) {
		describe_sizes(why, cause, before, after);
		return;
	}
	cause->line = change.number;
	cause->removed = change.removed;
	cause->added = change.added;
	if (change.is_only_end) {
		cause->detail = "only the newline at its end";
		return;
	}
	keep_both(why, cause, &change.before, &change.after);
}

void cause_values(
    struct why *why, struct cause *cause, const struct fact *before, const struct fact *after)
{
	struct buf old = {(char *)before->value, before->length, 0};
	struct buf new = {(char *)after->value, after->length, 0};

	if (memchr(old.data, '\n', old.length) || memchr(new.data, '\n', new.length)) {
		cause_lines(why, cause, &old, &new);
		return;
	}
	keep_both(why, cause, &(struct line){before->value, before->length},
	    &(struct line){after->value, after->length});
}

void cause_trees(
    struct why *why, struct cause *cause, const struct tree *before, const struct tree *after)
{
	static const char *const words[] = {
	    [TREE_ADDED] = "added",
	    [TREE_REMOVED] = "removed",
	    [TREE_CONTENT] = "changed",
	    [TREE_EXECUTABLE] = "executable",
	    [TREE_TARGET] = "link",
	    [TREE_TYPE] = "type",
	};
	size_t count;
	_cleanup_free_ struct tree_change *changes = trees_compare(before, after, &count);

	cause->parts = arena_alloc(&why->arena, count + 1, sizeof(*cause->parts));
	cause->part_count = count;
	for (size_t i = 0; i < count; i++)
		cause->parts[i] = (struct cause_part){
		    .change = words[changes[i].kind],
		    .name = cause_keep(why, changes[i].path, strlen(changes[i].path)),
		};
}

/* Version and digest stand in the value. */
static const char *keep_version(struct why *why, const struct fact *fact)
{
	if (!fact || strcmp(fact->kind, "package"))
		return NULL;
	return cause_keep(why, fact->value, strcspn(fact->value, " "));
}

void cause_tools(
    struct why *why, struct cause *cause, const struct facts *before, const struct facts *after)
{
	size_t count;
	_cleanup_free_ struct fact_change *changes = facts_compare(before, after, &count);

	cause->parts = arena_alloc(&why->arena, count + 1, sizeof(*cause->parts));
	cause->part_count = count;
	for (size_t i = 0; i < count; i++) {
		const struct fact *fact = changes[i].after ? changes[i].after : changes[i].before;

		cause->parts[i] = (struct cause_part){
		    .change = !changes[i].before  ? "added"
			      : !changes[i].after ? "removed"
						  : "changed",
		    .name = cause_say(why, "%s %s", fact->kind, fact->name),
		    .before = keep_version(why, changes[i].before),
		    .after = keep_version(why, changes[i].after),
		};
	}
	if (!count)
		cause->detail = "its packages are the same, and were unpacked to other files";
}
