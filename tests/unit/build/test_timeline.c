/*
 * On which lanes the tasks of a build stand, and what its end waited for.
 */
#include "build/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

/* A task of a record; with an `end` of 0 it did not run. */
#define TASK(of_kind, named, from, to, ...)                                                        \
	{                                                                                          \
		.kind = of_kind, .name = named, .state = TASK_DONE, .has_run = (to) != 0,          \
		.begin = from, .end = to, .needs = (const char *[]){__VA_ARGS__},                  \
		.need_count = LENGTH(((const char *[]){__VA_ARGS__})),                             \
	}

static void check(
    struct history_task *tasks, size_t count, const size_t *lanes, const char *critical)
{
	const struct history history = {.tasks = tasks, .task_count = count};
	struct timeline timeline;

	timeline_make(&history, &timeline);
	assert_int_equal(timeline.task_count, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(timeline.tasks[i].is_critical, critical[i] == 'x');
		if (tasks[i].has_run)
			assert_int_equal(timeline.tasks[i].lane, lanes[i]);
	}
	timeline_free(&timeline);
}

static void what_overlaps_has_a_lane_of_its_own(void **state)
{
	struct history_task tasks[] = {
	    TASK(TASK_UNPACK, "tools root", 0, 10, ),
	    TASK(TASK_STAGE, "one", 0, 10, ),
	    TASK(TASK_STAGE, "other", 5, 20, ),
	    TASK(TASK_STAGE, "third", 10, 12, ),
	    TASK(TASK_STAGE, "short", 10, 10, ),
	    TASK(TASK_STAGE, "late", 20, 21, ),
	};

	(void)state;
	/* One that takes no time stands before another that begins with it. */
	check(tasks, LENGTH(tasks), (const size_t[]){0, 1, 2, 1, 1, 1}, "     x");
}

static void the_path_goes_back_from_what_ended_last(void **state)
{
	struct history_task tasks[] = {
	    TASK(TASK_UNPACK, "tools root", 0, 4, ),
	    TASK(TASK_UNPACK, "source", 0, 6, ),
	    TASK(TASK_STAGE, "early", 4, 5, "unpack tools root"),
	    TASK(TASK_STAGE, "middle", 6, 30, "unpack tools root", "unpack source"),
	    TASK(TASK_STAGE, "last", 31, 40, "stage early", "stage middle"),
	};

	(void)state;
	check(tasks, LENGTH(tasks), (const size_t[]){0, 1, 2, 2, 2}, " x xx");
}

/* It had to be known that its result was there before what needs it could begin. */
static void the_path_goes_through_what_did_not_run(void **state)
{
	struct history_task tasks[] = {
	    TASK(TASK_STAGE, "edited", 0, 10, ),
	    TASK(TASK_STAGE, "same", 0, 0, "stage edited"),
	    TASK(TASK_STAGE, "beside", 2, 9, ),
	    TASK(TASK_STAGE, "last", 12, 20, "stage same", "stage beside"),
	};
	const struct history history = {.tasks = tasks, .task_count = LENGTH(tasks)};
	struct timeline timeline;

	(void)state;
	check(tasks, LENGTH(tasks), (const size_t[]){0, 0, 1, 0}, "x  x");
	timeline_make(&history, &timeline);
	assert_int_equal(timeline.tasks[0].ready, 0);
	assert_int_equal(timeline.tasks[3].ready, 10);
	timeline_free(&timeline);
}

static void a_need_that_stands_behind_does_not_count(void **state)
{
	struct history_task tasks[] = {
	    TASK(TASK_STAGE, "one", 0, 10, "stage other", "stage one", "stage unknown"),
	    TASK(TASK_STAGE, "other", 10, 20, "stage one"),
	};

	(void)state;
	check(tasks, LENGTH(tasks), (const size_t[]){0, 0}, "xx");
}

static void nothing_that_ran_is_no_path(void **state)
{
	struct history_task tasks[] = {TASK(TASK_STAGE, "one", 0, 0, )};

	(void)state;
	check(tasks, 1, NULL, " ");
	check(NULL, 0, NULL, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_overlaps_has_a_lane_of_its_own),
	    cmocka_unit_test(the_path_goes_back_from_what_ended_last),
	    cmocka_unit_test(the_path_goes_through_what_did_not_run),
	    cmocka_unit_test(a_need_that_stands_behind_does_not_count),
	    cmocka_unit_test(nothing_that_ran_is_no_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
