#include "build/trace.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/timeline.h"

#include <jansson.h>

#define PROCESS 1      /* all lanes belong to it */
#define LANE_OF_REST 0 /* of tasks that did not run */
#define FIRST_LANE 1

struct trace {
	struct timeline timeline;
	json_t *events;
	json_int_t arrows;
};

static void set(json_t *object, const char *key, json_t *value)
{
	json_object_set_new(object, key, value);
}

static json_t *hex(const struct digest *digest)
{
	char text[DIGEST_HEX_SIZE];

	return json_string(digest_format(digest, text));
}

static json_t *number(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static json_t *add_event(
    struct trace *t, const char *phase, const char *name, size_t lane, uint64_t microseconds)
{
	json_t *event = json_object();

	set(event, "name", json_string(name));
	set(event, "ph", json_string(phase));
	set(event, "pid", json_integer(PROCESS));
	set(event, "tid", number(lane));
	set(event, "ts", number(microseconds));
	json_array_append_new(t->events, event);
	return event;
}

/* Events of the kind M say what is shown of a process or lane. */
static void add_fact(struct trace *t, const char *name, size_t lane, const char *key, json_t *value)
{
	json_t *facts = json_object();

	set(facts, key, value);
	set(add_event(t, "M", name, lane, 0), "args", facts);
}

static void add_lane(struct trace *t, size_t lane, const char *name, size_t order)
{
	add_fact(t, "thread_name", lane, "name", json_string(name));
	add_fact(t, "thread_sort_index", lane, "sort_index", number(order));
}

static void add_lanes(struct trace *t, const struct history *history)
{
	_cleanup_free_ char *process = xasprintf("minsys build, %s", history->target);
	size_t count = t->timeline.lane_count;

	add_fact(t, "process_name", LANE_OF_REST, "name", json_string(process));
	for (size_t i = 0; i < count; i++) {
		const struct timeline_lane *lane = &t->timeline.lanes[i];
		_cleanup_free_ char *name =
		    xasprintf("%s %u", history_kind_name(lane->kind), lane->number);

		add_lane(t, FIRST_LANE + i, name, i);
	}
	add_lane(t, LANE_OF_REST, "did not run", count);
}

/* Of one that did not run there is no more to say than why: there may be thousands. */
static json_t *describe_task(const struct timeline_task *task)
{
	const struct history_task *record = task->record;
	json_t *facts = json_object(), *needs;

	set(facts, "state", json_string(history_state_name(record->state)));
	if (!record->has_run)
		return facts;
	if (record->has_key)
		set(facts, "key", hex(&record->key));
	if (record->has_tree)
		set(facts, "output", hex(&record->tree));
	if (record->last)
		set(facts, "last_milliseconds", number(record->last));
	if (task->is_critical)
		set(facts, "critical", json_true());
	needs = json_array();
	for (size_t i = 0; i < record->need_count; i++)
		json_array_append_new(needs, json_string(record->needs[i]));
	set(facts, "needs", needs);
	return facts;
}

static void add_task(struct trace *t, const struct timeline_task *task)
{
	const struct history_task *record = task->record;
	json_t *event;

	if (record->has_run) {
		event =
		    add_event(t, "X", record->name, FIRST_LANE + task->lane, record->begin * 1000);
		set(event, "dur", number((record->end - record->begin) * 1000));
	} else {
		event = add_event(t, "i", record->name, LANE_OF_REST, task->ready * 1000);
		set(event, "s", json_string("t"));
	}
	set(event, "cat", json_string(history_kind_name(record->kind)));
	set(event, "args", describe_task(task));
}

/* An arrow begins in the slice that is open at its time, so a little before that one's end. */
static void add_arrow(
    struct trace *t, const struct timeline_task *from, const struct timeline_task *to)
{
	uint64_t end = from->record->end * 1000 - (from->record->end > from->record->begin);
	json_t *ends[] = {
	    add_event(t, "s", "need", FIRST_LANE + from->lane, end),
	    add_event(t, "f", "need", FIRST_LANE + to->lane, to->record->begin * 1000),
	};

	t->arrows++;
	for (size_t i = 0; i < 2; i++) {
		set(ends[i], "cat", json_string("need"));
		set(ends[i], "id", json_integer(t->arrows));
	}
	set(ends[1], "bp", json_string("e")); /* to the slice that is open then */
}

static void add_arrows(struct trace *t, const struct timeline_task *task)
{
	for (size_t i = 0; task->record->has_run && i < task->need_count; i++) {
		const struct timeline_task *need = &t->timeline.tasks[task->needs[i]];

		if (need->record->has_run)
			add_arrow(t, need, task);
	}
}

static json_t *describe_build(const struct history *history)
{
	json_t *facts = json_object();

	set(facts, "build", json_string(history->name));
	set(facts, "project", json_string(history->project));
	set(facts, "target", json_string(history->target));
	set(facts, "outcome", json_string(history_outcome_name(history->outcome)));
	set(facts, "began", number(history->began));
	set(facts, "milliseconds", number(history->milliseconds));
	set(facts, "jobs", json_integer(history->jobs));
	set(facts, "isolation", json_string(history->isolation));
	set(facts, "ccache", json_boolean(history->ccache));
	return facts;
}

void trace_format(const struct history *history, struct buf *ret_text)
{
	struct trace t = {.events = json_array()};
	_cleanup_free_ char *text = NULL;
	json_t *root = json_object();

	timeline_make(history, &t.timeline);
	add_lanes(&t, history);
	for (size_t i = 0; i < t.timeline.task_count; i++)
		add_task(&t, &t.timeline.tasks[i]);
	for (size_t i = 0; i < t.timeline.task_count; i++)
		add_arrows(&t, &t.timeline.tasks[i]);
	timeline_free(&t.timeline);
	set(root, "displayTimeUnit", json_string("ms"));
	set(root, "otherData", describe_build(history));
	set(root, "traceEvents", t.events);
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	buf_printf(ret_text, "%s\n", text);
}

char *trace_path(const struct store *store, const char *name)
{
	return xasprintf("%s/traces/%s.json", store->path, name);
}

int trace_write(struct store *store, const char *name, struct err *e)
{
	_cleanup_free_ char *path = trace_path(store, name);
	_cleanup_buf_ struct buf text = {0};
	struct history history;
	bool found;

	if (history_read(store, name, &history, &found, e))
		return -1;
	if (!found)
		return 0;
	trace_format(&history, &text);
	history_free(&history);
	if (file_put(AT_FDCWD, path, text.data, text.length, 0644, e))
		return store_explain(store, e);
	return 0;
}
