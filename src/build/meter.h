/*
 * What a step writes, measured while it runs: nothing in the kernel bounds the bytes or the files
 * of a folder. Between two looks it may go beyond; what is captured in the end is measured again.
 */
#ifndef BUILD_METER_H
#define BUILD_METER_H

#include "base/limits.h"
#include "base/err.h"
#include "store/store.h"

struct meter {
	int out_fd;    /* $OUT; -1: nothing is measured */
	int folder_fd; /* the step's, on the disk that it writes to */
	const struct limits *limits;
	uint64_t next; /* when it is to be looked at again, as clock_milliseconds() has it */
};

extern const struct meter meter_none;

/* `temp` is the step's folder, with its `out`; it has to stay. To be closed with meter_close(). */
int meter_open(
    struct meter *meter, const struct store_temp *temp, const struct limits *limits, struct err *e);
void meter_close(struct meter *meter);

/* Milliseconds until the next look. */
int meter_wait(const struct meter *meter);
/* Look, if it is time. Returns the limit that is exceeded, LIMIT_NONE when there is none; with
 * *ret_is_full set when there is no room left on the disk. */
enum limit meter_look(struct meter *meter, bool *ret_is_full);

/* The same now, of what is written alone. */
enum limit meter_measure(const struct meter *meter);

/* Is there no room left for a script that writes there? */
bool meter_is_full(int folder_fd);

#endif
