#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void characters_are_told_from_other_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t count;
		uint32_t character;
	} cases[] = {
	    {"a", 1, 'a'}, {"\xc3\xa4", 2, 0xe4}, {"\xe2\x82\xac!", 3, 0x20ac},
	    {"\xf0\x9f\x98\x80", 4, 0x1f600}, {"\xf4\x8f\xbf\xbf", 4, 0x10ffff}, {"", 0, 0},
	    {"\x80", 0, 0}, {"\xff", 0, 0}, {"\xc3", 0, 0}, /* it ends there */
	    {"\xc3(", 0, 0},				    /* what follows is not its rest */
	    {"\xc0\x80", 0, 0},				    /* NUL in two bytes */
	    {"\xe0\x9f\xbf", 0, 0},			    /* three where two would do */
	    {"\xf0\x8f\xbf\xbf", 0, 0},			    /* four where three would do */
	    {"\xed\xa0\x80", 0, 0},			    /* half of a pair of UTF-16 */
	    {"\xf4\x90\x80\x80", 0, 0},			    /* beyond the last */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint32_t character = 0;

		assert_int_equal(utf8_decode(cases[i].bytes, strlen(cases[i].bytes), &character),
		    cases[i].count);
		assert_int_equal(character, cases[i].character);
	}
}

static void each_other_byte_is_replaced(void **state)
{
	static const char bytes[] = "a\xff\xc3\xa4\0\xe2\x82z\xed\xa0\x80\xc3";
	_cleanup_buf_ struct buf text = {0};

	(void)state;
	add_utf8(&text, "", 0);
	assert_int_equal(text.length, 0);
	add_utf8(&text, bytes, sizeof(bytes) - 1);
#define R "\xef\xbf\xbd"
	assert_int_equal(text.length, sizeof("a" R "\xc3\xa4\0" R R "z" R R R R) - 1);
	assert_memory_equal(text.data, "a" R "\xc3\xa4\0" R R "z" R R R R, text.length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(characters_are_told_from_other_bytes),
	    cmocka_unit_test(each_other_byte_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
