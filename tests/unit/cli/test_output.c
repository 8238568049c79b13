#include "cli/output.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* What is the last line when these have been printed, one after the other? */
static void expect_last(const char *const *pieces, const char *expected)
{
	struct last_line last = {0};

	for (; *pieces; pieces++)
		last_line_add(&last, *pieces, strlen(*pieces));
	assert_string_equal(buf_text(last_line_get(&last)), expected);
	last_line_free(&last);
}
#define LAST(expected, ...) expect_last((const char *const[]){__VA_ARGS__, NULL}, expected)

static void the_last_line_is_known(void **state)
{
	(void)state;
	LAST("", "");
	LAST("", "\n\n");
	LAST("one", "one");
	LAST("one", "one\n");
	LAST("two", "one\ntwo\n");
	LAST("two", "one\ntwo");
	LAST("two", "one\ntwo\n\n  \n");
	LAST("two", "one\n\n\n", "two");
	LAST("onetwo", "one", "two");
	LAST("onetwo", "one", "two\n");
	LAST("onetwo", "one", "two\n", "\n");
	LAST("three", "one", "two\nthree\n\n");
	LAST("one", "one", "\n");
	LAST("one", "one\n", "\n\n");
}

static void what_returns_the_carriage_is_renewed(void **state)
{
	(void)state;
	LAST("20 %", "10 %\r20 %\r");
	LAST("20 %", "10 %\r", "20 %\r");
	LAST("30", "10\r20\r", "30");
	LAST("done", "10\r20\r\ndone\r\n");
}

static void of_a_long_line_the_beginning_is_kept(void **state)
{
	struct last_line last = {0};
	char piece[1000];

	(void)state;
	memset(piece, 'a', sizeof(piece));
	for (int i = 0; i < 1000; i++)
		last_line_add(&last, piece, sizeof(piece));
	assert_int_equal(last_line_get(&last)->length, 1024);
	last_line_add(&last, "\nshort", 6);
	assert_string_equal(last_line_get(&last)->data, "short");
	last_line_add(&last, "\n", 1);
	assert_string_equal(last_line_get(&last)->data, "short");
	last_line_free(&last);
}

static void lines_are_whole(void **state)
{
	_cleanup_buf_ struct buf rest = {0}, lines = {0};

	(void)state;
	take_lines(&rest, "be", 2, &lines);
	assert_int_equal(lines.length, 0);
	take_lines(&rest, "fore\nmiddle\naf", 14, &lines);
	assert_string_equal(buf_text(&lines), "before\nmiddle\n");
	take_rest(&rest, &lines);
	assert_string_equal(buf_text(&lines), "before\nmiddle\naf\n");
	take_rest(&rest, &lines);
	assert_string_equal(buf_text(&lines), "before\nmiddle\naf\n");
}

static void a_line_without_end_is_not_kept_for_ever(void **state)
{
	_cleanup_buf_ struct buf rest = {0}, lines = {0};
	char piece[65536];

	(void)state;
	memset(piece, 'a', sizeof(piece));
	for (int i = 0; i < 33; i++)
		take_lines(&rest, piece, sizeof(piece), &lines);
	assert_int_equal(lines.length, 2 * ((1 << 20) + 1));
	assert_int_equal(rest.length, sizeof(piece));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_line_is_known),
	    cmocka_unit_test(what_returns_the_carriage_is_renewed),
	    cmocka_unit_test(of_a_long_line_the_beginning_is_kept),
	    cmocka_unit_test(lines_are_whole),
	    cmocka_unit_test(a_line_without_end_is_not_kept_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
