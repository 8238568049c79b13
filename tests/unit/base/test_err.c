#include "base/err.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void fits_one_atomic_pipe_write(void **state)
{
	(void)state;
	assert_true(sizeof(struct err) <= PIPE_BUF);
}

static void errno_message_follows_the_text(void **state)
{
	struct err e = {0};

	(void)state;
	errno = ENOSPC;
	assert_int_equal(err_errno(&e, "write %s", "disk.ext3"), -1);
	assert_int_equal(e.errnum, ENOSPC);
	assert_string_equal(e.text, "write disk.ext3: No space left on device");
}

static void wrapping_keeps_kind_and_cause(void **state)
{
	struct err e = {0};

	(void)state;
	err_kind(&e, ERR_INPUT, "unknown key `%s`", "need");
	err_wrap(&e, "stages/linux/stage.yaml:%d:%d", 3, 1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(e.text, "stages/linux/stage.yaml:3:1: unknown key `need`");
}

static void long_text_keeps_its_beginning(void **state)
{
	char path[4096];
	struct err e = {0};

	(void)state;
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	err_set(&e, "open %s", path);
	err_wrap(&e, "capture");
	assert_memory_equal(e.text, "capture: open xxx", 17);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fits_one_atomic_pipe_write),
	    cmocka_unit_test(errno_message_follows_the_text),
	    cmocka_unit_test(wrapping_keeps_kind_and_cause),
	    cmocka_unit_test(long_text_keeps_its_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
