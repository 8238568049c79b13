#include "base/human.h"

#include <stdio.h>
#include <time.h>

const char *human_bytes(uint64_t bytes, char ret_text[HUMAN_SIZE])
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)bytes / 1000;
	size_t unit = 0;

	if (bytes < 1000) {
		snprintf(ret_text, HUMAN_SIZE, "%d B", (int)bytes);
		return ret_text;
	}
	/* What would be rounded up to 1000 takes the next unit. */
	while (value >= 999.5) {
		value /= 1000;
		unit++;
	}
	snprintf(ret_text, HUMAN_SIZE, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return ret_text;
}

const char *human_seconds(uint64_t seconds, char ret_text[HUMAN_SIZE])
{
	unsigned rest = (unsigned)(seconds % 3600);

	if (seconds < 3600)
		snprintf(ret_text, HUMAN_SIZE, "%u:%02u", rest / 60, rest % 60);
	else
		snprintf(ret_text, HUMAN_SIZE, "%u:%02u:%02u", (unsigned)(seconds / 3600 % 1000000),
		    rest / 60, rest % 60);
	return ret_text;
}

uint64_t clock_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
