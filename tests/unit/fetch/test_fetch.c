/* The client, against programs that answer what they are told to. */
#include "base/file.h"
#include "base/memory.h"
#include "fetch/fetch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
	char folder[32];
	char *program;
	int downloads_fd;
	struct fetch_options options;
	struct fetch_origin origins[2];
	struct fetch_item items[2];
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e;

	strcpy(f->folder, "/tmp/minsys-test-XXXXXX");
	if (!mkdtemp(f->folder))
		return -1;
	f->program = xasprintf("%s/program", f->folder);
	f->downloads_fd = folder_open(AT_FDCWD, f->folder, &e);
	f->options = (struct fetch_options){
	    .program = f->program,
	    .downloads_fd = f->downloads_fd,
	    .quiet = true,
	};
	f->origins[0].location = "http://a.example/a";
	f->origins[1].location = "pool/b";
	f->origins[1].in_pool = true;
	if (digest_parse(A, &f->origins[0].sha256, &e) ||
	    digest_parse(B, &f->origins[1].sha256, &e))
		return -1;
	f->items[0] =
	    (struct fetch_item){.name = "alpha", .origins = f->origins, .origin_count = 1};
	f->items[1] =
	    (struct fetch_item){.name = "beta", .origins = f->origins + 1, .origin_count = 1};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err e;

	close(f->downloads_fd);
	tree_remove(AT_FDCWD, f->folder, &e);
	free(f->program);
	free(f);
	return 0;
}

static void write_program(struct fixture *f, const char *script)
{
	_cleanup_free_ char *text = xasprintf("#!/bin/sh\n%s\n", script);
	struct err e;

	assert_int_equal(file_replace(f->downloads_fd, "program", text, strlen(text), 0755, &e), 0);
}

static void write_download(struct fixture *f, const char *name)
{
	struct err e;

	assert_int_equal(file_replace(f->downloads_fd, name, "x", 1, 0644, &e), 0);
}

static void assert_says(const struct err *e, const char *text)
{
	if (!strstr(e->text, text))
		fail_msg("'%s' is not in '%s'", text, e->text);
}

static void nothing_is_started_when_all_is_there(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	write_download(f, A);
	write_download(f, B);
	f->options.offline = true;
	f->options.program = "/nowhere";
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), 0);
	assert_true(f->items[0].ret_present && f->items[1].ret_present);
	assert_true(digest_equal(&f->items[1].ret_digest, &f->origins[1].sha256));
	f->options.offline = false;
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), 0);
}

static void offline_names_what_is_missing(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	write_download(f, A);
	write_program(f, "touch \"$0.ran\"");
	f->options.offline = true;
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_says(&e, "beta (sha256 " B ")");
	assert_null(strstr(e.text, "alpha"));
	assert_int_equal(faccessat(f->downloads_fd, "program.ran", F_OK, 0), -1);
}

/* The program has the folder as descriptor 3, the request as its input, and the options. */
static void only_what_is_missing_is_asked_for(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf seen = {0};
	struct err e = {0};

	write_download(f, A);
	write_program(f, "cat >/proc/self/fd/3/seen; echo \"$*\" >>/proc/self/fd/3/seen\n"
			 "echo x >/proc/self/fd/3/" B "\n"
			 "echo '{\"files\":[{\"sha256\":\"" B "\",\"origin\":0}]}'");
	f->options.mirror = "/srv/mirror";
	f->options.snapshot = "20260711T101637Z";
	if (fetch_items(&f->options, f->items, 2, &e))
		fail_msg("%s", e.text);
	assert_true(f->items[1].ret_present);
	assert_int_equal(file_read(f->downloads_fd, "seen", 10000, &seen, &e), 0);
	assert_string_equal(buf_text(&seen), "{\"snapshot\":\"20260711T101637Z\",\"files\":[{"
					     "\"name\":\"beta\",\"size\":0,\"origins\":"
					     "[{\"pool\":\"pool/b\",\"sha256\":\"" B "\"}]}]}"
					     "--folder-fd 3 --mirror /srv/mirror --quiet\n");
}

static void an_error_has_its_reasons_and_advice(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	write_program(f, "echo x >/proc/self/fd/3/" A "\n"
			 "echo '{\"files\":[{\"sha256\":\"" A "\",\"origin\":0},"
			 "{\"error\":\"beta: 404\",\"wrong\":false}],\"advice\":\"Do this.\"}'\n"
			 "exit 1");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_true(f->items[0].ret_present);
	assert_false(f->items[1].ret_present);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_string_equal(e.text, "beta: 404\nDo this.");
}

static void many_errors_are_cut_before_the_advice(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	write_program(f, "long=$(printf '%01500d' 0)\n"
			 "echo \"{\\\"files\\\":[{\\\"error\\\":\\\"one $long\\\"},"
			 "{\\\"error\\\":\\\"two $long\\\",\\\"wrong\\\":true}],"
			 "\\\"advice\\\":\\\"Do this.\\\"}\"; exit 1");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_int_equal(e.kind, ERR_FAILED);
	assert_says(&e, "one 0");
	assert_says(&e, "\nand 1 more could not be downloaded\nDo this.");
}

static void a_program_that_fails_is_named(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	f->options.program = "/nowhere";
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_says(&e, "run /nowhere: No such file");
	f->options.program = f->program;
	write_program(f, "exit 3");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_says(&e, "exit status 3");
	write_program(f, "kill -9 $$");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_says(&e, "killed by signal 9");
	write_program(f, "echo nonsense");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_says(&e, "no answer that can be read");
}

/* An answer is believed only as far as the folder bears it out. */
static void a_claim_without_a_file_is_not_believed(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	write_download(f, A);
	write_program(f, "echo '{\"files\":[{\"sha256\":\"" B "\",\"origin\":0}]}'");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	write_program(f, "echo '{\"files\":[{\"sha256\":\"" A "\",\"origin\":0}]}'");
	assert_int_equal(fetch_items(&f->options, f->items, 2, &e), -1);
	assert_false(f->items[1].ret_present);
}

static void what_has_no_pin_gets_its_digest(void **state)
{
	struct fixture *f = *state;
	struct digest digest;
	struct err e = {0};

	write_program(f, "grep -q '\"sha256\":null' && echo x >/proc/self/fd/3/" B " && "
			 "echo '{\"files\":[{\"sha256\":\"" B "\",\"origin\":0}]}'");
	assert_int_equal(fetch_unpinned(&f->options, "new", f->origins, &digest, &e), 0);
	assert_true(digest_equal(&digest, &f->origins[1].sha256));
	write_program(f, "echo '{\"files\":[{\"sha256\":\"" A "\",\"origin\":0}]}'");
	assert_int_equal(fetch_unpinned(&f->options, "new", f->origins, &digest, &e), -1);
	assert_int_equal(e.kind, ERR_ENVIRONMENT);
	assert_says(&e, "the download folder does not have it");
	f->options.offline = true;
	assert_int_equal(fetch_unpinned(&f->options, "new", f->origins, &digest, &e), -1);
	assert_says(&e, "--offline");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(nothing_is_started_when_all_is_there),
	    TEST(offline_names_what_is_missing),
	    TEST(only_what_is_missing_is_asked_for),
	    TEST(an_error_has_its_reasons_and_advice),
	    TEST(many_errors_are_cut_before_the_advice),
	    TEST(a_program_that_fails_is_named),
	    TEST(a_claim_without_a_file_is_not_believed),
	    TEST(what_has_no_pin_gets_its_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
