/* The tokens: all are somewhere, none is lost, and they go where they are wanted. */
#include "build/jobserver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

struct client {
	struct jobserver_client client;
	unsigned taken;
};

static void enter(
    struct jobserver *js, struct client *stage, enum stage_jobserver style, uint64_t weight)
{
	struct err e;

	*stage = (struct client){0};
	assert_true(jobserver_enter(js, &stage->client, style, weight, js->count + 1, &e));
	if (style == JOBSERVER_PIPE)
		assert_int_equal(fcntl(stage->client.ends[0], F_SETFL, O_NONBLOCK), 0);
}

/* As make does: one byte is one process. */
static bool take(struct client *stage)
{
	char token;

	if (read(stage->client.ends[0], &token, 1) != 1)
		return false;
	stage->taken++;
	return true;
}

static void put(struct client *stage)
{
	assert_int_equal(write(stage->client.ends[1], "+", 1), 1);
	stage->taken--;
}

/* Let it take as many as it can get, as long as it takes. */
static void take_all(struct jobserver *js, struct client *stage)
{
	for (int look = 0; look < 100; look++) {
		jobserver_balance(js, false);
		while (take(stage))
			;
	}
}

static void check_sum(const struct jobserver *js)
{
	unsigned sum = js->free;

	for (size_t i = 0; i < js->count; i++)
		sum += js->clients[i]->given + 1;
	assert_int_equal(sum, js->total);
}

static void one_gets_all(void **state)
{
	struct jobserver js;
	struct client stage;

	(void)state;
	jobserver_open(&js, 9);
	enter(&js, &stage, JOBSERVER_PIPE, 1);
	take_all(&js, &stage);
	assert_int_equal(stage.taken, 8);
	check_sum(&js);
	jobserver_leave(&stage.client);
	assert_int_equal(js.free, 9);
	jobserver_close(&js);
}

static void what_one_leaves_another_gets(void **state)
{
	struct jobserver js;
	struct client busy, late;
	struct err e;

	(void)state;
	jobserver_open(&js, 4);
	enter(&js, &busy, JOBSERVER_PIPE, 2);
	take_all(&js, &busy);
	assert_int_equal(busy.taken, 3);
	/* A second stage wants to begin: nothing is free until the first gives one back. */
	assert_false(jobserver_enter(&js, &late.client, JOBSERVER_PIPE, 1, 2, &e));
	assert_string_equal(e.text, "");
	jobserver_balance(&js, true);
	assert_int_equal(js.free, 0);
	put(&busy);
	jobserver_balance(&js, true);
	assert_int_equal(js.free, 1);
	enter(&js, &late, JOBSERVER_PIPE, 1);
	check_sum(&js);
	/* It has its own; another comes when the first leaves it in its pipe. */
	take_all(&js, &late);
	assert_int_equal(late.taken, 0);
	put(&busy);
	take_all(&js, &late);
	assert_int_equal(late.taken, 1);
	check_sum(&js);
	/* Killed with what it holds: all of that is free. */
	jobserver_leave(&busy.client);
	take_all(&js, &late);
	assert_int_equal(late.taken, 3);
	jobserver_leave(&late.client);
	assert_int_equal(js.free, 4);
	jobserver_close(&js);
}

static void the_heavier_comes_first(void **state)
{
	struct jobserver js;
	struct client light, heavy;

	(void)state;
	jobserver_open(&js, 3);
	enter(&js, &light, JOBSERVER_PIPE, 1);
	enter(&js, &heavy, JOBSERVER_PIPE, 5);
	jobserver_balance(&js, false);
	assert_true(take(&heavy));
	assert_false(take(&light));
	jobserver_leave(&heavy.client);
	jobserver_leave(&light.client);
	jobserver_close(&js);
}

/* A stage that writes tokens of its own making gets no more of the others'. */
static void forged_tokens_do_not_count(void **state)
{
	struct jobserver js;
	struct client forger;

	(void)state;
	jobserver_open(&js, 3);
	enter(&js, &forger, JOBSERVER_PIPE, 1);
	assert_int_equal(write(forger.client.ends[1], "+++++++++", 9), 9);
	for (int look = 0; look < 50; look++) {
		jobserver_balance(&js, look & 1);
		check_sum(&js);
		assert_true(js.free <= 2);
	}
	jobserver_leave(&forger.client);
	assert_int_equal(js.free, 3);
	jobserver_close(&js);
}

static void shares_are_fair(void **state)
{
	struct jobserver js;
	struct client alone, two, one;
	struct err e;

	(void)state;
	jobserver_open(&js, 5);
	enter(&js, &alone, JOBSERVER_SHARE, 1);
	assert_int_equal(alone.client.given, 4);
	jobserver_leave(&alone.client);
	assert_true(jobserver_enter(&js, &two.client, JOBSERVER_SHARE, 1, 2, &e));
	assert_int_equal(two.client.given, 2);
	assert_true(jobserver_enter(&js, &one.client, JOBSERVER_SHARE, 1, 2, &e));
	assert_int_equal(one.client.given, 1);
	check_sum(&js);
	jobserver_leave(&two.client);
	jobserver_leave(&one.client);
	assert_int_equal(js.free, 5);
	jobserver_close(&js);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_gets_all),
	    cmocka_unit_test(what_one_leaves_another_gets),
	    cmocka_unit_test(the_heavier_comes_first),
	    cmocka_unit_test(forged_tokens_do_not_count),
	    cmocka_unit_test(shares_are_fair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
