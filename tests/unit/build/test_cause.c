/*
 * Causes as lines of text: what is shown of long, odd and missing things.
 */
#include "build/cause.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))
#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

static char *described(const struct cause *cause)
{
	struct buf text = {0};

	cause_describe(cause, &text);
	return text.data;
}

static void each_kind_has_its_words(void **state)
{
	static struct cause_part packages[] = {
	    {"changed", "package gcc", "12.2.0-14", "12.2.0-15"},
	    {"added", "package make", NULL, "4.3-4.1"},
	    {"removed", "link usr/bin/cc", NULL, NULL},
	};
	static struct cause_part files[] = {
	    {"changed", "a", NULL, NULL},
	    {"executable", "b", NULL, NULL},
	    {"link", "c", NULL, NULL},
	    {"type", "d", NULL, NULL},
	    {"removed", "e", NULL, NULL},
	    {"removed", "f", NULL, NULL},
	};
	static const struct {
		struct cause cause;
		const char *wanted;
	} cases[] = {
	    {{.kind = CAUSE_SOURCE, .subject = "musl", .before = "1.2.4", .after = "1.2.5"},
		"source musl 1.2.4 -> 1.2.5"},
	    {{.kind = CAUSE_SOURCE, .subject = "musl", .before = "1", .after = "1"},
		"source musl 1 changed"},
	    {{.kind = CAUSE_ENV, .subject = "CFLAGS", .before = "-O2", .after = "-O3"},
		"CFLAGS in env: `-O2` -> `-O3`"},
	    {{.kind = CAUSE_ENV, .subject = "CFLAGS", .before = "-O2"},
		"CFLAGS in env: `-O2` removed"},
	    {{.kind = CAUSE_TARGET, .subject = "DISK_SIZE", .after = ""},
		"target fact DISK_SIZE: `` added"},
	    {{.kind = CAUSE_SCRIPT,
		 .line = 12,
		 .removed = 1,
		 .added = 1,
		 .before = "a",
		 .after = "b"},
		"the script: line 12: `a` -> `b`"},
	    {{.kind = CAUSE_SCRIPT,
		 .line = 12,
		 .removed = 2,
		 .added = 1,
		 .before = "a",
		 .after = "b"},
		"the script: line 12: `a` -> `b` (in all 2 lines removed, 1 added)"},
	    {{.kind = CAUSE_FILE, .subject = "busybox.config", .line = 3, .added = 2, .after = "x"},
		"file busybox.config: line 3: `x` added (in all 2 lines)"},
	    {{.kind = CAUSE_FILE, .subject = "x", .line = 3, .before = "a", .after = "b"},
		"file x: line 3: `a` -> `b` (and very many more lines)"},
	    {{.kind = CAUSE_FILE,
		 .subject = "x",
		 .line = 3,
		 .removed = 1,
		 .added = 1,
		 .before = FIFTY FIFTY,
		 .after = "b"},
		"file x: line 3: `" FIFTY TEN TEN "01...` -> `b`"},
	    {{.kind = CAUSE_FILE,
		 .subject = "x",
		 .line = 3,
		 .removed = 1,
		 .added = 1,
		 .before = FIFTY FIFTY "a",
		 .after = FIFTY FIFTY "b"},
		"file x: line 3: `...23456789" TEN "a` -> `...23456789" TEN "b`"},
	    {{.kind = CAUSE_FILE,
		 .subject = "x",
		 .line = 3,
		 .removed = 1,
		 .added = 1,
		 .detail = "only the newline at its end"},
		"file x: line 3: only the newline at its end"},
	    {{.kind = CAUSE_TOOLS, .parts = packages, .part_count = 3},
		"the tools root: package gcc 12.2.0-14 -> 12.2.0-15, package make 4.3-4.1 (added), "
		"link usr/bin/cc (removed)"},
	    {{.kind = CAUSE_NEED, .subject = "first", .parts = files, .part_count = 1},
		"the output of first changed in 1 file: a"},
	    {{.kind = CAUSE_NEED, .subject = "first", .parts = files, .part_count = 5},
		"the output of first changed in 5 files: a, b (executable or no more), c (leads "
		"elsewhere), d (of another kind), e (removed)"},
	    {{.kind = CAUSE_NEED, .subject = "first", .parts = files, .part_count = 6},
		"the output of first changed in 6 files: a, b (executable or no more), c (leads "
		"elsewhere), d (of another kind) and 2 more"},
	    {{.kind = CAUSE_NEED, .subject = "first", .detail = "gone"},
		"the output of first changed: gone"},
	    {{.kind = CAUSE_REMOVED, .before = "2026", .detail = "gc"},
		"its result was no longer in the store: removed on 2026 (gc)"},
	    {{.kind = CAUSE_OTHER, .subject = "minsys action", .before = "1", .after = "2"},
		"minsys action: `1` -> `2`"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		_cleanup_free_ char *text = described(&cases[i].cause);

		assert_string_equal(text, cases[i].wanted);
	}
}

static void what_is_kept_is_fit_to_be_shown(void **state)
{
	static const struct {
		const char *text, *wanted;
	} cases[] = {
	    {"plain", "plain"},
	    {"t\tab", "t\tab"},
	    {"two\nlines", "two\\x0alines"},
	    {"\033[31m", "\\x1b[31m"},
	    {"\xc3\xa4\xc2\xa7", "\xc3\xa4\xc2\xa7"},
	    {"\xc2\x9b", "\\xc2\\x9b"},
	    {"\xc3\xa4\xff", "\\xc3\\xa4\\xff"},
	};
	struct why why = {0};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_string_equal(
		    cause_keep(&why, cases[i].text, strlen(cases[i].text)), cases[i].wanted);
	arena_free(&why.arena);
}

/* A line of `count` umlauts, and a letter. */
static struct buf umlauts(size_t count, char letter)
{
	struct buf text = {0};

	for (size_t i = 0; i < count; i++)
		buf_puts(&text, "\xc3\xa4");
	buf_add(&text, &letter, 1);
	buf_puts(&text, "\n");
	return text;
}

static void of_long_lines_the_difference_is_kept(void **state)
{
	_cleanup_buf_ struct buf before = umlauts(100000, 'a'), after = umlauts(100000, 'b');
	_cleanup_buf_ struct buf shown = {0};
	struct why why = {0};
	struct cause *cause = cause_add(&why, "stage", CAUSE_SCRIPT);

	(void)state;
	cause_lines(&why, cause, &before, &after);
	assert_int_equal(cause->line, 1);
	assert_true(strlen(cause->before) < 1010 && strlen(cause->after) < 1010);
	assert_memory_equal(cause->before, "...\xc3\xa4", 5);
	assert_int_equal(cause->before[strlen(cause->before) - 1], 'a');
	assert_int_equal(cause->after[strlen(cause->after) - 1], 'b');
	cause_describe(cause, &shown);
	assert_non_null(strstr(shown.data, "\xc3\xa4"
					   "a` -> `"));
	arena_free(&why.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_kind_has_its_words),
	    cmocka_unit_test(what_is_kept_is_fit_to_be_shown),
	    cmocka_unit_test(of_long_lines_the_difference_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
