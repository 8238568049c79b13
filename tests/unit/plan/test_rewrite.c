#include "plan/rewrite.h"
#include "project.h"

static void assert_location(
    const char *location, const char *old_version, const char *new_version, const char *wanted)
{
	_cleanup_free_ char *got = location_of_version(location, old_version, new_version);

	if (!got != !wanted || (got && strcmp(got, wanted)))
		fail_msg("%s for %s is %s, not %s", location, new_version, got, wanted);
}

static void the_version_is_replaced_wherever_it_stands(void **state)
{
	(void)state;
	assert_location("pool/b/b_1.0.orig.tar.gz", "1.0", "1.1", "pool/b/b_1.1.orig.tar.gz");
	assert_location(
	    "https://h/1.0/b-1.0.tar", "1.0", "2.0-rc1", "https://h/2.0-rc1/b-2.0-rc1.tar");
	assert_location("https://h/b-1.0.tar", "1.0", "1.0.1", "https://h/b-1.0.1.tar");
}

static void the_folder_of_a_series_goes_with_it(void **state)
{
	(void)state;
	assert_location("https://h/v6.x/linux-6.12.9.tar.xz", "6.12.9", "7.0",
	    "https://h/v7.x/linux-7.0.tar.xz");
	assert_location("https://h/v6.x/linux-6.12.9.tar.xz", "6.12.9", "6.13",
	    "https://h/v6.x/linux-6.13.tar.xz");
	assert_location(
	    "https://h/v5.x/linux-6.1.tar.xz", "6.1", "7.0", "https://h/v5.x/linux-7.0.tar.xz");
}

static void a_location_without_the_version_has_no_other(void **state)
{
	(void)state;
	assert_location("https://h/latest.tar", "1.0", "1.1", NULL);
	assert_location("https://h/v6.x/latest.tar", "6.1", "7.0", NULL);
	assert_location("https://h/b-1.0.tar", "", "1.1", NULL); /* and it comes to an end */
}

/* Rewrite `before`, where the source hello has `count` origins at 1.0; `keep` says which of them
 * get a new pin. The result is NULL when it was refused. */
static char *rewritten(struct project *project, const char *before, const bool *keep, size_t count)
{
	struct origin origins[3] = {{0}};
	const struct new_pins pins = {"2.0", origins};
	_cleanup_buf_ struct buf text = {0};
	const struct source *source;
	struct err e = {0};
	struct plan *plan;
	int result;

	project_write(project, "stages/sources.yaml", before);
	plan = project_plan(project);
	source = plan_source(plan, "hello");
	assert_int_equal(source->origin_count, count);
	for (size_t i = 0; i < count; i++) {
		const struct origin *old = &source->origins[i];

		origins[i].in_pool = old->in_pool;
		assert_int_equal(digest_parse(i ? DIGEST_C : DIGEST_B, &origins[i].sha256, &e), 0);
		origins[i].location =
		    keep[i] ? location_of_version(old->location, "1.0", "2.0") : NULL;
	}
	result = sources_rewrite(plan, source, &pins, &text, &e);
	if (result)
		assert_int_equal(e.kind, ERR_INPUT);
	for (size_t i = 0; i < count; i++)
		free((char *)origins[i].location);
	plan_free(plan);
	return result ? NULL : xstrdup(buf_text(&text));
}

#define OTHERS "local: {version: 1, license: MIT, path: stages}\n"

static void comments_and_layout_stay(void **state)
{
	static const bool both[] = {true, true};
	_cleanup_free_ char *text = rewritten(*state,
	    "# Größe — 1.0 “sources” 🐧\n" OTHERS "# of hello 1.0\n"
	    "hello:   # ✓ here\n"
	    "  license: MIT\n"
	    "  version:   '1.0'  # 1.0, quoted → stays quoted\n"
	    "  origins:\n"
	    "    # first 1.0\n"
	    "    - pool: pool/hello-1.0.tar.gz # ✓\n"
	    "      sha256: " DIGEST_A "   # of 1.0\n"
	    "    - sha256: \"" DIGEST_A "\"\n"
	    "      url: \"https://e.org/1.0/hello-1.0.tar.gz\"\n"
	    "# the end ✓",
	    both, 2);

	assert_non_null(text);
	assert_string_equal(text, "# Größe — 1.0 “sources” 🐧\n" OTHERS "# of hello 1.0\n"
				  "hello:   # ✓ here\n"
				  "  license: MIT\n"
				  "  version:   \"2.0\"  # 1.0, quoted → stays quoted\n"
				  "  origins:\n"
				  "    # first 1.0\n"
				  "    - pool: pool/hello-2.0.tar.gz # ✓\n"
				  "      sha256: " DIGEST_B "   # of 1.0\n"
				  "    - sha256: \"" DIGEST_C "\"\n"
				  "      url: \"https://e.org/2.0/hello-2.0.tar.gz\"\n"
				  "# the end ✓");
}

static void a_byte_order_mark_and_crlf_stay(void **state)
{
	static const bool one[] = {true};
	_cleanup_free_ char *text = rewritten(*state,
	    "\xef\xbb\xbfhello:\r\n"
	    "  version: 1.0\r\n"
	    "  license: MIT\r\n"
	    "  origins:\r\n"
	    "    - pool: pool/hello-1.0.tar.gz\r\n"
	    "      sha256: " DIGEST_A "\r\n" OTHERS,
	    one, 1);

	assert_non_null(text);
	assert_string_equal(text, "\xef\xbb\xbfhello:\r\n"
				  "  version: 2.0\r\n"
				  "  license: MIT\r\n"
				  "  origins:\r\n"
				  "    - pool: pool/hello-2.0.tar.gz\r\n"
				  "      sha256: " DIGEST_B "\r\n" OTHERS);
}

static void an_origin_that_is_gone_is_removed(void **state)
{
	static const bool second[] = {false, true}, first[] = {true, false};
	static const char before[] = "hello:\n"
				     "  version: 1.0\n"
				     "  license: MIT\n"
				     "  origins:\n"
				     "    - pool: pool/hello-1.0.tar.gz # ✓\n"
				     "      sha256: " DIGEST_A "\n"
				     "    # kept ✓\n"
				     "    - {url: https://e.org/hello-1.0, sha256: " DIGEST_A "}\n"
				     "  # kept too\n" OTHERS;
	_cleanup_free_ char *without_first = rewritten(*state, before, second, 2);
	_cleanup_free_ char *without_second = rewritten(*state, before, first, 2);

	assert_non_null(without_first);
	assert_string_equal(without_first,
	    "hello:\n"
	    "  version: 2.0\n"
	    "  license: MIT\n"
	    "  origins:\n"
	    "    # kept ✓\n"
	    "    - {url: https://e.org/hello-2.0, sha256: " DIGEST_C "}\n"
	    "  # kept too\n" OTHERS);
	assert_non_null(without_second);
	assert_string_equal(without_second, "hello:\n"
					    "  version: 2.0\n"
					    "  license: MIT\n"
					    "  origins:\n"
					    "    - pool: pool/hello-2.0.tar.gz # ✓\n"
					    "      sha256: " DIGEST_B "\n"
					    "    # kept ✓\n"
					    "  # kept too\n" OTHERS);
}

static void what_cannot_be_edited_is_refused(void **state)
{
	static const bool none[] = {false}, one[] = {true}, first[] = {true, false};
	static const char head[] = OTHERS "hello:\n  license: MIT\n  version: ";

	_cleanup_free_ char *flow =
	    xasprintf("%s1.0\n  origins: [{pool: pool/a-1.0, sha256: " DIGEST_A "}]\n", head);
	_cleanup_free_ char *folded = xasprintf(
	    "%s>-\n    1.0\n  origins:\n    - pool: pool/a-1.0\n      sha256: " DIGEST_A "\n",
	    head);
	_cleanup_free_ char *lines = xasprintf("%s1.0\n  origins:\n"
					       "    - pool: pool/a-1.0\n      sha256: " DIGEST_A
					       "\n    - {pool: pool/b-1.0,\n"
					       "       sha256: " DIGEST_A "\n      }\n",
	    head);
	_cleanup_free_ char *dash = xasprintf("%s1.0\n  origins:\n"
					      "    - pool: pool/a-1.0\n      sha256: " DIGEST_A
					      "\n    -\n      pool: pool/b-1.0\n"
					      "      sha256: " DIGEST_A "\n",
	    head);
	_cleanup_free_ char *only = xasprintf(
	    "%s1.0\n  origins:\n    - pool: pool/a-1.0\n      sha256: " DIGEST_A "\n", head);

	assert_null(rewritten(*state, flow, one, 1));
	assert_null(rewritten(*state, folded, one, 1));
	assert_null(rewritten(*state, lines, first, 2));
	assert_null(rewritten(*state, dash, first, 2));
	assert_null(rewritten(*state, only, none, 1)); /* no origin would be left */
}

static void a_file_changed_meanwhile_is_refused(void **state)
{
#define ENTRY "hello:\n  version: \"1.0\"\n  license: MIT\n  origins:\n    - "
	static const char *const changed[] = {
	    "",
	    "x: [",
	    "hello: 1\n",
	    "other: {version: 1, license: MIT, path: stages}\n",
	    ("hello:\n  version: \"1.1\"\n  license: MIT\n  origins:\n"
	     "    - pool: pool/hello-1.0.tar.gz\n      sha256: " DIGEST_A "\n"),
	    (ENTRY "pool: pool/hello-1.0.tar.gz\n      sha256: " DIGEST_A "\n"
		   "    - pool: pool/b\n      sha256: " DIGEST_A "\n"),
	    ENTRY "text\n",
	    (ENTRY "pool: [x]\n      sha256: {a: b}\n"),
	};
	struct origin origin = {.in_pool = true, .location = "pool/hello-2.0.tar.gz"};
	const struct new_pins pins = {"2.0", &origin};
	struct plan *plan = project_plan(*state);

	for (size_t i = 0; i < sizeof(changed) / sizeof(*changed); i++) {
		_cleanup_buf_ struct buf text = {0};
		struct err e = {0};

		project_write(*state, "stages/sources.yaml", changed[i]);
		assert_int_equal(
		    sources_rewrite(plan, plan_source(plan, "hello"), &pins, &text, &e), -1);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_int_equal(text.length, 0);
	}
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_version_is_replaced_wherever_it_stands),
	    cmocka_unit_test(the_folder_of_a_series_goes_with_it),
	    cmocka_unit_test(a_location_without_the_version_has_no_other),
	    PROJECT_TEST(comments_and_layout_stay),
	    PROJECT_TEST(a_byte_order_mark_and_crlf_stay),
	    PROJECT_TEST(an_origin_that_is_gone_is_removed),
	    PROJECT_TEST(what_cannot_be_edited_is_refused),
	    PROJECT_TEST(a_file_changed_meanwhile_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
