#include "base/file.h"
#include "base/memory.h"
#include "fetch/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ORIGIN "{\"url\":\"https://a.example/x\",\"sha256\":\"" SHA256 "\"}"
#define UNPINNED "{\"url\":\"https://a.example/y\",\"sha256\":null}"

static int read_text(const char *text, struct request *ret_request, struct err *e)
{
	_cleanup_close_ int fd = memfd_create("request", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, text, strlen(text), "request", e), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return request_read(fd, ret_request, e);
}

static void all_of_a_request_is_read(void **state)
{
	struct request request;
	struct err e;

	(void)state;
	assert_int_equal(
	    read_text("{\"snapshot\":\"20260711T101637Z\",\"files\":[{\"name\":\"n\",\"size\":7,"
		      "\"origins\":[" ORIGIN ",{\"pool\":\"pool/main/m/musl/musl_1.2.5.orig.tar.gz"
		      "\",\"sha256\":\"" SHA256 "\"}]},{\"name\":\"u\",\"origins\":[" UNPINNED
		      "]}]}",
		&request, &e),
	    0);
	assert_string_equal(request.snapshot, "20260711T101637Z");
	assert_int_equal(request.count, 2);
	assert_string_equal(request.files[0].name, "n");
	assert_int_equal(request.files[0].size, 7);
	assert_int_equal(request.files[0].origin_count, 2);
	assert_true(request.files[0].origins[0].pinned);
	assert_false(request.files[0].origins[0].in_pool);
	assert_true(request.files[0].origins[1].in_pool);
	assert_int_equal(request.files[1].size, 0);
	assert_false(request.files[1].origins[0].pinned);
	request_free(&request);
}

static void assert_shown(const char *url, const char *expected)
{
	_cleanup_free_ char *shown = url_to_show(url);

	assert_string_equal(shown, expected);
}

static void a_password_is_not_shown(void **state)
{
	(void)state;
	assert_shown("http://user:secret@a.example/x", "http://***@a.example/x");
	assert_shown("https://secret@a.example", "https://***@a.example");
	assert_shown("http://user:s@cret@a.example?x", "http://***@a.example?x");
	assert_shown("user:secret@a.example/x", "***@a.example/x");
	assert_shown("http://a.example/x@y//z", "http://a.example/x@y//z");
	assert_shown("/srv/x@y", "/srv/x@y");
	assert_shown("", "");
}

static void assert_rejected(const char *text, const char *reason)
{
	struct request request;
	struct err e = {0};

	assert_int_equal(read_text(text, &request, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	if (!strstr(e.text, reason))
		fail_msg("'%s' is not in '%s'", reason, e.text);
}

static void wrong_forms_are_rejected(void **state)
{
	(void)state;
	assert_rejected("", "line 1");
	assert_rejected("{\"files\":[]", "line 1");
	assert_rejected("{\"files\":[],\"files\":[]}", "duplicate");
	assert_rejected("[]", "`files` is no list");
	assert_rejected("{\"files\":{}}", "`files` is no list");
	assert_rejected("{\"snapshot\":\"../x\",\"files\":[]}", "`snapshot` is no timestamp");
	assert_rejected("{\"snapshot\":1,\"files\":[]}", "`snapshot` is no timestamp");
	assert_rejected("{\"files\":[1]}", "has no `name`");
	assert_rejected("{\"files\":[{\"name\":\"n\"}]}", "n has no `origins`");
	assert_rejected("{\"files\":[{\"name\":\"n\",\"origins\":[]}]}", "n has no `origins`");
	assert_rejected("{\"files\":[{\"name\":\"n\",\"size\":-1,\"origins\":[" ORIGIN "]}]}",
	    "n: `size` is no number of bytes");
	assert_rejected("{\"files\":[{\"name\":\"n\",\"size\":\"1\",\"origins\":[" ORIGIN "]}]}",
	    "n: `size` is no number of bytes");
	assert_rejected("{\"files\":[{\"name\":\"n\",\"origins\":[" ORIGIN "," UNPINNED "]}]}",
	    "all of its origins have a sha256 or none has");
}

static void assert_origin_rejected(const char *origin, const char *reason)
{
	_cleanup_free_ char *text =
	    xasprintf("{\"files\":[{\"name\":\"n\",\"origins\":[%s]}]}", origin);

	assert_rejected(text, reason);
}

static void wrong_origins_are_rejected(void **state)
{
	(void)state;
	assert_origin_rejected("{}", "either a `url` or a `pool`");
	assert_origin_rejected(
	    "{\"url\":\"http://a/\",\"pool\":\"p\",\"sha256\":null}", "either a `url` or a `pool`");
	assert_origin_rejected("{\"url\":\"http://a.example/x\"}", "`sha256` is missing");
	assert_origin_rejected("{\"url\":\"http://a.example/x\",\"sha256\":\"12\"}", "a.example/x");
	assert_origin_rejected(
	    "{\"url\":\"file:///etc/passwd\",\"sha256\":null}", "not an http or https URL");
	assert_origin_rejected(
	    "{\"url\":\"http://a.example/a b\",\"sha256\":null}", "not an http or https URL");
	assert_origin_rejected(
	    "{\"pool\":\"pool/../../etc/passwd\",\"sha256\":null}", "not a plain path");
}

static void only_plain_paths_are_plain(void **state)
{
	static const char *const plain[] = {"a", "pool/main/libs/libstdc++_1~rc1.deb", "a/..b/c."};
	static const char *const others[] = {
	    "", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "a b", "a?b", "a#b", "a\\b", "ä"};

	(void)state;
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		assert_true(pool_path_is_plain(plain[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(pool_path_is_plain(others[i]));
}

/* What a server or a folder's name puts into an error need not be UTF-8; the answer is. */
static void an_answer_is_always_utf8(void **state)
{
	struct wanted_file files[] = {
	    {.error = (char *)"/home/\xff: no space", .wrong = true},
	    {.arrived = true, .origin = 1, .url = (char *)"http://a.example/x"},
	    {.arrived = true},
	};
	const struct request request = {.files = files, .count = 3};
	_cleanup_free_ char *answer = request_answer(&request, "do\xfe this");
	json_t *read = json_loads(answer, 0, NULL), *list = json_object_get(read, "files");

	(void)state;
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "error")),
	    "/home/?: no space");
	assert_true(json_is_true(json_object_get(json_array_get(list, 0), "wrong")));
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "origin")), 1);
	assert_null(json_object_get(json_array_get(list, 2), "url"));
	assert_string_equal(json_string_value(json_object_get(read, "advice")), "do? this");
	json_decref(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_password_is_not_shown),
	    cmocka_unit_test(all_of_a_request_is_read),
	    cmocka_unit_test(wrong_forms_are_rejected),
	    cmocka_unit_test(wrong_origins_are_rejected),
	    cmocka_unit_test(only_plain_paths_are_plain),
	    cmocka_unit_test(an_answer_is_always_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
