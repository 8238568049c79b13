#include "base/human.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

bool human_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "kmgt";
	double bytes;
	const char *unit;
	char *end;

	/* strtod() takes more than people write: signs, hexadecimal digits, exponents, "inf". */
	if (!isdigit((unsigned char)*text) || strpbrk(text, "eExX"))
		return false;
	bytes = strtod(text, &end);
	end += *end == ' ';
	unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;
	if (unit) {
		bool is_binary = end[1] == 'i';

		for (const char *u = units; u <= unit; u++)
			bytes *= is_binary ? 1024 : 1000;
		end += is_binary ? 2 : 1;
	}
	end += *end == 'B' || *end == 'b';
	if (*end || bytes > 9e18)
		return false;
	*ret_bytes = (uint64_t)bytes;
	return true;
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
