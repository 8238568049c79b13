/*
 * What minsys-fetch tells of its work while it goes on, on standard error: one line that renews
 * itself on a terminal, plain lines elsewhere, JSON lines when asked for, or nothing.
 */
#ifndef FETCH_PROGRESS_H
#define FETCH_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_style {
	PROGRESS_NONE,
	PROGRESS_LINES,
	PROGRESS_TERMINAL,
	PROGRESS_JSON,
};

struct progress {
	enum progress_style style;
	size_t files;	   /* to download in all */
	size_t finished;   /* of them, arrived or failed */
	size_t arrived;	   /* over the network or from a mirror's folder, in this run */
	uint64_t received; /* bytes over the network in this run */
	uint64_t begun_at; /* clock_milliseconds() */
	uint64_t drawn_at;
	uint64_t speed;	      /* bytes a second, lately */
	uint64_t speed_bytes; /* `received` when the speed was last reckoned */
	uint64_t speed_at;
	bool has_line; /* the terminal's cursor stands behind a line to renew */
};

/* One that is under way, for a drawing. */
struct progress_file {
	const char *name;
	uint64_t bytes;
	uint64_t size; /* 0: unknown */
};

/* The style that standard error and the environment (TERM) call for. */
enum progress_style progress_style_of_terminal(void);
/* Something happened: a line of its own; `event` and `name` are for JSON. */
void progress_note(struct progress *progress, const char *event, const char *name,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* One arrived: "musl 1.2.5: 1.1 MB from deb.example.org". */
void progress_arrived(struct progress *progress, const char *name, uint64_t bytes, const char *url);
/* Show how far it is, when it is time to: `waiting` is the size of what has not begun. */
void progress_draw(struct progress *progress, const struct progress_file *under_way, size_t count,
    uint64_t waiting, bool sizes_known);
/* Remove the line, and sum up. */
void progress_end(struct progress *progress);

/* The text of the line, cut to `width` columns; the caller's to free. */
char *progress_line(const struct progress *progress, const struct progress_file *under_way,
    size_t count, uint64_t waiting, bool sizes_known, size_t width);

#endif
