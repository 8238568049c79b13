#include "fetch/news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void note(void *context, bool is_progress, const char *line)
{
	buf_printf(context, "%s%s\n", is_progress ? "~" : "", line);
}

/* Reads a text in pieces of this size. */
static void expect(const char *text, size_t size, const char *told, const char *words)
{
	_cleanup_buf_ struct buf lines = {0};
	const struct fetch_options options = {.tell = note, .context = &lines};
	struct news_reader reader = {.options = &options};

	for (size_t at = 0; at < strlen(text); at += size)
		news_read(&reader, text + at, strnlen(text + at, size));
	assert_string_equal(buf_text(&lines), told);
	assert_string_equal(buf_text(&reader.words), words);
	news_free(&reader);
}

static void events_are_told_and_other_lines_are_kept(void **state)
{
	static const char text[] =
	    "{\"event\":\"progress\",\"text\":\"1/2 files\"}\n"
	    "{\"event\":\"arrived\",\"name\":\"musl\",\"text\":\"musl: 1 B\"}\n"
	    "minsys-fetch: no such option\n"
	    "{\"event\":\"arrived\"}\n"
	    "[]\n"
	    "half a line";
	static const char told[] = "~1/2 files\nmusl: 1 B\n";
	static const char words[] = "minsys-fetch: no such option\n{\"event\":\"arrived\"}\n[]";

	(void)state;
	expect(text, 1, told, words);
	expect(text, 7, told, words);
	expect(text, 1000, told, words);
	expect("", 1, "", "");
}

static void words_without_end_are_cut(void **state)
{
	_cleanup_buf_ struct buf text = {0}, words = {0};

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_puts(&text, "0123456789\n");
	buf_add(&words, text.data, 1000);
	expect(text.data, 100, "", words.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(events_are_told_and_other_lines_are_kept),
	    cmocka_unit_test(words_without_end_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
