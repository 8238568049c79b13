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

/* A text that anyone may have written, as one line that is fit for a terminal and for JSON. */
const char *cause_keep(struct why *why, const char *text, size_t length)
{
	_cleanup_buf_ struct buf kept = {0};
	size_t shown = length < LONGEST_TEXT ? length : LONGEST_TEXT;
	bool is_text;

	while (shown < length && shown && ((unsigned char)text[shown] & 0xc0) == 0x80)
		shown--;
	is_text = is_utf8(text, shown);
	for (size_t i = 0; i < shown; i++)
		if (text[i] == '\n' || (!is_text && (unsigned char)text[i] >= 0x80))
			buf_printf(&kept, "\\x%02x", (unsigned char)text[i]);
		else if (is_text && (unsigned char)text[i] == 0xc2)
			add_visible(&kept, &text[i++], 2);
		else
			add_visible(&kept, &text[i], 1);
	return arena_strndup(&why->arena, buf_text(&kept), kept.length);
}

static const char *keep_line(struct why *why, const struct line *line)
{
	return line->text ? cause_keep(why, line->text, line->length) : NULL;
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
	cause->before = keep_line(why, &change.before);
	cause->after = keep_line(why, &change.after);
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
	cause->before = cause_keep(why, before->value, before->length);
	cause->after = cause_keep(why, after->value, after->length);
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
