#include "base/human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void bytes_are_read(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {{"0", 0}, {"812 B", 812}, {"1k", 1000}, {"1.5 kB", 1500}, {"5GB", 5000000000},
	    {"5 gb", 5000000000}, {"2Ki", 2048}, {"1MiB", 1 << 20}, {"3T", 3000000000000}};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t bytes = 1;

		if (!human_parse_bytes(sizes[i].text, &bytes) || bytes != sizes[i].bytes)
			fail_msg("%s is read as %llu", sizes[i].text, (unsigned long long)bytes);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const texts[] = {"", " ", "B", "-1", "+1", "x", "1x", "1 x", "1e3",
	    "0x10", "inf", "nan", "5GBB", "5G B", "5  G", "1 k k", "9999999T", "i", "1i"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint64_t bytes = 1;

		if (human_parse_bytes(texts[i], &bytes))
			fail_msg("`%s` is read as %llu", texts[i], (unsigned long long)bytes);
		assert_int_equal(bytes, 1);
	}
}

static void what_is_written_is_read(void **state)
{
	(void)state;
	for (uint64_t bytes = 1; bytes < UINT64_C(1) << 50; bytes *= 7) {
		char text[HUMAN_SIZE];
		uint64_t read = 0;

		assert_true(human_parse_bytes(human_bytes(bytes, text), &read));
		assert_true(read >= bytes - bytes / 10 && read <= bytes + bytes / 10);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes_are_read),
	    cmocka_unit_test(what_is_no_size_is_refused),
	    cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
