#include "cli/columns.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect(
    const char *bytes, size_t width, bool is_utf8, const char *expected, size_t columns)
{
	_cleanup_buf_ struct buf line = {0};

	assert_int_equal(add_columns(&line, bytes, strlen(bytes), width, is_utf8), columns);
	assert_string_equal(buf_text(&line), expected);
}

static void what_does_not_fit_is_cut(void **state)
{
	(void)state;
	expect("", 10, true, "", 0);
	expect("hello", 10, true, "hello", 5);
	expect("hello", 5, true, "hello", 5);
	expect("hello", 3, true, "hel", 3);
	expect("hello", 0, true, "", 0);
	expect("h\xc3\xa4llo", 2, true, "h\xc3\xa4", 2);
}

static void wide_characters_take_two_columns(void **state)
{
	(void)state;
	expect("\xe6\xbc\xa2\xe5\xad\x97", 4, true, "\xe6\xbc\xa2\xe5\xad\x97", 4);
	expect("\xe6\xbc\xa2\xe5\xad\x97", 3, true, "\xe6\xbc\xa2", 2);
	expect("a\xf0\x9f\x98\x80z", 2, true, "a", 1);
	/* Whether this one takes any is not agreed on: it is never taken for narrower than it is.
	 */
	expect("e\xcc\x81z", 3, true, "e\xcc\x81", 3);
}

static void nothing_commands_the_terminal(void **state)
{
	(void)state;
	expect("a\x1b[31mb", 20, true, "a\\x1b[31mb", 10);
	expect("a\x1b[31mb", 4, true, "a", 1);
	expect("a\tb\rc\x7f", 20, true, "a b\\x0dc\\x7f", 12);
	expect("\xc2\x9b\x9b", 20, true, "??", 2); /* C1, and a byte of it alone */
	expect("\xe2\x80\xae", 20, true, "?", 1);  /* right to left */
	expect("\xff\xc3", 20, true, "??", 2);
	expect("\xed\xa0\x80", 20, true, "???", 3);
}

static void a_terminal_of_other_letters_gets_ascii(void **state)
{
	(void)state;
	expect("h\xc3\xa4llo \xe6\xbc\xa2", 20, false, "h?llo ?", 7);
}

static void set(const char *all, const char *type, const char *language)
{
	setenv("LC_ALL", all, 1);
	setenv("LC_CTYPE", type, 1);
	setenv("LANG", language, 1);
}

static void the_locale_says_which_letters(void **state)
{
	(void)state;
	set("", "", "de_DE.UTF-8");
	assert_true(columns_are_utf8());
	set("", "C.utf8", "C");
	assert_true(columns_are_utf8());
	set("C", "C.UTF-8", "C.UTF-8");
	assert_false(columns_are_utf8());
	set("", "", "");
	assert_false(columns_are_utf8());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_does_not_fit_is_cut),
	    cmocka_unit_test(wide_characters_take_two_columns),
	    cmocka_unit_test(nothing_commands_the_terminal),
	    cmocka_unit_test(a_terminal_of_other_letters_gets_ascii),
	    cmocka_unit_test(the_locale_says_which_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
