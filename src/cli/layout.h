/*
 * The lines that stand below all others on a terminal while a build runs, and are renewed: what
 * runs, how far the build is, and what was printed last. Made from what is known alone, without
 * any terminal.
 */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "cli/columns.h"
#include "cli/estimate.h"
#include "cli/output.h"

/* What is kept of each task besides what the build knows. */
struct task_trace {
	struct last_line last; /* of what it printed */
	struct buf rest;       /* what it printed of a line that has not ended */
	uint64_t printed_at;   /* clock_milliseconds(); 0: nothing yet */
	uint64_t told_at;      /* when a line was last shown of it */
	bool runs;	       /* as its last event said */
};

struct layout_input {
	const struct task *tasks;
	size_t task_count;
	const struct task_trace *traces; /* of each task */
	unsigned jobs;
	uint64_t began; /* clock_milliseconds() */
	uint64_t now;
	size_t width; /* of the terminal, at least 1 */
	size_t height;
	bool is_utf8; /* it is */
};

enum layout_look {
	LOOK_PLAIN,
	LOOK_TOTAL,
	LOOK_FAINT,
};

struct layout_line {
	struct buf text; /* printable, without its end */
	size_t columns;	 /* that it takes: `width` at most */
	enum layout_look look;
};

struct layout {
	struct layout_line *lines;
	size_t count; /* less than `height`; 0: nothing runs */
};

/*
 * From the top: a line for each running task, those that run longest first, and when there is not
 * room for all, how many there are besides; the total, unless all of the build is one download; the
 * last line printed by the stage that runs longest of those that have printed any. The total goes
 * before the tasks, and these before what was printed. The caller frees it.
 */
void layout_make(const struct layout_input *input, struct layout *ret_layout);
bool layout_equal(const struct layout *one, const struct layout *other);
void layout_free(struct layout *layout);

/* A task as it is called in lines: "linux", "unpack linux", "download linux". Returns `label`. */
const char *task_label(const struct task *task, struct buf *label);

#endif
