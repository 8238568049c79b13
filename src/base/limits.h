/*
 * What a step may use at most. Each limit has a name, by which stage files and messages know it, a
 * unit, and a value for those who name none.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#include <stdint.h>

enum limit {
	LIMIT_NONE,
	LIMIT_TIME,	 /* seconds, by the clock on the wall */
	LIMIT_CPU,	 /* seconds of processors, of all processes together */
	LIMIT_MEMORY,	 /* bytes, of all processes together; where that cannot be had, of each */
	LIMIT_PROCESSES, /* at once, threads counted; one of them is init, which is minsys's own */
	LIMIT_FILES,	 /* open in one process */
	LIMIT_OUTPUT,	 /* bytes of the files in the output */
	LIMIT_ENTRIES,	 /* files, folders and links in the output */
	LIMIT_LOG,	 /* bytes printed */
	LIMIT_COUNT,
};

/* Without a limit of one's own, what a process has, and what it may raise that to: the kernel's. */
#define LIMIT_FILES_SOFT 1024
#define LIMIT_FILES_HARD 4096

/* 0: the default. */
struct limits {
	uint64_t most[LIMIT_COUNT];
};

/* As in `limits` of a stage file; that of the time is a key of its own there, `timeout`. */
const char *limit_name(enum limit which);

/* What holds: what was asked for, or else the default. 0: there is no limit. */
uint64_t limit_of(const struct limits *limits, enum limit which);

#define LIMIT_TEXT_SIZE 32
/* A value with its unit: "90 s", "4.0 GB", "4096". Returns ret_text. */
const char *limit_text(enum limit which, uint64_t value, char ret_text[LIMIT_TEXT_SIZE]);

#endif
