/*
 * What a report and a trace say of a record; that no name in a tree breaks out of it.
 */
#include "build/report.h"
#include "build/trace.h"

#include "store/store.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/file.h"

static struct store *store;
static char folder[] = "/tmp/minsys-test.XXXXXX";

static int make_store(void **state)
{
	struct err e;

	(void)state;
	return !mkdtemp(folder) || store_open(folder, &store, &e);
}

static int remove_store(void **state)
{
	struct err e;

	(void)state;
	store_close(store);
	return tree_remove(AT_FDCWD, folder, &e);
}

/* Only the list of the tree: a report reads no more. */
static struct digest put_tree(const char *const *names, size_t count, uint64_t size)
{
	_cleanup_buf_ struct buf text = {0};
	struct tree tree = {0};
	struct digest digest;
	char hex[DIGEST_HEX_SIZE], path[128];
	struct err e;

	for (size_t i = 0; i < count; i++)
		tree_add(&tree, 'f', names[i])->size = size + i;
	tree_encode(&tree, &text);
	tree_free(&tree);
	digest = digest_of(text.data, text.length);
	snprintf(path, sizeof(path), "trees/%s", digest_format(&digest, hex));
	assert_true(!mkdirat(store->fd, path, 0755) || errno == EEXIST);
	strcat(path, "/manifest");
	assert_int_equal(file_put(store->fd, path, text.data, text.length, 0644, &e), 0);
	return digest;
}

static json_t *report_of(const struct history *history)
{
	_cleanup_buf_ struct buf text = {0};
	struct err e;
	json_t *report;

	assert_int_equal(report_format(store, history, &text, &e), 0);
	assert_null(strchr(text.data, '<'));
	report = json_loads(text.data, 0, NULL);
	assert_non_null(report);
	return report;
}

static struct history history_of(struct history_task *tasks, size_t count)
{
	return (struct history){
	    .name = "20200101T000000.000Z-00000000",
	    .project = "/<project>",
	    .target = "here",
	    .isolation = "userns",
	    .milliseconds = 100,
	    .tasks = tasks,
	    .task_count = count,
	};
}

static json_t *output_of(json_t *report, const struct digest *tree)
{
	char hex[DIGEST_HEX_SIZE];

	return json_object_get(json_object_get(report, "outputs"), digest_format(tree, hex));
}

static void names_are_made_visible(void **state)
{
	static const char *const names[] = {
	    "</script>", "new\nline", "back\\slash", "\xff not UTF-8 \xc3\xa4", "\xc3\xa4"};
	static const char *const shown[] = {"</script>", "back\\x5cslash", "new\\x0aline",
	    "\xc3\xa4", "\\xff not UTF-8 \\xc3\\xa4"};
	struct history_task task = {
	    TASK_STAGE, .name = "one", .has_tree = true, .tree = put_tree(names, 5, 1000)};
	const struct history history = history_of(&task, 1);
	json_t *report = report_of(&history), *entries;

	(void)state;
	entries = json_object_get(output_of(report, &task.tree), "entries");
	assert_int_equal(json_array_size(entries), 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(
		    json_string_value(json_array_get(json_array_get(entries, i), 0)), shown[i]);
	json_decref(report);
}

static void of_very_many_files_the_smallest_are_counted(void **state)
{
	size_t count = REPORT_FILES + 10;
	char **names = calloc(count, sizeof(*names));
	struct history_task task = {TASK_STAGE, .name = "one", .has_tree = true};
	const struct history history = history_of(&task, 1);
	json_t *report, *output;

	(void)state;
	for (size_t i = 0; i < count; i++)
		assert_true(asprintf(&names[i], "%zu", i) > 0);
	task.tree = put_tree((const char *const *)names, count, 1);
	report = report_of(&history);
	output = output_of(report, &task.tree);
	assert_int_equal(json_array_size(json_object_get(output, "entries")), REPORT_FILES);
	assert_int_equal(json_integer_value(json_object_get(output, "files")), count);
	assert_int_equal(json_integer_value(json_object_get(output, "others")), 10);
	assert_int_equal(json_integer_value(json_object_get(output, "other_bytes")), 55);
	json_decref(report);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void an_output_that_is_gone_has_no_files(void **state)
{
	struct history_task task = {TASK_STAGE, .name = "one", .has_tree = true};
	const struct history history = history_of(&task, 1);
	json_t *report = report_of(&history);

	(void)state;
	assert_null(output_of(report, &task.tree));
	json_decref(report);
}

/* Where a slice is in the trace: its begin, or its end. */
static json_int_t slice_time(json_t *events, json_int_t lane, bool is_end)
{
	json_t *event;
	size_t i;

	json_array_foreach(events, i, event)
	{
		json_int_t begin = json_integer_value(json_object_get(event, "ts"));

		if (!strcmp(json_string_value(json_object_get(event, "ph")), "X") &&
		    json_integer_value(json_object_get(event, "tid")) == lane)
			return is_end ? begin + json_integer_value(json_object_get(event, "dur"))
				      : begin;
	}
	fail();
	return 0;
}

static void a_trace_has_slices_and_arrows(void **state)
{
	const char *needs[] = {"unpack source"};
	struct history_task tasks[] = {
	    {TASK_UNPACK, .name = "source", .state = TASK_DONE, .has_run = true, .end = 5},
	    {TASK_STAGE, .name = "one", .state = TASK_FAILED, .has_run = true, .begin = 7, .end = 9,
		.last = 3, .needs = needs, .need_count = 1},
	    {TASK_STAGE, .name = "other", .state = TASK_CACHED},
	};
	const struct history history = history_of(tasks, 3);
	_cleanup_buf_ struct buf text = {0};
	json_t *trace, *events, *event;
	size_t i, arrows = 0;

	(void)state;
	trace_format(&history, &text);
	trace = json_loads(text.data, 0, NULL);
	events = json_object_get(trace, "traceEvents");
	assert_int_equal(slice_time(events, 1, false), 0);
	assert_int_equal(slice_time(events, 1, true), 5000);
	assert_int_equal(slice_time(events, 2, false), 7000);
	assert_int_equal(slice_time(events, 2, true), 9000);
	json_array_foreach(events, i, event)
	{
		const char *phase = json_string_value(json_object_get(event, "ph"));
		json_int_t lane = json_integer_value(json_object_get(event, "tid"));
		json_int_t time = json_integer_value(json_object_get(event, "ts"));

		if (*phase == 's' || *phase == 'f') {
			arrows++;
			assert_int_equal(lane, *phase == 's' ? 1 : 2);
			assert_int_equal(time, *phase == 's' ? 4999 : 7000);
		}
	}
	assert_int_equal(arrows, 2);
	assert_non_null(strstr(text.data, "\"last_milliseconds\":3"));
	json_decref(trace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_are_made_visible),
	    cmocka_unit_test(of_very_many_files_the_smallest_are_counted),
	    cmocka_unit_test(an_output_that_is_gone_has_no_files),
	    cmocka_unit_test(a_trace_has_slices_and_arrows),
	};

	return cmocka_run_group_tests(tests, make_store, remove_store);
}
