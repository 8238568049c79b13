/*
 * Causes as lines of text.
 */
#include "build/why.h"

#include <string.h>

#define MOST_PARTS 4	/* that are named; the others are counted */
#define LONGEST_LINE 72 /* bytes of a line or a value that are shown */

/* The place at or before `at` where a character of UTF-8 begins. */
static size_t character_at(const char *text, size_t at)
{
	while (at && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* A piece of a file from `start` on, between marks that show where it ends. */
static void add_quoted(struct buf *text, const char *quoted, size_t start)
{
	size_t length = strlen(quoted), end = length;

	if (end - start > LONGEST_LINE)
		end = character_at(quoted, start + LONGEST_LINE);
	buf_puts(text, start ? "`..." : "`");
	buf_add(text, quoted + start, end - start);
	buf_puts(text, end < length ? "...`" : "`");
}

/* Both, and of long ones what is about where they begin to differ. */
static void add_both(struct buf *text, const char *before, const char *after)
{
	size_t same = 0, start = 0;

	while (before[same] && before[same] == after[same])
		same++;
	if (same > LONGEST_LINE / 2 &&
	    (strlen(before) > LONGEST_LINE || strlen(after) > LONGEST_LINE))
		start = character_at(before, same - LONGEST_LINE / 4);
	add_quoted(text, before, start);
	buf_puts(text, " -> ");
	add_quoted(text, after, start);
}

static void add_part(struct buf *text, const struct cause_part *part)
{
	buf_puts(text, part->name);
	if (!strcmp(part->change, "changed") && part->before && part->after)
		buf_printf(text, " %s -> %s", part->before, part->after);
	else if (part->before || part->after)
		buf_printf(text, " %s", part->before ? part->before : part->after);
	if (strcmp(part->change, "changed"))
		buf_printf(text, " (%s)",
		    !strcmp(part->change, "executable") ? "executable or no more"
		    : !strcmp(part->change, "link")	? "leads elsewhere"
		    : !strcmp(part->change, "type")	? "of another kind"
							: part->change);
}

static void add_parts(struct buf *text, const struct cause *cause)
{
	size_t shown = cause->part_count;

	/* To leave one out takes as much room as to name it. */
	if (shown > MOST_PARTS + 1)
		shown = MOST_PARTS;
	for (size_t i = 0; i < shown; i++) {
		buf_puts(text, i ? ", " : "");
		add_part(text, &cause->parts[i]);
	}
	if (shown < cause->part_count)
		buf_printf(text, " and %zu more", cause->part_count - shown);
}

static void add_files(struct buf *text, const struct cause *cause)
{
	buf_printf(
	    text, " changed in %zu file%s: ", cause->part_count, cause->part_count == 1 ? "" : "s");
	add_parts(text, cause);
}

static void add_detail(struct buf *text, const struct cause *cause)
{
	if (cause->detail)
		buf_printf(text, ": %s", cause->detail);
}

static void add_change(struct buf *text, const struct cause *cause)
{
	buf_puts(text, ": ");
	if (cause->before && cause->after) {
		add_both(text, cause->before, cause->after);
	} else if (cause->before || cause->after) {
		add_quoted(text, cause->before ? cause->before : cause->after, 0);
		buf_puts(text, cause->before ? " removed" : " added");
	} else {
		buf_puts(text, cause->detail ? cause->detail : "changed");
	}
}

/* How many lines there are, when not all of them are shown. */
static void add_count(struct buf *text, const struct cause *cause)
{
	size_t removed = cause->removed, added = cause->added;

	if (!removed && !added)
		buf_puts(text, " (and very many more lines)");
	else if (removed + added <= (cause->before && cause->after ? 2U : 1U) || cause->detail)
		return;
	else if (removed && added)
		buf_printf(text, " (in all %zu lines removed, %zu added)", removed, added);
	else
		buf_printf(text, " (in all %zu lines)", removed + added);
}

/* A text of lines, or one value. */
static void add_text(struct buf *text, const struct cause *cause)
{
	if (cause->line)
		buf_printf(text, ": line %zu", cause->line);
	add_change(text, cause);
	if (cause->line)
		add_count(text, cause);
}

static void describe_same_version(const struct cause *cause, struct buf *text)
{
	buf_puts(text, cause->after);
	if (cause->part_count)
		add_files(text, cause);
	else if (cause->is_pending)
		buf_puts(text, ": its archive, or what is left out of it, changed");
	else
		buf_puts(text, " changed");
	add_detail(text, cause);
}

static void describe_source(const struct cause *cause, struct buf *text)
{
	const char *before = cause->before, *after = cause->after;

	buf_printf(text, "source %s ", cause->subject);
	if (!after)
		buf_puts(text, "is not used any more");
	else if (!before)
		buf_printf(text, "%s was not used before", after);
	else if (strcmp(before, after))
		buf_printf(text, "%s -> %s", before, after);
	else
		describe_same_version(cause, text);
}

static void describe_need(const struct cause *cause, struct buf *text)
{
	if (cause->is_root) {
		buf_printf(text, "needs %s", cause->subject);
		add_detail(text, cause);
		return;
	}
	if (cause->is_pending) {
		buf_printf(text,
		    "%s would be built first; whether its output changes is not known before",
		    cause->subject);
		return;
	}
	buf_printf(text, "the output of %s", cause->subject);
	if (cause->part_count)
		add_files(text, cause);
	else
		buf_puts(text, " changed");
	add_detail(text, cause);
}

static void describe_tools(const struct cause *cause, struct buf *text)
{
	buf_puts(text, "the tools root");
	if (cause->part_count) {
		buf_puts(text, ": ");
		add_parts(text, cause);
	} else {
		buf_puts(text, " changed");
	}
	add_detail(text, cause);
}

static void describe_removed(const struct cause *cause, struct buf *text)
{
	buf_puts(text, "its result was no longer in the store");
	if (cause->before)
		buf_printf(text, ": removed on %s", cause->before);
	if (cause->detail)
		buf_printf(text, " (%s)", cause->detail);
}

static void describe_failed(const struct cause *cause, struct buf *text)
{
	buf_printf(text, "%s (%s)", cause->detail, cause->subject);
}

static void describe_file(const struct cause *cause, struct buf *text)
{
	buf_printf(text, "file %s", cause->subject);
	add_text(text, cause);
}

static void describe_target(const struct cause *cause, struct buf *text)
{
	buf_printf(text, "target fact %s", cause->subject);
	add_text(text, cause);
}

static void describe_env(const struct cause *cause, struct buf *text)
{
	buf_printf(text, "%s in env", cause->subject);
	add_text(text, cause);
}

static void describe_script(const struct cause *cause, struct buf *text)
{
	buf_puts(text, "the script");
	add_text(text, cause);
}

static void describe_other(const struct cause *cause, struct buf *text)
{
	buf_puts(text, cause->subject);
	add_text(text, cause);
}

static void describe_first(const struct cause *cause, struct buf *text)
{
	(void)cause;
	buf_puts(text, "it was never built here before, as far as is recorded");
}

static void describe_order(const struct cause *cause, struct buf *text)
{
	(void)cause;
	buf_puts(text, "its sources, needs or files stand in another order");
}

static void describe_chance(const struct cause *cause, struct buf *text)
{
	(void)cause;
	buf_puts(text, "built again from the same inputs, it came out different: its output "
		       "depends on chance");
}

static void describe_forgotten(const struct cause *cause, struct buf *text)
{
	(void)cause;
	buf_puts(text, "what it was made of before is not in the store any more");
}

void cause_describe(const struct cause *cause, struct buf *ret_text)
{
	static void (*const describe[])(const struct cause *cause, struct buf *text) = {
	    [CAUSE_FIRST] = describe_first,
	    [CAUSE_REMOVED] = describe_removed,
	    [CAUSE_FAILED] = describe_failed,
	    [CAUSE_TOOLS] = describe_tools,
	    [CAUSE_SOURCE] = describe_source,
	    [CAUSE_NEED] = describe_need,
	    [CAUSE_FILE] = describe_file,
	    [CAUSE_TARGET] = describe_target,
	    [CAUSE_ENV] = describe_env,
	    [CAUSE_SCRIPT] = describe_script,
	    [CAUSE_ORDER] = describe_order,
	    [CAUSE_CHANCE] = describe_chance,
	    [CAUSE_FORGOTTEN] = describe_forgotten,
	    [CAUSE_OTHER] = describe_other,
	};

	describe[cause->kind](cause, ret_text);
}
