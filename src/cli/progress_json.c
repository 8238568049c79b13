/*
 * Events as JSON, a line each, on standard output. docs/events.md has the form of each of them.
 */
#include "cli/progress.h"

#include "base/human.h"
#include "base/utf8.h"
#include "build/build.h"
#include "build/history.h"

#include <jansson.h>
#include <string.h>
#include <time.h>

#define TELL_DOWNLOADS_EVERY 1000 /* milliseconds */

/* JSON is UTF-8; what is told need not be. */
static json_t *value(const char *bytes, size_t length)
{
	_cleanup_buf_ struct buf text = {0};

	add_utf8(&text, bytes, length);
	return json_stringn(buf_text(&text), text.length);
}

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, value(text, strlen(text)));
}

static void set_number(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

static void set_digest(json_t *object, const char *name, const struct digest *digest)
{
	static const struct digest none;
	char hex[DIGEST_HEX_SIZE];

	if (!digest_equal(digest, &none))
		json_object_set_new(object, name, json_string(digest_format(digest, hex)));
}

static json_t *make_event(const char *name)
{
	json_t *event = json_object();
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(event, "event", json_string(name));
	set_number(event, "time", (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
	return event;
}

static json_t *make_task_event(const char *name, const struct task *task)
{
	json_t *event = make_event(name);

	set_text(event, "kind", history_kind_name(task->kind));
	set_text(event, "name", task->name);
	return event;
}

/* Whether it could be written, main() finds out. */
static void tell(json_t *event)
{
	json_dumpf(event, stdout, JSON_COMPACT);
	fputc('\n', stdout);
	json_decref(event);
}

static json_t *stages_asked(const struct cli *cli)
{
	json_t *stages = json_array();

	for (int i = 0; i < cli->word_count; i++)
		json_array_append_new(stages, value(cli->words[i], strlen(cli->words[i])));
	return stages;
}

static void begin(struct progress *p, const struct plan *plan)
{
	json_t *event = make_event("begin");

	set_text(event, "format", "minsys events 1");
	set_text(event, "project", p->cli->project);
	set_text(event, "target", plan->target.name);
	json_object_set_new(event, "stages", stages_asked(p->cli));
	set_number(event, "jobs", p->cli->jobs);
	tell(event);
	fflush(stdout);
}

static json_t *describe_needs(const struct task *task)
{
	json_t *needs = json_array();

	for (size_t i = 0; i < task->need_count; i++)
		json_array_append_new(
		    needs, json_sprintf("%s %s", history_kind_name(task->needs[i]->kind),
			       task->needs[i]->name));
	return needs;
}

static void tell_tasks(const struct progress *p)
{
	json_t *event = make_event("tasks"), *tasks = json_array();

	for (size_t i = 0; i < p->task_count; i++) {
		json_t *task = json_object();

		set_text(task, "kind", history_kind_name(p->tasks[i].kind));
		set_text(task, "name", p->tasks[i].name);
		set_text(task, "state", history_state_name(p->tasks[i].state));
		json_object_set_new(task, "needs", describe_needs(&p->tasks[i]));
		if (p->tasks[i].expected)
			set_number(task, "expected", p->tasks[i].expected);
		json_array_append_new(tasks, task);
	}
	json_object_set_new(event, "tasks", tasks);
	tell(event);
}

static void tell_output(const struct task *task, struct buf *lines)
{
	json_t *event;

	if (lines->length) {
		event = make_task_event("output", task);
		json_object_set_new(event, "text", value(lines->data, lines->length));
		tell(event);
	}
	buf_free(lines);
}

static void tell_failure(const struct event *e)
{
	json_t *event = make_task_event("failure", e->task);

	if (e->error)
		set_text(event, "error", e->error->text);
	if (e->failure) {
		const struct buf *end = &e->failure->log_end;

		json_object_set_new(event, "log_end", value(buf_text(end), end->length));
		set_text(event, "log", e->failure->log);
		set_text(event, "folder", e->failure->folder);
		set_text(event, "not_kept", e->failure->not_kept);
	}
	tell(event);
}

static void tell_task(struct progress *p, const struct build *build, const struct event *e)
{
	const struct task *task = e->task;
	json_t *event;
	struct buf lines = {0};

	if (task->state != TASK_RUNNING && p->traces) {
		take_rest(&progress_trace(p, task)->rest, &lines);
		tell_output(task, &lines);
	}
	if (task->state == TASK_FAILED)
		tell_failure(e);
	event = make_task_event("task", task);
	set_text(event, "state", history_state_name(task->state));
	if (task->begin && task->end)
		set_number(event, "milliseconds", task->end - task->begin);
	if (task->kind == TASK_STAGE)
		set_digest(event, "key", &build->results[task->index].key);
	if (task->kind == TASK_STAGE && (task->state == TASK_DONE || task->state == TASK_CACHED))
		set_digest(event, "tree", &build->results[task->index].tree);
	tell(event);
}

static void hear_output(struct progress *p, const struct event *e)
{
	struct task_trace *trace = progress_trace(p, e->task);
	uint64_t now = clock_milliseconds();
	struct buf lines = {0};
	json_t *event;

	take_lines(&trace->rest, e->text, e->length, &lines);
	if (e->task->kind == TASK_STAGE) {
		tell_output(e->task, &lines);
		return;
	}
	if (lines.length && now - trace->told_at >= TELL_DOWNLOADS_EVERY) {
		trace->told_at = now;
		event = make_task_event("progress", e->task);
		json_object_set_new(event, "text", value(lines.data, lines.length - 1));
		tell(event);
	}
	buf_free(&lines);
}

static void tell_notice(const struct event *e)
{
	json_t *event = make_event("notice");

	json_object_set_new(event, "text", value(e->text, e->length));
	tell(event);
}

static void tell_isolation(const struct build *build)
{
	const struct choice *choice = &build->choice;
	json_t *event = make_event("isolation");

	set_text(event, "isolation", choice->kind->name);
	set_text(event, "reason", choice->reason);
	json_object_set_new(event, "ccache", json_boolean(build->options->ccache));
	tell(event);
}

static void tell_event(struct progress *p, const struct build *build, const struct event *e)
{
	/* Not before one has something to do: then it is known how long they took before. */
	if (p->tasks && !p->has_told_tasks)
		tell_tasks(p);
	p->has_told_tasks = p->tasks;
	switch (e->kind) {
	case EVENT_NOTICE:
		tell_notice(e);
		break;
	case EVENT_ISOLATION:
		tell_isolation(build);
		break;
	case EVENT_OUTPUT:
		hear_output(p, e);
		break;
	case EVENT_TASK:
		tell_task(p, build, e);
		break;
	case EVENT_TICK:
		break;
	}
	/* Of thousands that are there already, nobody waits for the first. */
	if (e->kind != EVENT_TASK || e->task->state != TASK_CACHED)
		fflush(stdout);
}

static enum history_outcome outcome_of(const struct progress_outcome *outcome)
{
	if (outcome->is_stopped)
		return HISTORY_STOPPED;
	return outcome->status ? HISTORY_FAILED : HISTORY_DONE;
}

static void end(struct progress *p, const struct progress_outcome *outcome)
{
	json_t *event = make_event("end");

	set_text(event, "outcome", history_outcome_name(outcome_of(outcome)));
	set_number(event, "milliseconds", clock_milliseconds() - p->began);
	if (!outcome->is_stopped)
		set_number(event, "status", (uint64_t)outcome->status);
	if (outcome->status && !outcome->is_stopped)
		set_text(event, "error", outcome->e->text);
	set_text(event, "out", outcome->out);
	set_text(event, "result", outcome->result);
	set_text(event, "kept", outcome->kept);
	if (outcome->record && *outcome->record) {
		set_text(event, "record", outcome->record);
		set_text(event, "trace", outcome->trace);
	}
	if (outcome->is_edited)
		json_object_set_new(event, "edited", json_true());
	tell(event);
	fflush(stdout);
	if (outcome->status && !outcome->is_stopped)
		cli_fail(outcome->e);
}

const struct progress_style progress_json = {
    .is_told_of_nothing = true,
    .begin = begin,
    .event = tell_event,
    .end = end,
};
