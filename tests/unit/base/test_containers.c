/* buf, arena, map and figures for people. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/human.h"
#include "base/map.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void buffer_keeps_bytes_and_a_nul(void **state)
{
	_cleanup_buf_ struct buf b = {0};

	(void)state;
	assert_string_equal(buf_text(&b), "");
	buf_add(&b, "", 0);
	assert_int_equal(b.length, 0);
	buf_add(&b, "a\0b", 3);
	for (int i = 0; i < 1000; i++)
		buf_printf(&b, "%d,", i % 10);
	assert_int_equal(b.length, 2003);
	assert_memory_equal(b.data, "a\0b0,1,2,", 9);
	assert_int_equal(b.data[b.length], 0);
	buf_free(&b);
	assert_string_equal(buf_text(&b), "");
}

static void arena_gives_zeroed_aligned_memory(void **state)
{
	struct arena arena = {0};

	(void)state;
	for (size_t i = 1; i < 40000; i = 2 * i + 1) {
		char *bytes = arena_alloc(&arena, i, 1);

		assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
		for (size_t j = 0; j < i; j++)
			assert_int_equal(bytes[j], 0);
		memset(bytes, 0xff, i); /* what is taken next must not see it */
	}
	assert_string_equal(arena_strndup(&arena, "abc", 2), "ab");
	arena_free(&arena);
	arena_free(&arena);
}

static void arena_array_keeps_what_it_holds(void **state)
{
	struct arena arena = {0};
	size_t *numbers = NULL;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		numbers = arena_grow(&arena, numbers, i, sizeof(*numbers));
		numbers[i] = i;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(numbers[i], i);
	arena_free(&arena);
}

static void map_finds_what_was_put(void **state)
{
	char *keys[5000];
	struct map map = {0};
	size_t value;

	(void)state;
	assert_false(map_get(&map, "0", NULL));
	for (size_t i = 0; i < 5000; i++) {
		keys[i] = xasprintf("%zu", i);
		map_put(&map, keys[i], i);
	}
	map_put(&map, "17", 18);
	assert_int_equal(map.count, 5000);
	for (size_t i = 0; i < 5000; i++) {
		assert_true(map_get(&map, keys[i], &value));
		assert_int_equal(value, i == 17 ? 18 : i);
	}
	assert_false(map_get(&map, "5000", &value));
	assert_false(map_get(&map, "", &value));
	map_free(&map);
	for (size_t i = 0; i < 5000; i++)
		free(keys[i]);
}

static void figures_are_short(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {99949, "99.9 kB"},
	    {99950, "100 kB"}, {999499, "999 kB"}, {999500, "1.0 MB"}, {1100000, "1.1 MB"},
	    {UINT64_MAX, "18.4 EB"}};
	static const struct {
		uint64_t seconds;
		const char *text;
	} times[] = {{7, "0:07"}, {750, "12:30"}, {3599, "59:59"}, {11100, "3:05:00"}};
	char text[HUMAN_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		assert_string_equal(human_bytes(sizes[i].bytes, text), sizes[i].text);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
		assert_string_equal(human_seconds(times[i].seconds, text), times[i].text);
	human_seconds(UINT64_MAX, text); /* fits */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buffer_keeps_bytes_and_a_nul),
	    cmocka_unit_test(arena_gives_zeroed_aligned_memory),
	    cmocka_unit_test(arena_array_keeps_what_it_holds),
	    cmocka_unit_test(map_finds_what_was_put),
	    cmocka_unit_test(figures_are_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
