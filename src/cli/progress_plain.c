/*
 * Plain lines: what has happened, and from time to time what still goes on, so that a log that
 * somebody reads as it grows shows that the build is alive.
 */
#include "cli/progress.h"

#include "base/human.h"
#include "build/build.h"

#include <stdio.h>

#define TELL_EVERY 60000 /* milliseconds, of a stage that prints nothing here */
#define TELL_DOWNLOADS_EVERY 10000

static const char *doing(const struct task *task)
{
	static const char *const words[] = {"downloading", "unpacking", "building"};

	return words[task->kind];
}

static void show_lines(struct buf *lines)
{
	fputs(buf_text(lines), stderr);
	buf_free(lines);
}

static void show_task(struct progress *p, const struct task *task)
{
	struct buf lines = {0};

	progress_trace(p, task)->told_at = task->begin;
	if (task->state != TASK_RUNNING) {
		progress_add_rest(p, task, &lines);
		if (!p->cli->quiet)
			progress_add_end(&lines, task);
	} else if (!p->cli->quiet && task->kind == TASK_STAGE) {
		buf_printf(&lines, "%-14s %s\n", task->name, doing(task));
	}
	show_lines(&lines);
}

static void show_output(struct progress *p, const struct event *event)
{
	struct task_trace *trace = progress_trace(p, event->task);
	uint64_t now = clock_milliseconds();
	struct buf lines = {0};

	if (event->task->kind == TASK_STAGE) {
		trace->told_at = now;
		progress_add_output(p, event, &lines);
	} else if (now - trace->told_at >= TELL_DOWNLOADS_EVERY && !p->cli->quiet) {
		trace->told_at = now;
		take_lines(&trace->rest, event->text, event->length, &lines);
	}
	show_lines(&lines);
}

static void show_alive(struct progress *p, const struct task *task, uint64_t now)
{
	struct task_trace *trace = progress_trace(p, task);
	char passed[HUMAN_SIZE], expected[HUMAN_SIZE];

	if (task->kind == TASK_DOWNLOAD || now < trace->told_at + TELL_EVERY)
		return;
	trace->told_at = now;
	fprintf(stderr, "%-14s still %s after %s", task->name, doing(task),
	    human_seconds((now - task->begin) / 1000, passed));
	if (task->expected)
		fprintf(stderr, " (last time %s)",
		    human_seconds((task->expected + 999) / 1000, expected));
	fputc('\n', stderr);
}

static void tick(struct progress *p)
{
	uint64_t now = clock_milliseconds();

	for (size_t i = 0; i < p->task_count && !p->cli->quiet; i++)
		if (p->tasks[i].state == TASK_RUNNING)
			show_alive(p, &p->tasks[i], now);
}

static void show_event(struct progress *p, const struct build *build, const struct event *event)
{
	_cleanup_free_ char *line = NULL;

	switch (event->kind) {
	case EVENT_NOTICE:
		cli_notice((void *)p->cli, event->text);
		break;
	case EVENT_ISOLATION:
		line = progress_isolation(build);
		cli_notice((void *)p->cli, line);
		break;
	case EVENT_OUTPUT:
		show_output(p, event);
		break;
	case EVENT_TASK:
		show_task(p, event->task);
		break;
	case EVENT_TICK:
		tick(p);
		break;
	}
}

const struct progress_style progress_plain = {
    .event = show_event,
    .end = progress_tell_outcome,
};
