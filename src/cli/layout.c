#include "cli/layout.h"

#include "base/human.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SILENT_AFTER 30000 /* milliseconds */

/* What the lines are made of. */
struct scene {
	const struct layout_input *in;
	const struct task **running; /* those that run longest first */
	size_t running_count;
	size_t stages, done; /* of these */
	size_t failed;	     /* tasks */
	size_t label_width;
};

const char *task_label(const struct task *task, struct buf *label)
{
	static const char *const doing[] = {"download ", "unpack ", ""};

	label->length = 0;
	buf_printf(label, "%s%s", doing[task->kind], task->name);
	return label->data;
}

static int compare_begins(const void *left, const void *right)
{
	const struct task *a = *(const struct task *const *)left;
	const struct task *b = *(const struct task *const *)right;

	if (a->begin != b->begin)
		return a->begin < b->begin ? -1 : 1;
	return a < b ? -1 : a > b;
}

static void look_at(struct scene *scene, const struct layout_input *in)
{
	*scene = (struct scene){.in = in, .running = xcalloc(in->task_count, sizeof(void *))};
	for (size_t i = 0; i < in->task_count; i++) {
		const struct task *task = &in->tasks[i];

		if (task->kind == TASK_STAGE) {
			scene->stages++;
			scene->done += task->state == TASK_DONE || task->state == TASK_CACHED;
		}
		scene->failed += task->state == TASK_FAILED;
		if (task->state == TASK_RUNNING)
			scene->running[scene->running_count++] = task;
	}
	qsort(scene->running, scene->running_count, sizeof(void *), compare_begins);
}

static const struct task_trace *trace_of(const struct scene *scene, const struct task *task)
{
	return &scene->in->traces[task - scene->in->tasks];
}

static void add_line(
    struct layout *layout, const struct scene *scene, enum layout_look look, const struct buf *text)
{
	struct layout_line *line;

	layout->lines = xgrow(layout->lines, layout->count, sizeof(*layout->lines));
	line = &layout->lines[layout->count++];
	*line = (struct layout_line){.look = look};
	line->columns = add_columns(
	    &line->text, buf_text(text), text->length, scene->in->width, scene->in->is_utf8);
}

/* Labels are padded to the longest, unless that takes too much of a narrow terminal. */
static void measure_labels(struct scene *scene, size_t count)
{
	_cleanup_buf_ struct buf label = {0};

	for (size_t i = 0; i < count; i++) {
		size_t length = strlen(task_label(scene->running[i], &label));

		scene->label_width = length > scene->label_width ? length : scene->label_width;
	}
	if (scene->label_width > scene->in->width / 3)
		scene->label_width = scene->in->width / 3;
}

static uint64_t since(const struct scene *scene, uint64_t time)
{
	return scene->in->now > time ? scene->in->now - time : 0;
}

/* Add what only makes sense whole, if there is room for it. */
static void add_piece(struct buf *text, const struct scene *scene, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void add_piece(struct buf *text, const struct scene *scene, const char *format, ...)
{
	char piece[64];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(piece, sizeof(piece), format, arguments);
	va_end(arguments);
	if (text->length + (size_t)length <= scene->in->width)
		buf_puts(text, piece);
}

static void add_silence(struct buf *text, const struct scene *scene, const struct task *task)
{
	uint64_t printed_at = trace_of(scene, task)->printed_at;
	uint64_t silence = since(scene, printed_at > task->begin ? printed_at : task->begin);
	char time[HUMAN_SIZE];

	if (task->kind == TASK_STAGE && silence >= SILENT_AFTER)
		add_piece(text, scene, "  silent for %s", human_seconds(silence / 1000, time));
}

static void add_task(struct layout *layout, const struct scene *scene, const struct task *task)
{
	const struct buf *said = last_line_get(&trace_of(scene, task)->last);
	_cleanup_buf_ struct buf label = {0}, text = {0};
	char time[HUMAN_SIZE];

	buf_printf(&text, "%-*s", (int)scene->label_width, task_label(task, &label));
	add_piece(&text, scene, "  %5s", human_seconds(since(scene, task->begin) / 1000, time));
	if (task->expected)
		add_piece(
		    &text, scene, " of %s", human_seconds((task->expected + 999) / 1000, time));
	add_silence(&text, scene, task);
	if (task->kind == TASK_DOWNLOAD && said->length && text.length + 2 < scene->in->width) {
		buf_puts(&text, "  ");
		buf_add(&text, said->data, said->length);
	}
	add_line(layout, scene, LOOK_PLAIN, &text);
}

/* As many as there is room for. */
static void add_tasks(struct layout *layout, struct scene *scene, size_t room)
{
	size_t shown = scene->running_count <= room ? scene->running_count : room ? room - 1 : 0;
	_cleanup_buf_ struct buf text = {0};

	measure_labels(scene, shown);
	for (size_t i = 0; i < shown; i++)
		add_task(layout, scene, scene->running[i]);
	if (!room || shown == scene->running_count)
		return;
	if (shown)
		buf_printf(&text, "and %zu more", scene->running_count - shown);
	else
		buf_printf(&text, "%zu running", scene->running_count);
	add_line(layout, scene, LOOK_PLAIN, &text);
}

static void add_total(struct layout *layout, const struct scene *scene)
{
	const struct layout_input *in = scene->in;
	uint64_t left = estimate_left(in->tasks, in->task_count, in->jobs, in->now);
	_cleanup_buf_ struct buf text = {0};
	char time[HUMAN_SIZE];

	buf_printf(&text, "%zu of %zu stages done", scene->done, scene->stages);
	if (scene->failed)
		add_piece(&text, scene, ", %zu failed", scene->failed);
	add_piece(&text, scene, ", %s", human_seconds(since(scene, in->began) / 1000, time));
	if (left)
		add_piece(
		    &text, scene, ", about %s left", human_seconds((left + 999) / 1000, time));
	add_line(layout, scene, LOOK_TOTAL, &text);
}

static const struct task *last_speaker(const struct scene *scene)
{
	for (size_t i = 0; i < scene->running_count; i++)
		if (scene->running[i]->kind == TASK_STAGE &&
		    last_line_get(&trace_of(scene, scene->running[i])->last)->length)
			return scene->running[i];
	return NULL;
}

static void add_output(struct layout *layout, const struct scene *scene, const struct task *task)
{
	const struct buf *said = last_line_get(&trace_of(scene, task)->last);
	_cleanup_buf_ struct buf text = {0};
	size_t indent = 0;

	while (indent < said->length && (said->data[indent] == ' ' || said->data[indent] == '\t'))
		indent++;
	if (scene->running_count > 1)
		buf_printf(&text, "%s: ", task->name);
	buf_add(&text, said->data + indent, said->length - indent);
	add_line(layout, scene, LOOK_FAINT, &text);
}

void layout_make(const struct layout_input *input, struct layout *ret_layout)
{
	size_t room = input->height ? input->height - 1 : 0;
	const struct task *speaker;
	struct scene scene;
	size_t total;

	*ret_layout = (struct layout){0};
	look_at(&scene, input);
	speaker = last_speaker(&scene);
	total = scene.stages && input->task_count > 1;
	if (scene.running_count && room) {
		if (scene.running_count + total + 1 > room)
			speaker = NULL;
		add_tasks(ret_layout, &scene, room - total);
		if (total)
			add_total(ret_layout, &scene);
		if (speaker)
			add_output(ret_layout, &scene, speaker);
	}
	free(scene.running);
}

bool layout_equal(const struct layout *one, const struct layout *other)
{
	if (one->count != other->count)
		return false;
	for (size_t i = 0; i < one->count; i++)
		if (strcmp(buf_text(&one->lines[i].text), buf_text(&other->lines[i].text)) != 0 ||
		    one->lines[i].look != other->lines[i].look)
			return false;
	return true;
}

void layout_free(struct layout *layout)
{
	for (size_t i = 0; i < layout->count; i++)
		buf_free(&layout->lines[i].text);
	free(layout->lines);
	*layout = (struct layout){0};
}
