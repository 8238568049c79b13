/*
 * The Debian archives that this machine's own apt knows, and the proxy that apt uses for each.
 * apt takes a second to say so: its answer is waited for while other things go on.
 */
#ifndef FETCH_ARCHIVES_H
#define FETCH_ARCHIVES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct archive {
	char *base;  /* an http, https or file URL that ends in a slash */
	char *proxy; /* "": none; NULL: what the environment says */
};

struct archives {
	struct archive *items;
	size_t count;
};

/* A question to apt under way. */
struct archive_query {
	pid_t pid;	   /* 0: not asked */
	int fd;		   /* what it says; -1: not asked, or answered */
	uint64_t deadline; /* clock_milliseconds() */
	struct buf text;
};

/* Ask apt. That it is not there is no error: the answer will be empty. */
int archives_ask(struct archive_query *query, struct err *e);
/* Take what is there of the answer; true once it is complete, or has taken too long. */
bool archives_answered(struct archive_query *query, struct archives *ret_archives);
void archives_forget(struct archive_query *query);

/* What archives_ask() runs gives lines of three forms:
 *   index|<base>|<origin>|<label>   an archive whose index apt has downloaded
 *   '<base>dists/…' …               one that apt would ask; counts when there is no index at all
 *   config|<name>|<value>           a setting of apt's
 * Archives of another origin than Debian are left out, doubles too; those whose label is not
 * Debian (the security archive, whose pool is another) come last. `mirror+file:` lists are read. */
void archives_parse(char *text, struct archives *ret_archives);
void archives_free(struct archives *archives);

/* The folder as a file URL that ends in a slash; the caller's to free. */
char *folder_url(const char *path);

#endif
