#include "sandbox/options.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MAX_WORDS 64

/* A command line as the kernel lays it out: all strings behind each other. */
struct line {
	char text[2048];
	size_t bytes;
	char *argv[MAX_WORDS];
	int argc;
	struct options options;
	struct err e;
};

static void add_word(struct line *line, const char *word)
{
	assert_true(line->argc < MAX_WORDS - 1);
	assert_true(line->bytes + strlen(word) < sizeof(line->text));
	line->argv[line->argc++] = strcpy(line->text + line->bytes, word);
	line->bytes += strlen(word) + 1;
}

static int parse(struct line *line, const char *const *words)
{
	*line = (struct line){0};
	add_word(line, "minsys-sandbox");
	for (; *words; words++)
		add_word(line, *words);
	return options_parse(line->argc, line->argv, &line->options, &line->e);
}

static void line_free(struct line *line)
{
	free(line->options.binds);
	free(line->options.env);
}

#define WORDS(...)                                                                                 \
	(const char *const[])                                                                      \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

static void refuses(const char *text, const char *const *words)
{
	struct line line;

	assert_int_equal(parse(&line, words), -1);
	assert_int_equal(line.e.kind, ERR_INPUT);
	if (!strstr(line.e.text, text))
		fail_msg("`%s` does not say `%s`", line.e.text, text);
	line_free(&line);
}

static void what_is_not_said_has_defaults(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(parse(&line, WORDS("--root", "/r", "--", "/bin/sh", "--help")), 0);
	assert_string_equal(line.options.root, "/r");
	assert_string_equal(line.options.isolation, "userns");
	assert_string_equal(line.options.directory, "/");
	assert_string_equal(line.options.command[0], "/bin/sh");
	assert_string_equal(line.options.command[1], "--help");
	assert_null(line.options.command[2]);
	assert_null(line.options.env[0]);
	assert_int_equal(line.options.bind_count, 0);
	assert_int_equal(line.options.limits.most[LIMIT_TIME], 0);
	assert_int_equal(line.options.limits.most[LIMIT_CPU], 0);
	assert_null(line.options.cgroup);
	assert_int_equal(line.options.report_fd, -1);
	assert_int_equal(line.options.input_fd, -1);
	assert_int_equal(line.options.terminal_fd, -1);
	assert_false(line.options.trial);
	line_free(&line);
}

static void all_options_are_read(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(
	    parse(&line,
		WORDS("--isolation=userns", "--root", "/r", "--ro", "/a:b:/minsys/a", "--rw",
		    "/c:/minsys/c/d", "--rw-all", "/c:/minsys/e", "--setenv", "A=1=2", "--setenv",
		    "B=", "--chdir", "/minsys/c", "--timeout", "90", "--limit", "cpu=7", "--limit",
		    "memory=1048576", "--cgroup", "/g", "--report-fd", "3", "./x")),
	    0);
	assert_int_equal(line.options.bind_count, 3);
	assert_string_equal(line.options.binds[0].source, "/a:b");
	assert_string_equal(line.options.binds[0].destination, "/minsys/a");
	assert_false(line.options.binds[0].writable);
	assert_string_equal(line.options.binds[1].destination, "/minsys/c/d");
	assert_true(line.options.binds[1].writable);
	assert_false(line.options.binds[1].is_given);
	assert_true(line.options.binds[2].writable);
	assert_true(line.options.binds[2].is_given);
	assert_int_equal(line.options.binds[1].tree_fd, -1);
	assert_true(line.options.binds[2].writable);
	assert_true(line.options.binds[2].is_given);
	assert_string_equal(line.options.env[0], "A=1=2");
	assert_string_equal(line.options.env[1], "B=");
	assert_null(line.options.env[2]);
	assert_string_equal(line.options.directory, "/minsys/c");
	assert_int_equal(line.options.limits.most[LIMIT_TIME], 90);
	assert_int_equal(line.options.limits.most[LIMIT_CPU], 7);
	assert_int_equal(line.options.limits.most[LIMIT_MEMORY], 1 << 20);
	assert_int_equal(line.options.limits.most[LIMIT_PROCESSES], 0);
	assert_string_equal(line.options.cgroup, "/g");
	assert_int_equal(line.options.report_fd, 3);
	assert_string_equal(line.options.command[0], "./x");
	line_free(&line);
}

static void a_trial_needs_nothing_else(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(parse(&line, WORDS("--trial")), 0);
	assert_true(line.options.trial);
	line_free(&line);
}

static void wrong_usage_is_said(void **state)
{
	(void)state;
	refuses("--root is missing", WORDS("--", "/bin/true"));
	refuses("the root `r` is not absolute", WORDS("--root", "r", "--", "/bin/true"));
	refuses("there is no command", WORDS("--root", "/r"));
	refuses("there is no command", WORDS("--root", "/r", "--"));
	refuses("`true` is not a path", WORDS("--root", "/r", "--", "true"));
	refuses("`x`, is not absolute", WORDS("--root", "/r", "--chdir", "x", "/bin/true"));
	refuses("`x` is not absolute",
	    WORDS("--root", "/r", "--chdir", "/x", "--cgroup", "x", "/bin/true"));
	refuses("is not KEY=VALUE", WORDS("--setenv", "A"));
	refuses("is not KEY=VALUE", WORDS("--setenv", "=A"));
	refuses("there is no isolation `none`", WORDS("--isolation=none", "--trial"));
}

static void numbers_are_whole_and_bounded(void **state)
{
	static const char *const wrong[] = {
	    "", "x", "1x", "-1", "+1", " 1", "1.5", "99999999", "18446744073709551617"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		refuses("--timeout takes a number", WORDS("--timeout", wrong[i]));
		refuses("--report-fd takes a number", WORDS("--report-fd", wrong[i]));
	}
}

static void a_limit_has_a_name_and_a_number(void **state)
{
	static const char *const wrong[] = {"", "cpu", "cpu=", "cpu=0", "cpu=-1", "cpu=1s",
	    "cpu= 1", "cpux=1", "timeout=1", "output=1", "none=1", "memory=99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		refuses("--limit takes cpu, memory,", WORDS("--limit", wrong[i]));
}

static void a_terminal_is_one(void **state)
{
	_cleanup_close_ int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	_cleanup_free_ char *number = xasprintf("%d", master);
	struct line line;

	(void)state;
	assert_true(master >= 3);
	assert_int_equal(
	    parse(&line, WORDS("--root", "/r", "--terminal", number, "--", "/bin/sh")), 0);
	assert_int_equal(line.options.terminal_fd, master);
	line_free(&line);
	refuses("is no terminal above standard error", WORDS("--terminal", "2"));
	refuses("is no terminal above standard error", WORDS("--terminal", "1000"));
	refuses("--terminal takes a number", WORDS("--terminal", "x"));
}

static void input_is_a_pipe(void **state)
{
	_cleanup_close_ int null = open("/dev/null", O_RDONLY | O_CLOEXEC), kept = dup(0);
	struct line line;
	int ends[2];

	(void)state;
	assert_int_equal(dup2(null, 0), 0);
	refuses("standard input is no pipe", WORDS("--stdin"));
	assert_int_equal(pipe(ends), 0);
	dup2(ends[0], 0);
	assert_int_equal(parse(&line, WORDS("--root", "/r", "--stdin", "--", "/bin/sh")), 0);
	assert_true(line.options.input_fd >= 3);
	close(line.options.input_fd);
	line_free(&line);
	close(ends[0]);
	close(ends[1]);
	if (kept >= 0)
		dup2(kept, 0);
}

static void sources_and_places_are_plain(void **state)
{
	static const char *const places[] = {"", "x", "/x", "/", "/minsys", "/minsys/", "/minsysx",
	    "/minsys/a/", "/minsys//a", "/minsys/.", "/minsys/a/./b", "/minsys/..", "/minsys/../a",
	    "/minsys/a/..", "//minsys/a", "minsys/a"};

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		char *bind = xasprintf("/a:%s", places[i]);

		refuses("not a plain path below /minsys", WORDS("--ro", bind));
		refuses("not a plain path below /minsys", WORDS("--rw", bind));
		free(bind);
	}
	refuses("is not SOURCE:PLACE", WORDS("--ro", "/a"));
	refuses("is not SOURCE:PLACE", WORDS("--rw", ":/minsys/a"));
	refuses("is not SOURCE:PLACE", WORDS("--rw", ""));
	refuses("is not absolute", WORDS("--ro", "a:/minsys/a"));
}

static int parse_places(struct line *line, const char *first, const char *second)
{
	char *one = xasprintf("/a:%s", first), *two = xasprintf("/b:%s", second);
	int result =
	    parse(line, WORDS("--root", "/r", "--ro", one, "--rw", two, "--", "/bin/true"));

	free(one);
	free(two);
	return result;
}

static void no_place_is_inside_another(void **state)
{
	static const char *const wrong[][2] = {
	    {"/minsys/a", "/minsys/a"},
	    {"/minsys/a", "/minsys/a/b"},
	    {"/minsys/a/b", "/minsys/a"},
	};
	struct line line;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		assert_int_equal(parse_places(&line, wrong[i][0], wrong[i][1]), -1);
		assert_int_equal(line.e.kind, ERR_INPUT);
		assert_non_null(strstr(line.e.text, "is taken"));
		line_free(&line);
	}
	assert_int_equal(parse_places(&line, "/minsys/a", "/minsys/ab"), 0);
	line_free(&line);
	assert_int_equal(parse_places(&line, "/minsys/a/b", "/minsys/a/c"), 0);
	line_free(&line);
}

/* /proc/1/cmdline, which a step may read. */
static void forgetting_leaves_only_what_is_needed(void **state)
{
	struct line line;

	(void)state;
	assert_int_equal(parse(&line, WORDS("--root", "/home/user/r", "--setenv", "A=1", "--chdir",
					  "/minsys", "--", "/bin/echo", "text")),
	    0);
	options_forget(&line.options);
	for (size_t i = 0; i < line.bytes; i++)
		assert_int_equal(line.text[i], 0);
	assert_string_equal(line.options.directory, "/minsys");
	assert_string_equal(line.options.env[0], "A=1");
	assert_string_equal(line.options.command[0], "/bin/echo");
	assert_string_equal(line.options.command[1], "text");
	free((char *)line.options.directory);
	free(line.options.env[0]);
	free(line.options.command[0]);
	free(line.options.command[1]);
	line_free(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_not_said_has_defaults),
	    cmocka_unit_test(all_options_are_read),
	    cmocka_unit_test(a_trial_needs_nothing_else),
	    cmocka_unit_test(wrong_usage_is_said),
	    cmocka_unit_test(numbers_are_whole_and_bounded),
	    cmocka_unit_test(a_limit_has_a_name_and_a_number),
	    cmocka_unit_test(a_terminal_is_one),
	    cmocka_unit_test(input_is_a_pipe),
	    cmocka_unit_test(sources_and_places_are_plain),
	    cmocka_unit_test(no_place_is_inside_another),
	    cmocka_unit_test(forgetting_leaves_only_what_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
