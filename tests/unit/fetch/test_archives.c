#include "base/memory.h"
#include "fetch/archives.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct archives parse(const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	struct archives archives;

	archives_parse(copy, &archives);
	return archives;
}

/* The bases, a space behind each. */
static void assert_bases(const char *text, const char *expected)
{
	struct archives archives = parse(text);
	_cleanup_buf_ struct buf bases = {0};

	for (size_t i = 0; i < archives.count; i++)
		buf_printf(&bases, "%s ", archives.items[i].base);
	assert_string_equal(buf_text(&bases), expected);
	archives_free(&archives);
}

static void takes_only_archives_of_debian(void **state)
{
	(void)state;
	assert_bases("", "");
	assert_bases("index|http://a.example/debian/|Debian|Debian\n", "http://a.example/debian/ ");
	assert_bases("index|https://packages.example/apt/|Google|Debian\n", "");
	assert_bases("index|http://ubuntu.example/|Ubuntu|Ubuntu\n", "");
	assert_bases("index|http://half.example/|Debian", "");
	assert_bases("index|ftp://a.example/|Debian|Debian\n", "");
}

static void main_archives_come_first_and_once(void **state)
{
	(void)state;
	assert_bases("index|http://s.example/security|Debian|Debian-Security\n"
		     "index|http://a.example/debian|Debian|Debian\n"
		     "index|http://a.example/debian/|Debian|Debian\n",
	    "http://a.example/debian/ http://s.example/security/ ");
}

static void folders_become_urls(void **state)
{
	(void)state;
	assert_bases("index|file:/srv/my mirror|Debian|Debian\n", "file:///srv/my%20mirror/ ");
	assert_bases("index|file:///srv/mirror/|Debian|Debian\n", "file:///srv/mirror/ ");
	assert_bases("index|copy:/srv/mirror/|Debian|Debian\n", "file:///srv/mirror/ ");
	assert_bases("index|file:relative|Debian|Debian\n", "");
}

static void lists_of_mirrors_are_read(void **state)
{
	char path[] = "/tmp/minsys-test-XXXXXX";
	static const char list[] = "http://one.example/debian\tpriority:1\n# none\n\n"
				   "https://two.example/debian/\n";
	_cleanup_free_ char *text = NULL;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, list, strlen(list)), strlen(list));
	close(fd);
	text = xasprintf("index|mirror+file:%s/|Debian|Debian\n", path);
	assert_bases(text, "http://one.example/debian/ https://two.example/debian/ ");
	unlink(path);
	assert_bases(text, "");
}

/* Where apt would ask counts only when it has no lists at all. */
static void guesses_count_only_without_an_index(void **state)
{
	static const char guess[] =
	    "'http://g.example/debian/dists/bookworm/InRelease' g_InRelease 0 \n";
	_cleanup_free_ char *both = xasprintf("%sindex|http://a.example/|Debian|Debian\n", guess);

	(void)state;
	assert_bases(guess, "http://g.example/debian/ ");
	assert_bases(both, "http://a.example/ ");
	assert_bases("'http://g.example/flat/InRelease' x 0\n", "");
}

static void assert_proxy(const char *base, const char *config, const char *expected)
{
	_cleanup_free_ char *text = xasprintf("index|%s|Debian|Debian\n%s", base, config);
	struct archives archives = parse(text);

	assert_int_equal(archives.count, 1);
	if (expected)
		assert_string_equal(archives.items[0].proxy, expected);
	else
		assert_null(archives.items[0].proxy);
	archives_free(&archives);
}

static void the_most_specific_proxy_counts(void **state)
{
	static const char general[] = "config|Acquire::http::Proxy|http://p.example:3128/\n";
	static const char own[] = "config|Acquire::http::Proxy|http://p.example:3128/\n"
				  "config|Acquire::http::Proxy::a.example|DIRECT\n";
	static const char https[] = "config|Acquire::http::Proxy|http://p.example:3128/\n"
				    "config|Acquire::https::Proxy|http://s.example/\n";

	(void)state;
	assert_proxy("http://a.example/", "", NULL);
	assert_proxy("http://a.example/", "config|Acquire::http::Proxy|\n", NULL);
	assert_proxy("http://a.example/", general, "http://p.example:3128/");
	assert_proxy("https://a.example/", general, "http://p.example:3128/");
	assert_proxy("http://a.example:8080/", own, "");
	assert_proxy("http://b.a.example/", own, "http://p.example:3128/");
	assert_proxy("https://a.example/", https, "http://s.example/");
	assert_proxy("http://a.example/", https, "http://p.example:3128/");
}

static void folder_urls_are_encoded(void **state)
{
	_cleanup_free_ char *plain = folder_url("/a/b"), *strange = folder_url("/ä#?%/");

	(void)state;
	assert_string_equal(plain, "file:///a/b/");
	assert_string_equal(strange, "file:///%C3%A4%23%3F%25/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_only_archives_of_debian),
	    cmocka_unit_test(main_archives_come_first_and_once),
	    cmocka_unit_test(folders_become_urls),
	    cmocka_unit_test(lists_of_mirrors_are_read),
	    cmocka_unit_test(guesses_count_only_without_an_index),
	    cmocka_unit_test(the_most_specific_proxy_counts),
	    cmocka_unit_test(folder_urls_are_encoded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
