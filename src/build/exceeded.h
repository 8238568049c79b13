/*
 * What is said of a step that went beyond one of its limits.
 */
#ifndef BUILD_EXCEEDED_H
#define BUILD_EXCEEDED_H

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

/* That a stage exceeded this limit, whose value is `most`, and where it is raised; returns -1. */
int exceeded_say(const char *stage, enum limit which, uint64_t most, struct err *e);

/* The kernel tells nobody that a process may open no more files, or have no more memory, but
 * programs do: when the last lines of a failed step's log say so, put the limit behind what `e`
 * says. */
void exceeded_guess(
    const char *stage, const struct limits *limits, const struct buf *log_end, struct err *e);

#endif
