/*
 * The canonical texts of two actions, with `===` between them, and what differs.
 */
#include "fuzz.h"

#include "build/compare.h"

static bool parse(const uint8_t *data, size_t size, struct facts *ret_facts)
{
	struct err e = {0};
	bool is_one = !facts_parse((const char *)data, size, ret_facts, &e);

	CLAIM(is_one || e.kind == ERR_INPUT);
	return is_one;
}

static size_t count_changes(const struct facts *before, const struct facts *after)
{
	size_t count;
	struct fact_change *changes = facts_compare(before, after, &count);

	for (size_t i = 0; i < count; i++)
		CLAIM(changes[i].before || changes[i].after);
	free(changes);
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t rest, first = first_part(data, size, "===\n", &rest);
	struct facts before = {0}, after = {0};
	struct buf one = buf_of(data, first), other = buf_of(data + rest, size - rest);
	struct line_change lines;

	if (parse(data, first, &before)) {
		CLAIM(!count_changes(&before, &before));
		if (parse(data + rest, size - rest, &after))
			CLAIM(count_changes(&before, &after) || before.count || !after.count);
		facts_free(&after);
	}
	facts_free(&before);
	if (one.length != other.length || memcmp(one.data, other.data, one.length))
		lines_compare(&one, &other, &lines);
	buf_free(&one);
	buf_free(&other);
	return 0;
}
