#include "fetch/progress.h"
#include "base/buf.h"
#include "base/human.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>

#define DRAW_EVERY 100	  /* milliseconds, on a terminal */
#define EVENT_EVERY 250	  /* in JSON */
#define TELL_EVERY 10000  /* elsewhere */
#define RECKON_EVERY 1000 /* the speed */
#define USUAL_WIDTH 80

enum progress_style progress_style_of_terminal(void)
{
	const char *terminal = getenv("TERM");

	if (!isatty(2) || !terminal || !strcmp(terminal, "dumb"))
		return PROGRESS_LINES;
	return PROGRESS_TERMINAL;
}

static void erase_line(struct progress *progress)
{
	if (progress->has_line)
		fputs("\r\033[K", stderr);
	progress->has_line = false;
}

static void tell_json(const char *event, const char *name, const char *text)
{
	json_t *line = json_pack("{s:s, s:s*, s:s}", "event", event, "name", name, "text", text);

	if (!line)
		return;
	json_dumpf(line, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(line);
}

void progress_note(
    struct progress *progress, const char *event, const char *name, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;

	if (progress->style == PROGRESS_NONE)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);
	if (!text)
		return;
	erase_line(progress);
	if (progress->style == PROGRESS_JSON)
		tell_json(event, name, text);
	else
		fprintf(stderr, "%s\n", text);
}

/* "deb.example.org" of "http://deb.example.org/…", without a user and password before it; a folder
 * stands for itself. */
static int host_length(const char *url, const char **ret_host)
{
	const char *host = strstr(url, "//") + 2;
	const char *end = host + (*host == '/' ? strlen(host) : strcspn(host, "/?#"));
	const char *at = *host == '/' ? NULL : memrchr(host, '@', (size_t)(end - host));

	*ret_host = at ? at + 1 : host;
	return (int)(end - *ret_host);
}

void progress_arrived(struct progress *progress, const char *name, uint64_t bytes, const char *url)
{
	char size[HUMAN_SIZE];
	const char *host = "";
	int length = url ? host_length(url, &host) : 0;

	progress->arrived++;
	progress_note(progress, "arrived", name, "%s: %s%s%.*s", name, human_bytes(bytes, size),
	    url ? " from " : ", resumed at its end", length, host);
}

static void reckon_speed(struct progress *progress, uint64_t now)
{
	uint64_t passed = now - (progress->speed_at ? progress->speed_at : progress->begun_at);

	if (passed < RECKON_EVERY)
		return;
	progress->speed = (progress->received - progress->speed_bytes) * 1000 / passed;
	progress->speed_bytes = progress->received;
	progress->speed_at = now;
}

static void put_totals(struct buf *line, const struct progress *progress, uint64_t left)
{
	char text[HUMAN_SIZE];

	buf_printf(line, "%zu/%zu files, %s", progress->finished, progress->files,
	    human_bytes(progress->received, text));
	if (left)
		buf_printf(line, ", %s to go", human_bytes(left, text));
	if (progress->speed)
		buf_printf(line, ", %s/s", human_bytes(progress->speed, text));
	if (left && progress->speed)
		buf_printf(line, ", %s left", human_seconds(left / progress->speed, text));
}

/* Shortened to `width` columns, never within a character of UTF-8. */
static void cut(struct buf *line, size_t width)
{
	size_t columns = 0;

	for (size_t i = 0; i < line->length; i++) {
		columns += ((unsigned char)line->data[i] & 0xc0) != 0x80;
		if (columns > width) {
			line->data[line->length = i] = 0;
			return;
		}
	}
}

char *progress_line(const struct progress *progress, const struct progress_file *under_way,
    size_t count, uint64_t waiting, bool sizes_known, size_t width)
{
	struct buf line = {0};
	uint64_t left = waiting;

	for (size_t i = 0; i < count; i++)
		left += under_way[i].size > under_way[i].bytes
			    ? under_way[i].size - under_way[i].bytes
			    : 0;
	put_totals(&line, progress, sizes_known ? left : 0);
	for (size_t i = 0; i < count; i++) {
		buf_printf(&line, "%s %s", i ? "," : ":", under_way[i].name);
		if (under_way[i].size)
			buf_printf(
			    &line, " %d%%", (int)(under_way[i].bytes * 100 / under_way[i].size));
	}
	cut(&line, width);
	return line.data;
}

static size_t terminal_width(void)
{
	struct winsize size;

	return !ioctl(2, TIOCGWINSZ, &size) && size.ws_col > 1 ? size.ws_col - 1u : USUAL_WIDTH - 1;
}

static bool is_time(const struct progress *progress, uint64_t now)
{
	static const uint64_t every[] = {
	    [PROGRESS_LINES] = TELL_EVERY,
	    [PROGRESS_TERMINAL] = DRAW_EVERY,
	    [PROGRESS_JSON] = EVENT_EVERY,
	};
	uint64_t last = progress->drawn_at ? progress->drawn_at : progress->begun_at;

	return progress->style != PROGRESS_NONE && now - last >= every[progress->style];
}

void progress_draw(struct progress *progress, const struct progress_file *under_way, size_t count,
    uint64_t waiting, bool sizes_known)
{
	_cleanup_free_ char *line = NULL;
	bool terminal = progress->style == PROGRESS_TERMINAL;
	uint64_t now = clock_milliseconds();

	if (!is_time(progress, now))
		return;
	reckon_speed(progress, now);
	progress->drawn_at = now;
	line = progress_line(progress, under_way, count, waiting, sizes_known,
	    terminal ? terminal_width() : SIZE_MAX);
	if (!terminal) {
		progress_note(progress, "progress", NULL, "%s", line);
		return;
	}
	fprintf(stderr, "\r%s\033[K", line);
	progress->has_line = true;
}

void progress_end(struct progress *progress)
{
	char size[HUMAN_SIZE], time[HUMAN_SIZE];

	erase_line(progress);
	if (progress->arrived && progress->files > 1)
		progress_note(progress, "end", NULL, "%zu of %zu files downloaded, %s in %s",
		    progress->arrived, progress->files, human_bytes(progress->received, size),
		    human_seconds((clock_milliseconds() - progress->begun_at) / 1000, time));
}
