/*
 * Writing the record of a build, and what else it takes to explain it later.
 */
#include "build/history.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/random.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

static const char *const kinds[] = {"download", "unpack", "stage"};
static const char *const states[] = {
    "waiting", "running", "done", "cached", "failed", "stopped", "skipped"};
static const char *const outcomes[] = {"done", "failed", "stopped"};

const char *history_kind_name(enum task_kind kind)
{
	return kinds[kind];
}

const char *history_state_name(enum task_state state)
{
	return states[state];
}

const char *history_outcome_name(enum history_outcome outcome)
{
	return outcomes[outcome];
}

/* A value may hold newlines: its length stands before it. */
static void add_fact(struct buf *text, const char *kind, const char *name, const char *value)
{
	buf_printf(text, "%s %s %zu\n%s\n", kind, name, strlen(value), value);
}

void history_describe_tools(const struct tools_root *tools, struct buf *ret_text)
{
	char hex[DIGEST_HEX_SIZE];

	buf_puts(ret_text, "minsys tools 1\n");
	for (size_t i = 0; i < tools->locked_count; i++) {
		const struct locked_package *package = &tools->locked[i];
		_cleanup_free_ char *value =
		    xasprintf("%s %s", package->version, digest_format(&package->sha256, hex));

		add_fact(ret_text, "package", package->name, value);
	}
	for (size_t i = 0; i < tools->exclude.count; i++)
		add_fact(ret_text, "exclude", tools->exclude.items[i], "");
	for (size_t i = 0; i < tools->links.count; i++)
		add_fact(ret_text, "link", tools->links.items[i].key, tools->links.items[i].value);
	for (size_t i = 0; i < tools->files.count; i++)
		add_fact(ret_text, "file", tools->files.items[i].key, tools->files.items[i].value);
}

int history_keep_files(struct store *store, const struct action *action, struct err *e)
{
	for (size_t i = 0; i < action->file_count; i++) {
		const struct input_file *file = &action->files[i];

		if (store_content_keep(
			store, &file->digest, buf_text(&file->content), file->content.length, e))
			return err_wrap(e, "keep the file %s", file->name);
	}
	return 0;
}

static void set_digest(json_t *object, const char *name, const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	if (digest_is_known(digest))
		json_object_set_new(object, name, json_string(digest_format(digest, hex)));
}

static void set_number(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

static json_t *describe_exports(const struct pairs *exports)
{
	json_t *object = json_object();

	for (size_t i = 0; i < exports->count; i++)
		json_object_set_new(
		    object, exports->items[i].key, json_string(exports->items[i].value));
	return object;
}

static void describe_result(const struct build *b, const struct task *task, json_t *object)
{
	const struct stage_result *result = &b->results[task->index];
	const char *provides = b->options->plan->stages[task->index]->provides;

	if (provides)
		json_object_set_new(object, "provides", json_string(provides));
	if (result->asked && b->options->plan->stages[task->index]->exports.count)
		json_object_set_new(object, "exports",
		    describe_exports(&b->options->plan->stages[task->index]->exports));
	set_digest(object, "key", &result->key);
	if (task->state == TASK_DONE || task->state == TASK_CACHED)
		set_digest(object, "tree", &result->tree);
}

static json_t *describe_needs(const struct task *task)
{
	json_t *needs = json_array();

	for (size_t i = 0; i < task->need_count; i++)
		json_array_append_new(needs,
		    json_sprintf("%s %s", kinds[task->needs[i]->kind], task->needs[i]->name));
	return needs;
}

static json_t *describe_task(const struct build *b, const struct task *task, uint64_t began)
{
	json_t *object = json_object();
	uint64_t taken = task->expected;

	json_object_set_new(object, "kind", json_string(kinds[task->kind]));
	json_object_set_new(object, "name", json_string(task->name));
	json_object_set_new(object, "state", json_string(states[task->state]));
	if (task->begin && task->end) {
		set_number(object, "begin", task->begin - began);
		set_number(object, "end", task->end - began);
	}
	if (task->expected)
		set_number(object, "last", task->expected);
	if (task->state == TASK_DONE)
		taken = task->end - task->begin;
	if (taken)
		set_number(object, "expected", taken);
	json_object_set_new(object, "needs", describe_needs(task));
	if (task->kind == TASK_STAGE)
		describe_result(b, task, object);
	return object;
}

static json_t *describe_tasks(const struct build *b, uint64_t began)
{
	json_t *tasks = json_array();

	for (size_t i = 0; i < b->task_count; i++)
		json_array_append_new(tasks, describe_task(b, &b->tasks[i], began));
	return tasks;
}

/* A thread that a stopped build left to itself may be about to write the digest of another. */
static bool is_settled(const struct build *b, size_t number)
{
	const struct task *unpack = b->unpacks[number];

	return !unpack || unpack->state == TASK_DONE || unpack->state == TASK_CACHED;
}

static json_t *describe_sources(const struct build *b)
{
	const struct plan *plan = b->options->plan;
	json_t *sources = json_object();

	for (size_t i = 0; i < plan->source_count; i++) {
		json_t *source;

		if (!b->inputs.wanted[i])
			continue;
		source = json_object();
		json_object_set_new(source, "version", json_string(plan->sources[i].version));
		json_object_set_new(source, "license", json_string(plan->sources[i].license));
		set_digest(source, "pin", &(struct digest[]){inputs_pin(&plan->sources[i])}[0]);
		if (is_settled(b, i))
			set_digest(source, "tree", inputs_tree(&b->inputs, i));
		json_object_set_new(sources, plan->sources[i].name, source);
	}
	return sources;
}

static json_t *describe_asked(const struct build *b)
{
	const char *const *stages = b->options->stages;
	json_t *asked = json_array();

	for (size_t i = 0; stages && stages[i]; i++)
		json_array_append_new(asked, json_string(stages[i]));
	return asked;
}

static uint64_t unix_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static json_t *describe(const struct build *b, enum history_outcome outcome, uint64_t began,
    uint64_t began_unix, const struct digest *tools)
{
	const struct build_options *options = b->options;
	_cleanup_free_ char *isolation = b->choice.kind ? choice_format(&b->choice) : xstrdup("");
	json_t *root = json_object();

	json_object_set_new(root, "format", json_string(HISTORY_FORMAT));
	json_object_set_new(root, "project", json_string(options->plan->project));
	json_object_set_new(root, "target", json_string(options->plan->target.name));
	set_number(root, "began", began_unix);
	set_number(root, "milliseconds", clock_milliseconds() - began);
	set_number(root, "jobs", options->jobs);
	json_object_set_new(root, "isolation", json_string(isolation));
	json_object_set_new(root, "ccache", json_boolean(b->options->ccache));
	json_object_set_new(root, "outcome", json_string(outcomes[outcome]));
	json_object_set_new(root, "asked", describe_asked(b));
	if (is_settled(b, inputs_tools_root(&b->inputs)))
		set_digest(
		    root, "tools_root", inputs_tree(&b->inputs, inputs_tools_root(&b->inputs)));
	set_digest(root, "tools", tools);
	json_object_set_new(root, "sources", describe_sources(b));
	json_object_set_new(root, "tasks", describe_tasks(b, began));
	return root;
}

/* YYYYMMDDTHHMMSS.mmmZ-<random>, so that names in order are builds in order. */
static int make_name(uint64_t milliseconds, char ret_name[32], struct err *e)
{
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm utc;
	uint32_t random;
	char time[24];

	if (random_get(&random, sizeof(random), e))
		return -1;
	gmtime_r(&seconds, &utc);
	strftime(time, sizeof(time), "%Y%m%dT%H%M%S", &utc);
	snprintf(ret_name, 32, "%.15s.%03uZ-%08x", time, (unsigned)(milliseconds % 1000),
	    (unsigned)random);
	return 0;
}

static bool has_done_anything(const struct build *b)
{
	for (size_t i = 0; i < b->task_count; i++)
		if (b->tasks[i].state == TASK_DONE || b->tasks[i].state == TASK_FAILED ||
		    b->tasks[i].state == TASK_STOPPED)
			return true;
	return false;
}

int history_write(struct build *b, enum history_outcome outcome, uint64_t began, struct err *e)
{
	struct store *store = b->options->store;
	_cleanup_buf_ struct buf list = {0};
	_cleanup_free_ char *text = NULL;
	uint64_t began_unix = unix_milliseconds() - (clock_milliseconds() - began);
	struct digest tools;
	char name[32], path[64];
	json_t *root;

	if (!has_done_anything(b))
		return 0;
	history_describe_tools(&b->options->plan->tools, &list);
	tools = digest_of(list.data, list.length);
	if (store_content_keep(store, &tools, list.data, list.length, e) ||
	    make_name(began_unix, name, e))
		return err_wrap(e, "record this build");
	root = describe(b, outcome, began, began_unix, &tools);
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	if (!text)
		return err_set(e, "record this build: a name in it is not UTF-8");
	buf_free(&list);
	buf_printf(&list, "%s\n", text);
	snprintf(path, sizeof(path), "builds/%s", name);
	if (store_text_put(store, path, list.data, list.length, e))
		return err_wrap(e, "record this build");
	memcpy(b->record, name, sizeof(name));
	return 0;
}
