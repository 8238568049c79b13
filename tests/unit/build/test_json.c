/*
 * JSON as build/json.c writes it against what jansson makes of it.
 */
#include "build/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The text as jansson writes it, and then a newline. */
static void assert_same(const struct buf *text)
{
	json_error_t error;
	json_t *read = json_loadb(text->data, text->length, 0, &error);
	char *again = json_dumps(read, JSON_INDENT(2) | JSON_SORT_KEYS);

	assert_non_null(read);
	assert_string_equal(text->data, again);
	free(again);
	json_decref(read);
}

static void it_is_what_jansson_writes(void **state)
{
	_cleanup_buf_ struct buf text = {0};
	struct json_writer w = {.text = &text};
	const struct digest digest = {{0xab, 0x01}};

	(void)state;
	json_begin(&w, NULL);
	json_add_digest(&w, "a", &digest);
	json_begin(&w, "b");
	json_end(&w);
	json_begin(&w, "c");
	json_begin(&w, "d");
	json_add_number(&w, "e", -1);
	json_add_number(&w, "f", INT64_MAX);
	json_end(&w);
	json_add_true(&w, "g");
	json_end(&w);
	assert_true(json_add_text(&w, "h", ""));
	json_end(&w);
	assert_same(&text);
}

static void every_character_is_a_text(void **state)
{
	_cleanup_buf_ struct buf text = {0};
	struct json_writer w = {.text = &text};

	(void)state;
	json_begin(&w, NULL);
	for (char c = 1; c < 127; c++) {
		const char key[] = {c, 0}, value[] = {'<', c, '>', 0};

		assert_true(json_add_text(&w, key, value));
	}
	assert_true(json_add_text(&w, "\x7f", "\x7f"));
	assert_true(json_add_text(&w, "ä", "日本語 \U0001f600"));
	json_end(&w);
	assert_same(&text);
}

static void what_is_not_utf8_is_refused(void **state)
{
	static const char *const texts[] = {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\x80"};
	_cleanup_buf_ struct buf text = {0};
	struct json_writer w = {.text = &text};

	(void)state;
	json_begin(&w, NULL);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_false(json_is_text(texts[i]));
		assert_false(json_add_text(&w, texts[i], "a"));
		assert_false(json_add_text(&w, "a", texts[i]));
	}
	json_end(&w);
	assert_string_equal(text.data, "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_what_jansson_writes),
	    cmocka_unit_test(every_character_is_a_text),
	    cmocka_unit_test(what_is_not_utf8_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
