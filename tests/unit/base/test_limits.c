#include "base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void what_is_asked_for_holds(void **state)
{
	struct limits limits = {.most = {[LIMIT_LOG] = 7}};

	(void)state;
	assert_int_equal(limit_of(&limits, LIMIT_LOG), 7);
	assert_int_equal(limit_of(&limits, LIMIT_TIME), 86400);
	assert_int_equal(limit_of(&limits, LIMIT_FILES), LIMIT_FILES_SOFT);
	assert_int_equal(limit_of(&limits, LIMIT_MEMORY), 0);
}

static void each_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (enum limit a = LIMIT_NONE; a < LIMIT_COUNT; a++)
		for (enum limit b = LIMIT_NONE; b < a; b++)
			assert_string_not_equal(limit_name(a), limit_name(b));
}

static void values_have_units(void **state)
{
	char text[LIMIT_TEXT_SIZE];

	(void)state;
	assert_string_equal(limit_text(LIMIT_TIME, 90, text), "90 s");
	assert_string_equal(limit_text(LIMIT_CPU, UINT64_MAX, text), "18446744073709551615 s");
	assert_string_equal(limit_text(LIMIT_MEMORY, 4000000000, text), "4.0 GB");
	assert_string_equal(limit_text(LIMIT_PROCESSES, 4096, text), "4096");
	assert_string_equal(limit_text(LIMIT_ENTRIES, 1, text), "1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_asked_for_holds),
	    cmocka_unit_test(each_has_a_name_of_its_own),
	    cmocka_unit_test(values_have_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
