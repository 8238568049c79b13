#include "cli/progress.h"

#include <stdio.h>
#include <string.h>

static void show_failure(const struct task *task, const struct step_failure *failure)
{
	const struct buf *end = &failure->log_end;

	if (end->length) {
		fprintf(stderr, "--- the end of the log of %s ---\n", task->name);
		cli_show(end->data, end->length);
		fputs(end->data[end->length - 1] == '\n' ? "---\n" : "\n---\n", stderr);
	}
	if (failure->folder)
		fprintf(stderr, "its build tree is kept: %s\n", failure->folder);
	if (failure->not_kept)
		fprintf(stderr, "its build tree could not be kept: %s\n", failure->not_kept);
	if (failure->log)
		fprintf(stderr, "its whole log: %s\n", failure->log);
}

static void show_task(const struct cli *cli, const struct task *task)
{
	uint64_t milliseconds = task->end - task->begin;

	/* Of the others something else tells. */
	if (cli->quiet || task->kind != TASK_STAGE)
		return;
	if (task->state == TASK_RUNNING)
		fprintf(stderr, "%-14s building\n", task->name);
	if (task->state == TASK_SKIPPED)
		fprintf(stderr, "%-14s skipped: it needs what failed\n", task->name);
	if (task->state == TASK_DONE || task->state == TASK_FAILED)
		fprintf(stderr, "%-14s %s after %llu.%u s\n", task->name,
		    task->state == TASK_DONE ? "done" : "failed",
		    (unsigned long long)milliseconds / 1000, (unsigned)(milliseconds / 100 % 10));
}

void progress_show(void *context, const struct build *build, const struct event *event)
{
	const struct progress *progress = context;

	(void)build;
	switch (event->kind) {
	case EVENT_NOTICE:
		cli_notice((void *)progress->cli, event->text);
		break;
	case EVENT_OUTPUT:
		cli_show(event->text, event->length);
		break;
	case EVENT_TASK:
		if (event->task->state == TASK_FAILED && event->failure)
			show_failure(event->task, event->failure);
		show_task(progress->cli, event->task);
		break;
	case EVENT_TICK:
		break;
	}
}
