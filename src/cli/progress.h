/*
 * What the user sees of a build while it goes on, on standard error.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "build/event.h"
#include "cli/cli.h"

struct progress {
	const struct cli *cli;
};

/* Show an event; `context` is a struct progress. */
void progress_show(void *context, const struct build *build, const struct event *event);

#endif
