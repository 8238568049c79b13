#include "base/limits.h"

#include "base/human.h"

#include <stdio.h>

enum unit { UNIT_COUNT, UNIT_SECONDS, UNIT_BYTES };

/* Generous, as whoever writes a stage names them only when it needs more. README.md has them too.
 */
static const struct {
	const char *name;
	enum unit unit;
	uint64_t by_default;
} kinds[LIMIT_COUNT] = {
    [LIMIT_NONE] = {"none", UNIT_COUNT, 0},
    [LIMIT_TIME] = {"timeout", UNIT_SECONDS, 86400}, /* a day */
    [LIMIT_CPU] = {"cpu", UNIT_SECONDS, 864000},
    [LIMIT_MEMORY] = {"memory", UNIT_BYTES, 0},
    [LIMIT_PROCESSES] = {"processes", UNIT_COUNT, 4096},
    [LIMIT_FILES] = {"files", UNIT_COUNT, LIMIT_FILES_SOFT},
    [LIMIT_OUTPUT] = {"output", UNIT_BYTES, 16000000000},
    [LIMIT_ENTRIES] = {"entries", UNIT_COUNT, 2000000},
    [LIMIT_LOG] = {"log", UNIT_BYTES, 256000000},
};

const char *limit_name(enum limit which)
{
	return kinds[which].name;
}

uint64_t limit_of(const struct limits *limits, enum limit which)
{
	return limits->most[which] ? limits->most[which] : kinds[which].by_default;
}

const char *limit_text(enum limit which, uint64_t value, char ret_text[LIMIT_TEXT_SIZE])
{
	char bytes[HUMAN_SIZE];

	if (kinds[which].unit == UNIT_BYTES)
		snprintf(ret_text, LIMIT_TEXT_SIZE, "%s", human_bytes(value, bytes));
	else
		snprintf(ret_text, LIMIT_TEXT_SIZE, "%llu%s", (unsigned long long)value,
		    kinds[which].unit == UNIT_SECONDS ? " s" : "");
	return ret_text;
}
