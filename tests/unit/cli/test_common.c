#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void expect_out(const struct cli *cli, const struct plan *plan, const char *expected)
{
	char *out = cli_out(cli, plan);

	assert_string_equal(out, expected);
	free(out);
}

static void each_target_has_a_result_of_its_own(void **state)
{
	struct cli cli = {.project = "/project"};
	struct plan plan = {.target = {.name = "arm64-virt", .is_default = true}};

	(void)state;
	expect_out(&cli, &plan, "/project/out/minsys");
	plan.target.is_default = false;
	expect_out(&cli, &plan, "/project/out/minsys-arm64-virt");
	cli.out = "elsewhere";
	expect_out(&cli, &plan, "elsewhere");
}

static void downloads_are_asked_for_as_the_user_said(void **state)
{
	const struct cli cli = {
	    .fetcher = (char *)"/bin/minsys-fetch", .mirror = "/mirror", .offline = true};
	const struct plan plan = {.tools = {.snapshot = "20260101T000000Z"}};
	const struct store store = {.downloads_fd = 7};
	const struct fetch_options options = cli_fetch_options(&cli, &plan, &store);

	(void)state;
	assert_string_equal(options.program, "/bin/minsys-fetch");
	assert_string_equal(options.mirror, "/mirror");
	assert_string_equal(options.snapshot, "20260101T000000Z");
	assert_int_equal(options.downloads_fd, 7);
	assert_true(options.offline);
	assert_false(options.quiet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_target_has_a_result_of_its_own),
	    cmocka_unit_test(downloads_are_asked_for_as_the_user_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
