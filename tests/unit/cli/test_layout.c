#include "cli/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NOW 10000000

/* A build in the middle: some of it done, three stages and the download files under way. */
struct scene {
	struct task tasks[7];
	struct task_trace traces[7];
	struct layout_input input;
};

static void begin(struct task *task, uint64_t milliseconds, uint64_t expected)
{
	task->state = TASK_RUNNING;
	task->begin = NOW - milliseconds;
	task->expected = expected;
}

static struct scene *make(size_t width, size_t height)
{
	static const char *const names[] = {
	    "files", "hello", "linux", "busybox", "rootfs", "musl", "disk"};
	struct scene *s = calloc(1, sizeof(*s));

	for (size_t i = 0; i < 7; i++)
		s->tasks[i] = (struct task){TASK_STAGE, .name = names[i]};
	s->tasks[0].kind = TASK_DOWNLOAD;
	s->tasks[1].kind = TASK_UNPACK;
	s->tasks[1].state = TASK_CACHED;
	s->tasks[5].state = TASK_DONE;
	s->input = (struct layout_input){s->tasks, 7, s->traces, .jobs = 2, .began = NOW - 90000,
	    .now = NOW, .width = width, .height = height, .is_utf8 = true};
	return s;
}

static void says(struct scene *s, size_t task, const char *text)
{
	last_line_add(&s->traces[task].last, text, strlen(text));
	s->traces[task].printed_at = NOW;
}

/* The lines, each behind its look. Frees the scene. */
static void expect(struct scene *s, const char *expected)
{
	static const char looks[] = {' ', '=', '.'};
	_cleanup_buf_ struct buf text = {0};
	struct layout layout;

	layout_make(&s->input, &layout);
	assert_true(layout.count < s->input.height || !layout.count);
	for (size_t i = 0; i < layout.count; i++) {
		assert_true(layout.lines[i].columns <= s->input.width);
		buf_printf(
		    &text, "%c%s\n", looks[layout.lines[i].look], buf_text(&layout.lines[i].text));
	}
	assert_string_equal(buf_text(&text), expected);
	layout_free(&layout);
	for (size_t i = 0; i < 7; i++)
		last_line_free(&s->traces[i].last);
	free(s);
}

static void run_three(struct scene *s)
{
	begin(&s->tasks[3], 12000, 45000);
	begin(&s->tasks[2], 83000, 298000);
	begin(&s->tasks[0], 5000, 0);
	s->tasks[4].expected = 20000;
	s->tasks[6].expected = 20000;
	says(s, 0, "3/7 files, 12.0 MB\n");
	says(s, 2, "  CC      kernel/fork.o\n");
	says(s, 3, "  CC      shell/ash.o\n");
}

static void nothing_runs_nothing_is_shown(void **state)
{
	(void)state;
	expect(make(80, 24), "");
}

static void each_running_task_has_a_line(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	run_three(s);
	expect(s, " linux            1:23 of 4:58\n"
		  " busybox          0:12 of 0:45\n"
		  " download files   0:05  3/7 files, 12.0 MB\n"
		  "=1 of 5 stages done, 1:30\n"
		  ".linux: CC      kernel/fork.o\n");
}

static void what_is_left_is_estimated_when_it_is_known(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	run_three(s);
	s->tasks[0].state = TASK_DONE;
	s->tasks[3].state = TASK_FAILED;
	expect(s, " linux   1:23 of 4:58\n"
		  "=1 of 5 stages done, 1 failed, 1:30, about 3:35 left\n"
		  ".CC      kernel/fork.o\n");
}

static void an_unpacking_is_called_so(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	begin(&s->tasks[1], 3599999, 500);
	expect(s, " unpack hello  59:59 of 0:01\n"
		  "=1 of 5 stages done, 1:30\n");
}

static void silence_is_shown_after_a_while(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	begin(&s->tasks[2], 200000, 0);
	begin(&s->tasks[3], 31000, 0);
	begin(&s->tasks[4], 29000, 0);
	begin(&s->tasks[0], 90000, 0);
	says(s, 2, "text\n");
	s->traces[2].printed_at = NOW - 45000;
	expect(s, " linux            3:20  silent for 0:45\n"
		  " download files   1:30\n"
		  " busybox          0:31  silent for 0:31\n"
		  " rootfs           0:29\n"
		  "=1 of 5 stages done, 1:30\n"
		  ".linux: text\n");
}

static void a_stage_that_says_nothing_leaves_the_word_to_others(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	begin(&s->tasks[2], 20000, 0);
	begin(&s->tasks[3], 10000, 0);
	says(s, 3, "hello");
	expect(s, " linux     0:20\n"
		  " busybox   0:10\n"
		  "=1 of 5 stages done, 1:30\n"
		  ".busybox: hello\n");
}

static void few_rows_show_what_matters_most(void **state)
{
	static const char *const expected[] = {
	    "",
	    "",
	    "=1 of 5 stages done, 1:30\n",
	    " 3 running\n=1 of 5 stages done, 1:30\n",
	    " linux   1:23 of 4:58\n and 2 more\n=1 of 5 stages done, 1:30\n",
	    " linux            1:23 of 4:58\n busybox          0:12 of 0:45\n"
	    " download files   0:05  3/7 files, 12.0 MB\n=1 of 5 stages done, 1:30\n",
	};

	(void)state;
	for (size_t height = 0; height < 6; height++) {
		struct scene *s = make(80, height);

		run_three(s);
		expect(s, expected[height]);
	}
}

static void narrow_terminals_show_the_beginnings(void **state)
{
	struct scene *s = make(20, 24);

	(void)state;
	run_three(s);
	expect(s, " linux    1:23\n"
		  " busybox   0:12\n"
		  " download files  3/7 \n"
		  "=1 of 5 stages done\n"
		  ".linux: CC      kerne\n");
	s = make(10, 24);
	run_three(s);
	expect(s, " linux\n busybox\n download f\n=1 of 5 sta\n.linux: CC \n");
	s = make(1, 24);
	run_three(s);
	expect(s, " l\n b\n d\n=1\n.l\n");
}

static void what_was_printed_stays_in_its_line(void **state)
{
	struct scene *s = make(12, 24);

	(void)state;
	begin(&s->tasks[2], 1000, 0);
	says(s, 2, "\xe6\xbc\xa2\xe5\xad\x97\xff\x1b[2Jmore");
	expect(s, " linux   0:01\n"
		  "=1 of 5 stage\n"
		  ".\xe6\xbc\xa2\xe5\xad\x97?\\x1b[2J\n");
	s = make(12, 24);
	s->input.is_utf8 = false;
	begin(&s->tasks[2], 1000, 0);
	says(s, 2, "\xe6\xbc\xa2.");
	expect(s, " linux   0:01\n"
		  "=1 of 5 stage\n"
		  ".?.\n");
}

static void one_task_alone_needs_no_total(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	s->input.task_count = 1;
	begin(&s->tasks[0], 61000, 0);
	says(s, 0, "1/2 files\n");
	expect(s, " download files   1:01  1/2 files\n");
}

static void a_clock_that_was_read_earlier_is_no_harm(void **state)
{
	struct scene *s = make(80, 24);

	(void)state;
	s->input.began = NOW + 5;
	begin(&s->tasks[2], 0, 0);
	s->tasks[2].begin = NOW + 7;
	says(s, 2, "hello\n");
	s->traces[2].printed_at = NOW + 9;
	expect(s, " linux   0:00\n"
		  "=1 of 5 stages done, 0:00\n"
		  ".hello\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_runs_nothing_is_shown),
	    cmocka_unit_test(each_running_task_has_a_line),
	    cmocka_unit_test(what_is_left_is_estimated_when_it_is_known),
	    cmocka_unit_test(an_unpacking_is_called_so),
	    cmocka_unit_test(silence_is_shown_after_a_while),
	    cmocka_unit_test(a_stage_that_says_nothing_leaves_the_word_to_others),
	    cmocka_unit_test(few_rows_show_what_matters_most),
	    cmocka_unit_test(narrow_terminals_show_the_beginnings),
	    cmocka_unit_test(what_was_printed_stays_in_its_line),
	    cmocka_unit_test(one_task_alone_needs_no_total),
	    cmocka_unit_test(a_clock_that_was_read_earlier_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
