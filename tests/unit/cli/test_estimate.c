#include "cli/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define NOW 1000000

/* b and c need a, d needs b. */
struct graph {
	struct task tasks[4];
	struct task *of_b[1], *of_c[1], *of_d[1];
};
enum { A, B, C, D };

static void make(struct graph *g)
{
	*g = (struct graph){
	    .tasks =
		{
		    {.name = "a", .expected = 10000},
		    {.name = "b", .expected = 2000},
		    {.name = "c", .expected = 5000},
		    {.name = "d", .expected = 4000},
		},
	    .of_b = {&g->tasks[A]},
	    .of_c = {&g->tasks[A]},
	    .of_d = {&g->tasks[B]},
	};
	for (int i = B; i <= D; i++) {
		g->tasks[i].needs = i == B ? g->of_b : i == C ? g->of_c : g->of_d;
		g->tasks[i].need_count = 1;
	}
}

static uint64_t left(const struct graph *g, unsigned jobs)
{
	return estimate_left(g->tasks, 4, jobs, NOW);
}

static void run(struct task *task, uint64_t milliseconds)
{
	task->state = TASK_RUNNING;
	task->begin = NOW - milliseconds;
}

static void tasks_follow_what_they_need(void **state)
{
	struct graph g;

	(void)state;
	make(&g);
	assert_int_equal(left(&g, 8), 16000);
	run(&g.tasks[A], 4000);
	assert_int_equal(left(&g, 8), 12000);
	g.tasks[A].state = TASK_DONE;
	assert_int_equal(left(&g, 8), 6000);
	g.tasks[B].state = TASK_CACHED;
	assert_int_equal(left(&g, 8), 5000);
}

static void what_has_to_take_turns_takes_longer(void **state)
{
	struct graph g;

	(void)state;
	make(&g);
	assert_int_equal(left(&g, 1), 21000);
	assert_int_equal(left(&g, 2), 16000);
}

static void what_was_never_done_cannot_be_known(void **state)
{
	struct graph g;

	(void)state;
	make(&g);
	g.tasks[D].expected = 0;
	assert_int_equal(left(&g, 1), 0);
	g.tasks[D].state = TASK_SKIPPED;
	assert_int_equal(left(&g, 1), 17000);
	make(&g);
	run(&g.tasks[A], 1000);
	g.tasks[A].expected = 0;
	assert_int_equal(left(&g, 1), 0);
}

static void what_is_late_is_not_counted_below_zero(void **state)
{
	struct graph g;

	(void)state;
	make(&g);
	run(&g.tasks[A], 90000);
	assert_int_equal(left(&g, 8), 6000);
	for (int i = B; i <= D; i++)
		g.tasks[i].state = TASK_DONE;
	assert_int_equal(left(&g, 8), 0);
	g.tasks[A].begin = NOW + 5; /* by a clock that was read later */
	assert_int_equal(left(&g, 8), 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tasks_follow_what_they_need),
	    cmocka_unit_test(what_has_to_take_turns_takes_longer),
	    cmocka_unit_test(what_was_never_done_cannot_be_known),
	    cmocka_unit_test(what_is_late_is_not_counted_below_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
