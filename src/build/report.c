#include "build/report.h"

#include "base/map.h"
#include "base/memory.h"
#include "build/timeline.h"
#include "build/trace.h"
#include "build/why.h"

#include <jansson.h>
#include <string.h>

/* What a stage has made; or several of them, the same. */
struct output {
	char hex[DIGEST_HEX_SIZE];
	bool found;
	struct tree tree;
};

struct outputs {
	struct output *items;
	size_t count;
	uint64_t threshold; /* files of this size and below are only counted */
	bool is_cut;	    /* there is a threshold */
};

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *hex(const struct digest *digest)
{
	char text[DIGEST_HEX_SIZE];

	return json_string(digest_format(digest, text));
}

static char *escape(const char *bytes, bool is_ascii_only)
{
	struct buf text = {0};

	for (const char *c = bytes; *c; c++) {
		unsigned char byte = (unsigned char)*c;

		if (byte < ' ' || byte == '\\' || byte == 0x7f || (is_ascii_only && byte > 0x7f))
			buf_printf(&text, "\\x%02x", byte);
		else
			buf_add(&text, c, 1);
	}
	return text.data ? text.data : xstrdup("");
}

/* A name of a tree, in which any byte may be. */
static json_t *visible(const char *bytes)
{
	_cleanup_free_ char *text = escape(bytes, false);
	json_t *string = json_string(text);

	if (string)
		return string;
	free(text);
	text = escape(bytes, true);
	return json_string(text);
}

/* An output that cannot be read is one that is not there: the build is reported either way. */
static void read_output(struct store *store, const struct digest *digest, struct output *output)
{
	_cleanup_buf_ struct buf text = {0};
	struct err ignored = {0};

	digest_format(digest, output->hex);
	output->found = !store_tree_manifest(store, digest, &text, &ignored) &&
			!tree_decode(buf_text(&text), text.length, &output->tree, &ignored);
}

static void read_outputs(
    struct store *store, const struct history *history, struct outputs *outputs)
{
	struct map known = {0};

	outputs->items = xcalloc(history->task_count, sizeof(*outputs->items));
	for (size_t i = 0; i < history->task_count; i++) {
		const struct history_task *task = &history->tasks[i];
		struct output *output = &outputs->items[outputs->count];

		if (!task->has_tree ||
		    map_get(&known, digest_format(&task->tree, output->hex), NULL))
			continue;
		read_output(store, &task->tree, output);
		map_put(&known, output->hex, outputs->count++);
	}
	map_free(&known);
}

static void free_outputs(struct outputs *outputs)
{
	for (size_t i = 0; i < outputs->count; i++)
		tree_free(&outputs->items[i].tree);
	free(outputs->items);
}

static bool is_file(const struct tree_entry *entry)
{
	return entry->type == 'f' || entry->type == 'x';
}

static int largest_first(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return one > other ? -1 : one < other;
}

static void find_threshold(struct outputs *outputs)
{
	_cleanup_free_ uint64_t *sizes = NULL;
	size_t count = 0;

	for (size_t i = 0; i < outputs->count; i++)
		count += outputs->items[i].tree.count;
	if (count <= REPORT_FILES)
		return;
	sizes = xcalloc(count, sizeof(*sizes));
	count = 0;
	for (size_t i = 0; i < outputs->count; i++)
		for (size_t n = 0; n < outputs->items[i].tree.count; n++)
			if (is_file(&outputs->items[i].tree.entries[n]))
				sizes[count++] = outputs->items[i].tree.entries[n].size;
	if (count <= REPORT_FILES)
		return;
	qsort(sizes, count, sizeof(*sizes), largest_first);
	outputs->threshold = sizes[REPORT_FILES];
	outputs->is_cut = true;
}

static json_t *describe_entry(const struct tree_entry *entry)
{
	json_t *description = json_array();

	json_array_append_new(description, visible(entry->path));
	if (entry->type == 'l') {
		json_array_append_new(description, visible(entry->target));
		return description;
	}
	json_array_append_new(description, number(entry->size));
	json_array_append_new(description, hex(&entry->digest));
	return description;
}

static json_t *describe_output(const struct outputs *outputs, const struct output *output)
{
	uint64_t files = 0, bytes = 0, uncounted = 0, uncounted_bytes = 0;
	json_t *entries = json_array(), *description = json_object();

	for (size_t i = 0; i < output->tree.count; i++) {
		const struct tree_entry *entry = &output->tree.entries[i];

		files += is_file(entry);
		bytes += entry->size;
		if (is_file(entry) && outputs->is_cut && entry->size <= outputs->threshold) {
			uncounted++;
			uncounted_bytes += entry->size;
		} else if (entry->type != 'd') {
			json_array_append_new(entries, describe_entry(entry));
		}
	}
	set(description, "files", number(files));
	set(description, "bytes", number(bytes));
	set(description, "others", number(uncounted));
	set(description, "other_bytes", number(uncounted_bytes));
	set(description, "entries", entries);
	return description;
}

static json_t *describe_outputs(struct store *store, const struct history *history)
{
	struct outputs outputs = {0};
	json_t *description = json_object();

	read_outputs(store, history, &outputs);
	find_threshold(&outputs);
	for (size_t i = 0; i < outputs.count; i++)
		if (outputs.items[i].found)
			set(description, outputs.items[i].hex,
			    describe_output(&outputs, &outputs.items[i]));
	free_outputs(&outputs);
	return description;
}

static json_t *describe_sources(const struct history *history)
{
	json_t *sources = json_array();

	for (size_t i = 0; i < history->source_count; i++) {
		const struct history_source *source = &history->sources[i];
		json_t *description = json_object();

		set(description, "name", json_string(source->name));
		set(description, "version", json_string(source->version));
		set(description, "license", json_string(source->license));
		if (source->has_tree)
			set(description, "tree", hex(&source->tree));
		json_array_append_new(sources, description);
	}
	return sources;
}

static json_t *describe_exports(const struct history_task *record)
{
	json_t *exports = json_object();

	for (size_t i = 0; i < record->export_count; i++)
		set(exports, record->exports[i].path, json_string(record->exports[i].from));
	return exports;
}

static json_t *describe_task(const struct timeline_task *task)
{
	const struct history_task *record = task->record;
	json_t *description = json_object(), *needs = json_array();

	set(description, "kind", json_string(history_kind_name(record->kind)));
	set(description, "name", json_string(record->name));
	set(description, "state", json_string(history_state_name(record->state)));
	if (record->has_run) {
		set(description, "begin", number(record->begin));
		set(description, "end", number(record->end));
		set(description, "ready", number(task->ready));
		set(description, "critical", json_boolean(task->is_critical));
	}
	if (record->last)
		set(description, "last", number(record->last));
	if (record->has_key)
		set(description, "key", hex(&record->key));
	if (record->has_tree)
		set(description, "tree", hex(&record->tree));
	for (size_t i = 0; i < task->need_count; i++)
		json_array_append_new(needs, number(task->needs[i]));
	set(description, "needs", needs);
	if (record->export_count)
		set(description, "exports", describe_exports(record));
	return description;
}

static json_t *describe_tasks(const struct history *history)
{
	json_t *tasks = json_array();
	struct timeline timeline;

	timeline_make(history, &timeline);
	for (size_t i = 0; i < timeline.task_count; i++)
		json_array_append_new(tasks, describe_task(&timeline.tasks[i]));
	timeline_free(&timeline);
	return tasks;
}

static json_t *describe_asked(const struct history *history)
{
	json_t *asked = json_array();

	for (size_t i = 0; i < history->asked_count; i++)
		json_array_append_new(asked, json_string(history->asked[i]));
	return asked;
}

static json_t *describe_build(const struct history *history)
{
	json_t *build = json_object();

	set(build, "name", json_string(history->name));
	set(build, "project", json_string(history->project));
	set(build, "target", json_string(history->target));
	set(build, "outcome", json_string(history_outcome_name(history->outcome)));
	set(build, "began", number(history->began));
	set(build, "milliseconds", number(history->milliseconds));
	set(build, "jobs", json_integer(history->jobs));
	set(build, "isolation", json_string(history->isolation));
	set(build, "ccache", json_boolean(history->ccache));
	set(build, "asked", describe_asked(history));
	if (history->has_tools_root)
		set(build, "tools_root", hex(&history->tools_root));
	return build;
}

static json_t *describe_cause(const struct cause *cause)
{
	_cleanup_buf_ struct buf text = {0};
	json_t *description = json_object();

	cause_describe(cause, &text);
	set(description, "stage", json_string(cause->stage));
	set(description, "root", json_boolean(cause->is_root));
	set(description, "text", json_string(buf_text(&text)));
	return description;
}

static json_t *describe_why(const struct why *why)
{
	json_t *description = json_object(), *causes = json_array();

	for (size_t i = 0; i < why->cause_count; i++)
		json_array_append_new(causes, describe_cause(&why->causes[i]));
	set(description, "stage", json_string(why->stage));
	if (why->before)
		set(description, "before", json_string(why->before->name));
	set(description, "causes", causes);
	return description;
}

static bool is_explained(size_t count, const struct history *history)
{
	return count < REPORT_CAUSES && count * history->task_count <= REPORT_COMPARED;
}

/* Of the stages that ran. */
static int describe_whys(
    struct store *store, const struct history *history, json_t **ret_whys, struct err *e)
{
	struct why_question question = {store, history->project, history->target, NULL};
	json_t *whys = json_array();

	for (size_t i = 0; i < history->task_count && is_explained(json_array_size(whys), history);
	     i++) {
		const struct history_task *task = &history->tasks[i];
		struct why why;

		if (task->kind != TASK_STAGE || !task->has_run)
			continue;
		question.stage = task->name;
		if (why_build(&question, history->name, &why, e)) {
			json_decref(whys);
			return -1;
		}
		json_array_append_new(whys, describe_why(&why));
		why_free(&why);
	}
	*ret_whys = whys;
	return 0;
}

/* In JSON, `<` stands within strings only. */
static void add_without_tags(struct buf *text, const char *json)
{
	for (;;) {
		size_t length = strcspn(json, "<");

		buf_add(text, json, length);
		if (!json[length])
			return;
		buf_puts(text, "\\u003c");
		json += length + 1;
	}
}

int report_format(
    struct store *store, const struct history *history, struct buf *ret_json, struct err *e)
{
	_cleanup_free_ char *trace = trace_path(store, history->name);
	_cleanup_free_ char *text = NULL;
	json_t *root = json_object(), *whys;

	if (describe_whys(store, history, &whys, e)) {
		json_decref(root);
		return -1;
	}
	set(root, "whys", whys);
	set(root, "build", describe_build(history));
	set(root, "trace", visible(trace));
	set(root, "sources", describe_sources(history));
	set(root, "tasks", describe_tasks(history));
	set(root, "outputs", describe_outputs(store, history));
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	add_without_tags(ret_json, text);
	return 0;
}
