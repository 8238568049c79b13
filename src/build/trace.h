/*
 * The trace of a build, for Perfetto (ui.perfetto.dev) and chrome://tracing: JSON in the Trace
 * Event Format. Each task that ran is a slice on a lane of its kind, with its state, key, output
 * and last duration as arguments and arrows from those it needs; each that did not is a mark on a
 * lane of its own. Times count from the begin of the build.
 */
#ifndef BUILD_TRACE_H
#define BUILD_TRACE_H

#include "build/history.h"

void trace_format(const struct history *history, struct buf *ret_text);

/* Write the trace of the build that is recorded under `name` to its place in the store; when there
 * is no such record, nothing. */
int trace_write(struct store *store, const char *name, struct err *e);
/* That place: a path. The caller frees it. */
char *trace_path(const struct store *store, const char *name);

#endif
