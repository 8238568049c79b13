/*
 * Which isolation is stronger, and how records tell it. How one is chosen is the functional
 * tests' part.
 */
#include "build/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const strongest_first[] = {
    "userns",
    "landlock: no namespaces here",
    "landlock weaker: the caller's uid",
};

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

static void records_are_read_again(void **state)
{
	static const char *const lines[] = {"userns", "userns: why", "landlock",
	    "landlock: why: not", "landlock weaker", "landlock weaker: the weaker form: why"};

	(void)state;
	for (size_t i = 0; i < LENGTH(lines); i++) {
		struct choice choice;
		char *again;

		assert_true(choice_parse(lines[i], &choice));
		again = choice_format(&choice);
		assert_string_equal(again, lines[i]);
		free(again);
		choice_free(&choice);
	}
}

static void a_record_has_its_parts(void **state)
{
	struct choice choice, copy;

	(void)state;
	assert_true(choice_parse("landlock weaker: why: not", &choice));
	copy = choice_copy(&choice);
	choice_free(&choice);
	assert_string_equal(copy.kind->name, "landlock");
	assert_true(copy.kind->in_place);
	assert_true(copy.is_weaker_form);
	assert_string_equal(copy.reason, "why: not");
	choice_free(&copy);
	assert_true(choice_parse("userns", &choice));
	assert_false(choice.kind->in_place);
	assert_false(choice.is_weaker_form);
	assert_null(choice.reason);
}

static void others_are_no_records(void **state)
{
	static const char *const lines[] = {"", "none", "user", "usernss", "userns:", "userns why",
	    "userns:why", "landlock weakerform", "landlock weaker why", "landlock  weaker",
	    " userns"};

	(void)state;
	for (size_t i = 0; i < LENGTH(lines); i++) {
		struct choice choice = {0};

		if (choice_parse(lines[i], &choice))
			fail_msg("`%s` was read as %s", lines[i], choice.kind->name);
		assert_null(choice.reason);
	}
}

static void each_is_weaker_than_the_one_before(void **state)
{
	size_t before = 0;

	(void)state;
	for (size_t i = 0; i < LENGTH(strongest_first); i++) {
		struct choice choice;

		assert_true(choice_parse(strongest_first[i], &choice));
		assert_true(i ? choice_weakness(&choice) > before : !choice_weakness(&choice));
		before = choice_weakness(&choice);
		choice_free(&choice);
	}
}

static void kinds_are_found_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; isolation_kind_at(i); i++)
		assert_ptr_equal(
		    isolation_kind_find(isolation_kind_at(i)->name), isolation_kind_at(i));
	assert_string_equal(isolation_kind_at(0)->name, "userns");
	assert_null(isolation_kind_find("auto"));
	assert_null(isolation_kind_find("none"));
	assert_null(isolation_kind_find(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(records_are_read_again),
	    cmocka_unit_test(a_record_has_its_parts),
	    cmocka_unit_test(others_are_no_records),
	    cmocka_unit_test(each_is_weaker_than_the_one_before),
	    cmocka_unit_test(kinds_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
