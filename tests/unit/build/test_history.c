/*
 * Records of builds: what is read of them, and what is not taken for one. That builds write them
 * is the functional tests' part.
 */
#include "build/history.h"

#include "base/file.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define KEY "1111111111111111111111111111111111111111111111111111111111111111"

static struct store *store;
static char *folder;

static int make_store(void **state)
{
	struct err e;

	(void)state;
	folder = xstrdup("/tmp/minsys-history.XXXXXX");
	return !mkdtemp(folder) || store_open(folder, &store, &e) ? -1 : 0;
}

static int remove_store(void **state)
{
	struct err e;

	(void)state;
	store_close(store);
	if (tree_remove(AT_FDCWD, folder, &e))
		return -1;
	free(folder);
	return 0;
}

/* A task; `rest` is more of it, each with a comma before. */
#define TASK(kind, name, state, rest)                                                              \
	"{\"kind\":\"" kind "\",\"name\":\"" name "\",\"state\":\"" state "\",\"needs\":[]" rest "}"

/* A record; `rest` overrides what stands before. */
#define RECORD(project, target, tasks, rest)                                                       \
	"{\"format\":\"minsys build 1\",\"project\":\"" project "\",\"target\":\"" target          \
	"\",\"began\":1764113000123,\"milliseconds\":12,\"jobs\":2,\"isolation\":\"userns\","      \
	"\"ccache\":true,\"outcome\":\"done\",\"asked\":[\"a\"],\"sources\":{\"s\":{\"version\":"  \
	"\"1\",\"license\":\"MIT\",\"tree\":\"" KEY "\"}},\"tasks\":[" tasks "]" rest "}\n"

#define ALL                                                                                        \
	TASK("unpack", "a", "cached", "")                                                          \
	"," TASK("stage", "a", "failed",                                                           \
	    ",\"begin\":3,\"end\":10,\"expected\":7,\"key\":\"" KEY "\",\"provides\":\"p\"")

static void put(const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("builds/%s", name);
	struct err e;

	if (store_text_put(store, path, text, strlen(text), &e))
		fail_msg("%s", e.text);
}

static bool reads(const char *text, struct history *ret_history)
{
	struct err e;
	bool found;

	put("20260101T000000.000Z-00000000", text);
	if (history_read(store, "20260101T000000.000Z-00000000", ret_history, &found, &e))
		fail_msg("%s", e.text);
	return found;
}

static void a_record_has_its_parts(void **state)
{
	struct history history;
	const struct history_task *task;

	(void)state;
	assert_true(reads(RECORD("/p", "t", ALL, ""), &history));
	assert_string_equal(history.project, "/p");
	assert_string_equal(history.target, "t");
	assert_int_equal(history.began, 1764113000123);
	assert_int_equal(history.milliseconds, 12);
	assert_int_equal(history.outcome, HISTORY_DONE);
	assert_true(history.ccache);
	assert_false(history.has_tools_root);
	assert_int_equal(history.asked_count, 1);
	assert_string_equal(history.asked[0], "a");
	assert_true(history_source(&history, "s")->has_tree);
	assert_null(history_source(&history, "t"));
	assert_int_equal(history.task_count, 2);
	assert_false(history.tasks[0].has_run);
	task = history_stage(&history, "a"); /* not what unpacks a source of that name */
	assert_ptr_equal(task, &history.tasks[1]);
	assert_int_equal(task->state, TASK_FAILED);
	assert_int_equal(task->end - task->begin, 7);
	assert_string_equal(task->provides, "p");
	assert_true(task->has_key);
	assert_false(task->has_tree);
	assert_null(history_stage(&history, "b"));
	history_free(&history);
}

static void what_is_no_record_is_not_read(void **state)
{
	static const char *const texts[] = {
	    "",
	    "[]",
	    "{}",
	    "null",
	    RECORD("/p", "t", ALL, ",\"format\":\"minsys build 2\""),
	    RECORD("/p", "t", ALL, ",\"began\":-1"),
	    RECORD("/p", "t", ALL, ",\"began\":\"1\""),
	    RECORD("/p", "t", ALL, ",\"outcome\":\"well\""),
	    RECORD("/p", "t", ALL, ",\"project\":null"),
	    RECORD("/p", "t", ALL, ",\"tasks\":{}"),
	    RECORD("/p", "t", ALL, ",\"tasks\":[1]"),
	    RECORD("/p", "t", ALL, ",\"sources\":[]"),
	    RECORD("/p", "t", ALL, ",\"sources\":{\"s\":{}}"),
	    RECORD("/p", "t", ALL, ",\"asked\":[1]"),
	    RECORD("/p", "t", TASK("stages", "a", "done", ""), ""),
	    RECORD("/p", "t", TASK("stage", "a", "doing", ""), ""),
	    RECORD("/p", "t", TASK("stage", "a", "done", ",\"begin\":1"), ""),
	    RECORD("/p", "t", TASK("stage", "a", "done", ",\"begin\":2,\"end\":1"), ""),
	    RECORD("/p", "t", TASK("stage", "a", "done", ",\"key\":\"1\""), ""),
	    RECORD("/p", "t", TASK("stage", "a", "done", ",\"needs\":[[]]"), ""),
	};
	struct history history;

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++)
		if (reads(texts[i], &history))
			fail_msg("it was read: %s", texts[i]);
}

static void the_newest_comes_first(void **state)
{
	static const char *const names[] = {"20260101T000000.001Z-11111111",
	    "20260101T000000.002Z-00000000", "20251231T235959.999Z-22222222"};
	struct history_names list;
	struct err e;

	(void)state;
	for (size_t i = 0; i < LENGTH(names); i++)
		put(names[i], "x");
	put("20260101T000000.002Z-00000000.0123456789abcdef.tmp", "of a killed runner");
	put("none", "x");
	assert_int_equal(history_list(store, &list, &e), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.items[0], names[1]);
	assert_string_equal(list.items[1], names[0]);
	assert_string_equal(list.items[2], names[2]);
	history_names_free(&list);
}

static void a_beginning_names_a_build_when_it_is_that_of_one(void **state)
{
	char *name = NULL;
	struct err e;

	(void)state;
	assert_int_equal(history_find(store, "2026", &name, &e), -1);
	assert_non_null(strstr(e.text, "no build is recorded"));
	put("20260101T000000.001Z-11111111", "x");
	assert_int_equal(history_find(store, "2026", &name, &e), 0);
	assert_string_equal(name, "20260101T000000.001Z-11111111");
	free(name);
	put("20260101T000000.002Z-22222222", "x");
	assert_int_equal(history_find(store, "2026", &name, &e), -1);
	assert_non_null(strstr(e.text, "more than one build"));
	assert_int_equal(history_find(store, "20260101T000000.002", &name, &e), 0);
	assert_string_equal(name, "20260101T000000.002Z-22222222");
	free(name);
	assert_int_equal(history_find(store, "2025", &name, &e), -1);
	assert_non_null(strstr(e.text, "the last is 20260101T000000.002Z-22222222"));
}

/* A build of two stages, a and b, of which nothing is wanted but what the tests ask. */
struct sample {
	struct plan plan;
	struct build_options options;
	struct stage_result results[2];
	struct task tasks[2];
	struct build build;
};

static void expect(struct sample *s)
{
	struct err e;

	*s = (struct sample){
	    .plan = {.project = "/p", .target = {.name = "t"}},
	    .results = {{.wanted = true}, {.wanted = true}},
	    .tasks = {{.kind = TASK_STAGE, .name = "a", .index = 0},
		{.kind = TASK_STAGE, .name = "b", .index = 1}},
	};
	s->options = (struct build_options){.plan = &s->plan, .store = store};
	s->build = (struct build){
	    .options = &s->options, .results = s->results, .tasks = s->tasks, .task_count = 2};
	if (history_expect(&s->build, &e))
		fail_msg("%s", e.text);
}

#define TOOK(name, time) TASK("stage", name, "done", ",\"expected\":" time)

static void durations_are_those_of_the_last_time(void **state)
{
	struct sample s;

	(void)state;
	expect(&s);
	assert_int_equal(s.tasks[0].expected, 0);
	put("20260101T000000.001Z-00000000",
	    RECORD("/p", "t", TOOK("a", "1") "," TOOK("b", "2"), ""));
	put("20260101T000000.002Z-00000000", RECORD("/p", "t", TOOK("a", "3"), ""));
	put("20260101T000000.003Z-00000000", RECORD("/p", "other", TOOK("a", "4"), ""));
	put("20260101T000000.004Z-00000000", "damaged");
	expect(&s);
	assert_int_equal(s.tasks[0].expected, 3);
	assert_int_equal(s.tasks[1].expected, 2);
}

static void another_projects_serve_when_there_are_none(void **state)
{
	struct sample s;

	(void)state;
	put("20260101T000000.001Z-00000000", RECORD("/p", "t", TOOK("a", "1"), ""));
	put("20260101T000000.002Z-00000000",
	    RECORD("/o", "t", TOOK("a", "5") "," TOOK("b", "6"), ""));
	put("20260101T000000.003Z-00000000",
	    RECORD("/p", "t", TASK("download", "a", "done", ",\"expected\":9"), ""));
	expect(&s);
	assert_int_equal(s.tasks[0].expected, 1);
	assert_int_equal(s.tasks[1].expected, 6);
}

#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, make_store, remove_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    STORE_TEST(a_record_has_its_parts),
	    STORE_TEST(what_is_no_record_is_not_read),
	    STORE_TEST(the_newest_comes_first),
	    STORE_TEST(a_beginning_names_a_build_when_it_is_that_of_one),
	    STORE_TEST(durations_are_those_of_the_last_time),
	    STORE_TEST(another_projects_serve_when_there_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
