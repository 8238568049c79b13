#include "base/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <cmocka.h>

static int run_shell(const char *script, const char *const *env, const char *input,
    struct process_result *ret_result, struct err *e)
{
	const char *const argv[] = {"sh", "-c", script, NULL};
	const struct process process = {.argv = argv, .env = env, .input = input};

	return process_run(&process, ret_result, e);
}

static void output_errors_and_status_are_kept_apart(void **state)
{
	_cleanup_process_result_ struct process_result result = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(run_shell("echo out; echo err >&2; exit 7", NULL, NULL, &result, &e), 0);
	assert_int_equal(result.status, 7);
	assert_string_equal(buf_text(&result.output), "out\n");
	assert_string_equal(buf_text(&result.errors), "err\n");
}

static void a_signal_is_128_and_its_number(void **state)
{
	_cleanup_process_result_ struct process_result result = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(run_shell("kill -9 $$", NULL, NULL, &result, &e), 0);
	assert_int_equal(result.status, 128 + 9);
	assert_string_equal(buf_text(&result.output), "");
}

static void input_is_read_to_its_end(void **state)
{
	_cleanup_process_result_ struct process_result result = {0}, empty = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(run_shell("tr a-z A-Z", NULL, "one\ntwo", &result, &e), 0);
	assert_string_equal(buf_text(&result.output), "ONE\nTWO");
	assert_int_equal(run_shell("cat", NULL, NULL, &empty, &e), 0);
	assert_int_equal(empty.output.length, 0);
}

/* More than any pipe holds, on both streams, while the input is not read at all. */
static void much_output_does_not_block(void **state)
{
	_cleanup_process_result_ struct process_result result = {0};
	size_t size = 3 << 20;
	char *input = malloc(size + 1);
	struct err e = {0};

	(void)state;
	assert_non_null(input);
	memset(input, 'x', size);
	input[size] = 0;
	assert_int_equal(run_shell("head -c 3145728 /dev/zero >&2; head -c 3145728 /dev/zero", NULL,
			     input, &result, &e),
	    0);
	free(input);
	assert_int_equal(result.output.length, size);
	assert_int_equal(result.errors.length, size);
}

/* One that nobody has waited for yet is not. */
static bool is_alive(pid_t pid)
{
	char path[64], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (!fgets(text, sizeof(text), file))
		*text = 0;
	fclose(file);
	return *text && !strstr(text, ") Z ");
}

static void a_limit_ends_all_that_was_started(void **state)
{
	const char *const argv[] = {"sh", "-c", "sleep 60 & echo $!; wait", NULL};
	const struct process process = {.argv = argv, .timeout_seconds = 1};
	_cleanup_process_result_ struct process_result result = {0};
	struct err e = {0};
	pid_t sleeper;

	(void)state;
	assert_int_equal(process_run(&process, &result, &e), 0);
	assert_true(result.timed_out);
	assert_int_equal(result.status, 128 + 9);
	sleeper = atoi(buf_text(&result.output));
	assert_true(sleeper > 1);
	for (int i = 0; i < 500 && is_alive(sleeper); i++)
		usleep(10000);
	assert_false(is_alive(sleeper));
}

static void one_that_is_to_stop_is_ended(void **state)
{
	const char *const argv[] = {"sleep", "60", NULL};
	const volatile sig_atomic_t stop = 1;
	const struct process process = {.argv = argv, .stop = &stop};
	_cleanup_process_result_ struct process_result result = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(process_run(&process, &result, &e), 0);
	assert_false(result.timed_out);
	assert_int_equal(result.status, 128 + 9);
}

static void within_its_limit_a_status_is_its_own(void **state)
{
	const char *const argv[] = {"sh", "-c", "echo out; exit 7", NULL};
	const struct process process = {.argv = argv, .timeout_seconds = 60};
	_cleanup_process_result_ struct process_result result = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(process_run(&process, &result, &e), 0);
	assert_false(result.timed_out);
	assert_int_equal(result.status, 7);
	assert_string_equal(buf_text(&result.output), "out\n");
}

static void environment_is_added_to_and_replaced(void **state)
{
	const char *const env[] = {"MINSYS_TEST_B=new", "MINSYS_TEST_C=c", NULL};
	_cleanup_process_result_ struct process_result result = {0};
	struct err e = {0};

	(void)state;
	setenv("MINSYS_TEST_A", "a", 1);
	setenv("MINSYS_TEST_B", "old", 1);
	setenv("MINSYS_TEST_BB", "kept", 1);
	assert_int_equal(run_shell("env | grep ^MINSYS_TEST_ | sort", env, NULL, &result, &e), 0);
	assert_string_equal(buf_text(&result.output),
	    "MINSYS_TEST_A=a\nMINSYS_TEST_B=new\nMINSYS_TEST_BB=kept\nMINSYS_TEST_C=c\n");
	assert_string_equal(getenv("MINSYS_TEST_B"), "old");
}

static void a_program_that_is_not_there_is_named(void **state)
{
	const char *const argv[] = {"minsys-no-such-program", NULL};
	const struct process process = {.argv = argv};
	struct process_result result = {0};
	struct err e = {0};

	(void)state;
	assert_int_equal(process_run(&process, &result, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_int_equal(e.errnum, ENOENT);
	assert_non_null(strstr(e.text, "minsys-no-such-program"));
}

static void last_words_are_whole_lines(void **state)
{
	_cleanup_process_result_ struct process_result few = {0}, many = {0}, none = {0};
	const char *words;
	struct err e = {0};

	(void)state;
	assert_int_equal(run_shell("printf 'a\\nb\\n\\n' >&2", NULL, NULL, &few, &e), 0);
	assert_string_equal(process_last_words(&few), "a\nb");
	assert_int_equal(run_shell("seq -f 'line %g' 1000 >&2", NULL, NULL, &many, &e), 0);
	words = process_last_words(&many);
	assert_memory_equal(words, "line ", 5);
	assert_true(strlen(words) > 500 && strlen(words) < 1000);
	assert_string_equal(words + strlen(words) - 9, "line 1000");
	assert_string_equal(process_last_words(&none), "");
}

static void no_descriptor_is_left_open(void **state)
{
	int lowest = dup(0);
	struct err e = {0};

	(void)state;
	assert_true(lowest >= 0);
	close(lowest);
	for (int i = 0; i < 3; i++) {
		_cleanup_process_result_ struct process_result result = {0};

		assert_int_equal(run_shell("true", NULL, "x", &result, &e), 0);
	}
	assert_int_equal(dup(0), lowest);
	close(lowest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(output_errors_and_status_are_kept_apart),
	    cmocka_unit_test(a_signal_is_128_and_its_number),
	    cmocka_unit_test(input_is_read_to_its_end),
	    cmocka_unit_test(much_output_does_not_block),
	    cmocka_unit_test(a_limit_ends_all_that_was_started),
	    cmocka_unit_test(one_that_is_to_stop_is_ended),
	    cmocka_unit_test(within_its_limit_a_status_is_its_own),
	    cmocka_unit_test(environment_is_added_to_and_replaced),
	    cmocka_unit_test(a_program_that_is_not_there_is_named),
	    cmocka_unit_test(last_words_are_whole_lines),
	    cmocka_unit_test(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
