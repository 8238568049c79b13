#include "cli/progress.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/words.h"
#include "build/build.h"

#include <stdio.h>
#include <string.h>

static const struct progress_style *choose_style(const struct cli *cli)
{
	if (cli->json)
		return &progress_json;
	return !cli->quiet && progress_terminal_is_there() ? &progress_terminal : &progress_plain;
}

void progress_begin(struct progress *p, const struct cli *cli, const struct plan *plan)
{
	*p = (struct progress){
	    .cli = cli,
	    .style = choose_style(cli),
	    .began = clock_milliseconds(),
	};
	if (p->style->begin)
		p->style->begin(p, plan);
}

bool progress_wants_output(const struct progress *p)
{
	return p->cli->verbose || p->style == &progress_terminal;
}

static void meet_tasks(struct progress *p, const struct build *build)
{
	p->tasks = build->tasks;
	p->task_count = build->task_count;
	p->traces = xcalloc(p->task_count, sizeof(*p->traces));
}

static void keep_log(struct buf *text, const char *name, const struct step_failure *failure)
{
	const struct buf *end = &failure->log_end;

	if (end->length) {
		buf_printf(text, "--- the end of the log of %s ---\n", name);
		add_visible(text, end->data, end->length);
		buf_puts(text, end->data[end->length - 1] == '\n' ? "---\n" : "\n---\n");
	}
	if (failure->folder)
		buf_printf(text, "its build tree is kept: %s\n", failure->folder);
	if (failure->not_kept)
		buf_printf(text, "its build tree could not be kept: %s\n", failure->not_kept);
	if (failure->log)
		buf_printf(text, "its whole log: %s\n", failure->log);
}

/* Why the first one failed is what the build ends with. */
static void keep_failure(struct progress *p, const struct event *event)
{
	if (event->failure)
		keep_log(&p->failures, event->task->name, event->failure);
	if (p->failed && event->error) {
		add_visible(&p->failures, event->error->text, strlen(event->error->text));
		buf_puts(&p->failures, "\n");
	}
	p->failed++;
}

static void note_task(struct progress *p, const struct event *event)
{
	struct task_trace *trace = progress_trace(p, event->task);
	bool runs = event->task->state == TASK_RUNNING;

	if (runs != trace->runs) {
		p->running += runs;
		p->running -= !runs;
		p->stages_running += runs && event->task->kind == TASK_STAGE;
		p->stages_running -= !runs && event->task->kind == TASK_STAGE;
	}
	trace->runs = runs;
	if (event->task->state == TASK_FAILED)
		keep_failure(p, event);
}

/* Nothing has happened to a task that had nothing to do, and there may be thousands. */
static bool is_nothing(const struct event *event)
{
	return event->kind == EVENT_TASK && event->task->state == TASK_CACHED &&
	       !event->task->begin;
}

void progress_event(void *context, const struct build *build, const struct event *event)
{
	struct progress *p = context;

	if (is_nothing(event)) {
		if (p->style->is_told_of_nothing)
			p->style->event(p, build, event);
		return;
	}
	if (!p->tasks && event->task)
		meet_tasks(p, build);
	p->style->event(p, build, event);
	if (event->kind == EVENT_TASK)
		note_task(p, event);
}

int progress_finish(struct progress *p, const struct progress_outcome *outcome)
{
	p->style->end(p, outcome);
	for (size_t i = 0; i < p->task_count; i++) {
		last_line_free(&p->traces[i].last);
		buf_free(&p->traces[i].rest);
	}
	free(p->traces);
	buf_free(&p->failures);
	*p = (struct progress){0};
	return outcome->status;
}

struct task_trace *progress_trace(const struct progress *p, const struct task *task)
{
	return &p->traces[task - p->tasks];
}

char *progress_isolation(const struct build *build)
{
	const struct choice *choice = &build->choice;

	return xasprintf("isolation: %s%s%s%s%s", choice->kind->name, choice->reason ? " (" : "",
	    choice->reason ? choice->reason : "", choice->reason ? ")" : "",
	    build->options->ccache ? "; with a compiler cache" : "");
}

void progress_add_end(struct buf *lines, const struct task *task)
{
	uint64_t milliseconds = task->end - task->begin;
	const char *word = task->state == TASK_DONE	 ? "done"
			   : task->state == TASK_FAILED	 ? "failed"
			   : task->state == TASK_STOPPED ? "stopped"
							 : NULL;

	if (task->kind != TASK_STAGE)
		return;
	if (task->state == TASK_SKIPPED)
		buf_printf(lines, "%-14s skipped: it needs what failed\n", task->name);
	else if (task->state == TASK_CACHED && task->begin)
		buf_printf(lines, "%-14s was built by the other minsys\n", task->name);
	else if (word && task->begin)
		buf_printf(lines, "%-14s %s after %llu.%u s\n", task->name, word,
		    (unsigned long long)milliseconds / 1000, (unsigned)(milliseconds / 100 % 10));
}

static void add_named(
    const struct progress *p, const struct task *task, const struct buf *whole, struct buf *lines)
{
	const char *line = buf_text(whole), *end = line + whole->length;

	if (p->stages_running < 2) {
		add_visible(lines, line, whole->length);
		return;
	}
	while (line < end) {
		const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;

		buf_printf(lines, "%s: ", task->name);
		add_visible(lines, line, (size_t)(next - line));
		line = next;
	}
}

void progress_add_output(const struct progress *p, const struct event *event, struct buf *lines)
{
	_cleanup_buf_ struct buf whole = {0};

	take_lines(&progress_trace(p, event->task)->rest, event->text, event->length, &whole);
	add_named(p, event->task, &whole, lines);
}

void progress_add_rest(const struct progress *p, const struct task *task, struct buf *lines)
{
	_cleanup_buf_ struct buf whole = {0};

	take_rest(&progress_trace(p, task)->rest, &whole);
	add_named(p, task, &whole, lines);
}

void progress_tell_outcome(struct progress *p, const struct progress_outcome *outcome)
{
	fputs(buf_text(&p->failures), stderr);
	if (outcome->kept)
		fprintf(stderr, "files that had been edited in %s are kept in %s\n", outcome->out,
		    outcome->kept);
	if (outcome->is_edited)
		fprintf(stderr, "%s was edited since it was built; it is left as it is\n",
		    outcome->out);
	if (p->cli->verbose && outcome->record && *outcome->record)
		fprintf(stderr, "recorded as build %s; its trace: %s\n", outcome->record,
		    outcome->trace);
	if (outcome->is_stopped && !p->cli->quiet)
		fputs("minsys: stopped; what was finished is kept\n", stderr);
	else if (outcome->status && !outcome->is_stopped)
		cli_fail(outcome->e);
	else if (outcome->result && !p->cli->quiet)
		printf("%s: %s\n", outcome->out, outcome->result);
}
