/*
 * All that there is to show of a recorded build, as the JSON that the report's page is drawn from:
 * its tasks with times, the ones its end waited for, its sources, and what its outputs hold, file
 * by file.
 */
#ifndef BUILD_REPORT_H
#define BUILD_REPORT_H

#include "build/history.h"

/* Files that are listed; of more, the smallest are only counted. */
#define REPORT_FILES 50000
/* Stages of which it is said why they ran; of more, not. Each is compared with records of builds
 * before, which takes the longer the more tasks these have: so many tasks may be read for it. */
#define REPORT_CAUSES 100
#define REPORT_COMPARED 100000

/*
 * Write it, without any `<`, so that it can stand within a page. Names come out of trees that
 * anyone may have made: bytes of control characters, `\` and what is not UTF-8 are written \xNN.
 * An output that the store does not hold any more has no files.
 */
int report_format(
    struct store *store, const struct history *history, struct buf *ret_json, struct err *e);

#endif
