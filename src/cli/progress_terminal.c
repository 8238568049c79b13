/*
 * A terminal: what has happened scrolls by, and below it stand the lines of layout.h. The cursor
 * rests at the beginning of the line behind them, and is never hidden, so that nothing has to be
 * put in order wherever the program ends. What is drawn is one write.
 */
#include "cli/progress.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/words.h"
#include "build/build.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>

#define SOON 50		     /* milliseconds between two drawings, unless time has come */
#define PRINT_AT 32768	     /* bytes of what stages print that do not wait for their time */
#define HELD_BACK (4U << 20) /* bytes that are kept while the user has stopped the terminal */
#define USUAL_WIDTH 80
#define USUAL_HEIGHT 24

struct live {
	struct layout shown; /* what stands there */
	struct buf scrolled; /* lines that are to go above it */
	uint64_t drawn_at;   /* clock_milliseconds() */
	size_t width, height;
	size_t shown_width; /* `width` when it was drawn */
	bool has_color;
	bool is_utf8;
	bool is_lost; /* others have written since, and it is no longer where it was */
	bool is_gone; /* nobody is there any more */
	sigset_t before;
};

bool progress_terminal_is_there(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDERR_FILENO) && terminal && *terminal && strcmp(terminal, "dumb") != 0;
}

static sigset_t continued_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	return set;
}

static void begin(struct progress *p, const struct plan *plan)
{
	const sigset_t continued = continued_set();
	const char *no_color = getenv("NO_COLOR");

	(void)plan;
	p->live = xcalloc(1, sizeof(*p->live));
	p->live->has_color = !no_color || !*no_color;
	p->live->is_utf8 = columns_are_utf8();
	pthread_sigmask(SIG_BLOCK, &continued, &p->live->before);
}

/* Was the program stopped, so that the shell has written? No thread takes the signal but here, and
 * it is there as soon as anything runs again. */
static bool was_continued(void)
{
	const sigset_t continued = continued_set();
	const struct timespec now = {0};

	return sigtimedwait(&continued, NULL, &now) == SIGCONT;
}

static void measure(struct live *live)
{
	struct winsize size = {0};

	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	live->width = size.ws_col ? size.ws_col : USUAL_WIDTH;
	live->height = size.ws_row ? size.ws_row : USUAL_HEIGHT;
}

/* Whoever writes to a terminal from the background disturbs what is in front. */
static bool is_in_background(void)
{
	pid_t group = tcgetpgrp(STDERR_FILENO);

	return group > 0 && group != getpgrp();
}

/* How many rows the lines take now: most terminals wrap them anew when they become narrower. */
static size_t rows(const struct layout *shown, size_t width)
{
	size_t sum = 0;

	for (size_t i = 0; i < shown->count; i++)
		sum += shown->lines[i].columns ? (shown->lines[i].columns - 1) / width + 1 : 1;
	return sum;
}

static void add_line(struct buf *text, const struct live *live, const struct layout_line *line)
{
	static const char *const looks[] = {NULL, "\033[1m", "\033[2m"};
	const char *look = live->has_color ? looks[line->look] : NULL;

	buf_puts(text, look ? look : "");
	buf_puts(text, buf_text(&line->text));
	buf_puts(text, look ? "\033[m" : "");
	/* Behind the last column, it would erase what stands there. */
	buf_puts(text, line->columns < live->width ? "\033[K\n" : "\n");
}

/* What makes the terminal show `next` in place of what it shows, below what has scrolled. */
static void compose(struct buf *text, const struct live *live, const struct layout *next)
{
	size_t up = live->is_lost ? 0 : rows(&live->shown, live->width);

	if (up)
		buf_printf(text, "\r\033[%zuA", up);
	if (up && live->scrolled.length)
		buf_puts(text, "\033[J");
	buf_puts(text, buf_text(&live->scrolled));
	for (size_t i = 0; i < next->count; i++)
		add_line(text, live, &next->lines[i]);
	if (up)
		buf_puts(text, "\033[J");
}

static bool is_ready(int milliseconds)
{
	struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&terminal, 1, milliseconds) > 0;
}

/* That the terminal goes away must not end a build. */
static void put(struct live *live, const struct buf *text)
{
	size_t put = 0;

	while (put < text->length && !live->is_gone) {
		ssize_t count = write(STDERR_FILENO, text->data + put, text->length - put);

		if (count >= 0)
			put += (size_t)count;
		else if (errno == EAGAIN)
			is_ready(-1);
		else
			live->is_gone = errno != EINTR;
	}
}

static void show(struct live *live, struct layout *next)
{
	_cleanup_buf_ struct buf text = {0};

	live->is_lost |= was_continued();
	compose(&text, live, next);
	put(live, &text);
	live->is_lost = false;
	live->shown_width = live->width;
	live->scrolled.length = 0;
	if (live->scrolled.data)
		*live->scrolled.data = 0;
	layout_free(&live->shown);
	live->shown = *next;
}

static void make(const struct progress *p, struct layout *ret_layout)
{
	const struct layout_input input = {
	    .tasks = p->tasks,
	    .task_count = p->task_count,
	    .traces = p->traces,
	    .jobs = p->cli->jobs,
	    .began = p->began,
	    .now = p->live->drawn_at,
	    .width = p->live->width,
	    .height = p->live->height,
	    .is_utf8 = p->live->is_utf8,
	};

	layout_make(&input, ret_layout);
}

static bool is_as_shown(const struct live *live, const struct layout *next)
{
	return !live->scrolled.length && layout_equal(&live->shown, next) &&
	       (!next->count || (live->shown_width == live->width && !live->is_lost));
}

static void draw(struct progress *p)
{
	struct live *live = p->live;
	struct layout next = {0};

	live->drawn_at = clock_milliseconds();
	/* Stopped with Ctrl-S, say: the build goes on. */
	if (live->scrolled.length < HELD_BACK && !is_ready(0))
		return;
	measure(live);
	live->is_lost |= was_continued();
	if (is_in_background())
		live->is_lost = true;
	else
		make(p, &next);
	if (is_as_shown(live, &next))
		layout_free(&next);
	else
		show(live, &next);
}

static void draw_soon(struct progress *p)
{
	if (!p->live->shown.count || clock_milliseconds() - p->live->drawn_at >= SOON)
		draw(p);
}

static void add_end(struct live *live, const struct task *task)
{
	bool is_red = live->has_color && task->state == TASK_FAILED;
	_cleanup_buf_ struct buf line = {0};

	progress_add_end(&line, task);
	if (line.length && is_red)
		buf_printf(
		    &live->scrolled, "\033[31m%.*s\033[m\n", (int)line.length - 1, line.data);
	else
		buf_puts(&live->scrolled, buf_text(&line));
}

static void show_task(struct progress *p, const struct task *task)
{
	if (task->state != TASK_RUNNING) {
		progress_add_rest(p, task, &p->live->scrolled);
		add_end(p->live, task);
	}
	/* Nothing is to be left there when nothing runs any more. */
	if (progress_trace(p, task)->runs && p->running == 1)
		draw(p);
	else
		draw_soon(p);
}

/* Not drawn until the time has come, or much has come: a stage that prints much does not wait. */
static void show_output(struct progress *p, const struct event *event)
{
	struct task_trace *trace = progress_trace(p, event->task);

	trace->printed_at = clock_milliseconds();
	last_line_add(&trace->last, event->text, event->length);
	if (event->task->kind != TASK_STAGE || !p->cli->verbose)
		return;
	progress_add_output(p, event, &p->live->scrolled);
	if (p->live->scrolled.length >= PRINT_AT)
		draw(p);
}

static void show_line(struct progress *p, const char *text)
{
	add_visible(&p->live->scrolled, text, strlen(text));
	buf_puts(&p->live->scrolled, "\n");
	draw_soon(p);
}

static void show_event(struct progress *p, const struct build *build, const struct event *event)
{
	_cleanup_free_ char *line = NULL;

	switch (event->kind) {
	case EVENT_NOTICE:
		show_line(p, event->text);
		break;
	case EVENT_ISOLATION:
		line = progress_isolation(build);
		show_line(p, line);
		break;
	case EVENT_OUTPUT:
		show_output(p, event);
		break;
	case EVENT_TASK:
		show_task(p, event->task);
		break;
	case EVENT_TICK:
		draw(p);
		break;
	}
}

static void end(struct progress *p, const struct progress_outcome *outcome)
{
	struct layout nothing = {0};

	measure(p->live);
	show(p->live, &nothing);
	pthread_sigmask(SIG_SETMASK, &p->live->before, NULL);
	buf_free(&p->live->scrolled);
	free(p->live);
	p->live = NULL;
	progress_tell_outcome(p, outcome);
}

const struct progress_style progress_terminal = {
    .begin = begin,
    .event = show_event,
    .end = end,
};
