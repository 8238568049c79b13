/*
 * What minsys-fetch says while it works, read from its standard error: a line of JSON an event
 * (fetch/progress.c), and plain lines when it cannot do its work.
 */
#ifndef FETCH_NEWS_H
#define FETCH_NEWS_H

#include "base/buf.h"
#include "fetch/fetch.h"

struct news_reader {
	const struct fetch_options *options; /* who is told */
	struct buf rest;		     /* a line that has not ended */
	struct buf words; /* the lines that are no events, without the end of the last */
};

/* Take bytes, tell what is whole. */
void news_read(struct news_reader *reader, const char *bytes, size_t length);
void news_free(struct news_reader *reader);

#endif
