#include "base/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void plain_paths_lead_only_down(void **state)
{
	static const char *const plain[] = {"a", "a/b", "..a", "a..", "...", ".a/b.", "a b"};
	static const char *const other[] = {"", "/", "/a", "a/", "a//b", ".", "..", "./a", "a/.",
	    "a/./b", "../a", "a/..", "a/../b"};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		if (!path_is_plain(plain[i]))
			fail_msg("`%s` is plain", plain[i]);
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
		if (path_is_plain(other[i]))
			fail_msg("`%s` is not plain", other[i]);
}

static void misspelled_word_finds_the_nearest(void **state)
{
	static const char *const words[] = {"run", "needs", "sources", "summary", NULL};

	(void)state;
	assert_string_equal(word_nearest("need", words), "needs");
	assert_string_equal(word_nearest("sumary", words), "summary");
	assert_string_equal(word_nearest("suorces", words), "sources"); /* two slips */
	assert_string_equal(word_nearest("rum", words), "run");
	assert_string_equal(word_nearest("needs", words), "needs");
}

static void another_word_finds_none(void **state)
{
	static const char *const words[] = {"run", "needs", "sources", NULL}, *const none = NULL;
	char longer[200];

	(void)state;
	assert_null(word_nearest("frobnicate", words));
	assert_null(word_nearest("ru", words)); /* one of two letters is half of it */
	assert_null(word_nearest("rom", words));
	assert_null(word_nearest("", words));
	assert_null(word_nearest("uscroes", words)); /* more than two slips */
	assert_null(word_nearest("run", &none));
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_null(word_nearest(longer, words));
}

static void the_first_of_two_equally_near_is_taken(void **state)
{
	static const char *const words[] = {"files", "filed", NULL};

	(void)state;
	assert_string_equal(word_nearest("filez", words), "files");
}

static void control_characters_become_printable(void **state)
{
	char text[] = "a\x1b[31mb\nc\x7f\xc2\x9b"
		      "d\xc3\xa4\xc2\xa0\xff\xc2";

	(void)state;
	make_printable(text);
	assert_string_equal(text, "a?[31mb?c???d\xc3\xa4\xc2\xa0\xff\xc2");
}

static void bytes_of_control_characters_become_visible(void **state)
{
	static const char bytes[] = "a\x1b[31mb\n\tc\x7f\0\r\xc2\x9b"
				    "d\xc3\xa4\xc2\xa0\xff\xc2";
	_cleanup_buf_ struct buf text = {0};

	(void)state;
	add_visible(&text, "", 0);
	assert_string_equal(buf_text(&text), "");
	add_visible(&text, bytes, sizeof(bytes) - 1);
	/* What might begin one at the end is not taken on trust. */
	assert_string_equal(buf_text(&text), "a\\x1b[31mb\n\tc\\x7f\\x00\\x0d\\xc2\\x9b"
					     "d\xc3\xa4\xc2\xa0\xff\\xc2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_paths_lead_only_down),
	    cmocka_unit_test(misspelled_word_finds_the_nearest),
	    cmocka_unit_test(another_word_finds_none),
	    cmocka_unit_test(the_first_of_two_equally_near_is_taken),
	    cmocka_unit_test(control_characters_become_printable),
	    cmocka_unit_test(bytes_of_control_characters_become_visible),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
