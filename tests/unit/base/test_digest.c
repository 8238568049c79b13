#include "base/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The example of FIPS 180-2, appendix B.1. */
static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void pieces_give_the_digest_of_the_whole(void **state)
{
	char text[DIGEST_HEX_SIZE];
	struct digest_stream s;
	struct digest d;

	(void)state;
	digest_begin(&s);
	digest_add(&s, "a", 1);
	digest_add(&s, "bc", 2);
	d = digest_end(&s);
	assert_string_equal(digest_format(&d, text), abc);
}

static void only_64_lower_case_digits_are_a_digest(void **state)
{
	static const char *const wrong[] = {"", "abc",
	    "BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad0"};
	struct err e = {0};
	struct digest d, same;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(digest_parse(wrong[i], &d, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
	}
	assert_int_equal(digest_parse(abc, &d, &e), 0);
	same = digest_of("abc", 3);
	assert_true(digest_equal(&d, &same));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_give_the_digest_of_the_whole),
	    cmocka_unit_test(only_64_lower_case_digits_are_a_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
