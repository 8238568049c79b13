#include "archive.h"

#include "store/tree.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

static const struct tree_limits none = {0};

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* --- The text --- */

static void a_tree_is_read_back_as_it_was_written(void **state)
{
	static const char wanted[] = "l 1 \xff back\\x5cslash \xc3\xa4\n";
	_cleanup_buf_ struct buf text = {0}, again = {0};
	struct tree tree = {0}, decoded = {0};
	struct tree_entry *entry;
	struct err e = {0};

	(void)state;
	entry = tree_add(&tree, 'f', "d/file");
	entry->size = 12345678901234;
	assert_int_equal(digest_parse(HEX, &entry->digest, &e), 0);
	tree_add(&tree, 'l', "\xff")->target = xstrdup("back\\slash \xc3\xa4");
	tree_add(&tree, 'x', "d-file");
	tree_add(&tree, 'd', "d");
	tree_add(&tree, 'l', "new\nline and space")->target = xstrdup("\x01/\x7f");
	tree_encode(&tree, &text);
	assert_string_equal(text.data + text.length - strlen(wanted), wanted);
	assert_int_equal(strncmp(text.data, "d d\n", 4), 0);
	assert_non_null(strstr(text.data, "\nf " HEX " 12345678901234 d/file\n"));
	assert_non_null(strstr(text.data, "\nl 21 new\\x0aline and space \\x01/\\x7f\n"));
	assert_int_equal(tree_decode(text.data, text.length, &decoded, &e), 0);
	assert_int_equal(decoded.count, 5);
	tree_encode(&decoded, &again);
	assert_string_equal(again.data, text.data);
	tree_free(&tree);
	tree_free(&decoded);
	tree_free(&decoded);
}

static void an_empty_tree_is_the_empty_text(void **state)
{
	struct tree tree = {0};
	struct err e = {0};
	_cleanup_buf_ struct buf text = {0};

	(void)state;
	assert_int_equal(tree_decode("", 0, &tree, &e), 0);
	assert_int_equal(tree.count, 0);
	tree_encode(&tree, &text);
	assert_int_equal(text.length, 0);
}

static void only_the_canonical_text_is_read(void **state)
{
	static const char *const wrong[] = {"\n", "d", "d\n", "d \n", "d a", "D a\n", "d a\n\n",
	    "d a\nd a\n", "d b\nd a\n", "d a/b\nd a\n", "d /a\n", "d a/\n", "d a//b\n", "d ..\n",
	    "d .\n", "d a/../b\n", "d a\tb\n", "d a\\b\n", "d a\\x41\n", "d a\\x0A\n", "d a\\x00\n",
	    "d a\\x0\n", "d a\\\n", "d a\x7f\n", "d a\r\n", "f " HEX " 1 a", "f " HEX " 01 a\n",
	    "f " HEX " -1 a\n", "f " HEX "  1 a\n", "f " HEX " 1  a\n/", "f " HEX " 1 \n",
	    "f " HEX " 1\n", "f " HEX "\n", "f " HEX " 99999999999999999999 a\n", "f a 1 a\n",
	    "f \n", "f " HEX "a 1 a\n", "f " HEX " 1a\n", "l 1 a\n", "l 1 a \n", "l 0  b\n",
	    "l 2 a b\n", "l 01 a b\n", "l 1 ab\n", "l 99 a b\n", "l 1 a b\nl 1 a c\n",
	    "l 18446744073709551615 a b\n", "l 4 a\\x0a b\n", "l 1 a b\\x\n"};
	static const char upper[] =
	    "f Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 1 a\n";
	static const char nul[] = "d a\0b\n";
	struct tree tree = {0};
	struct err e = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		e.kind = 0;
		if (!tree_decode(wrong[i], strlen(wrong[i]), &tree, &e))
			fail_msg("`%s` was read", wrong[i]);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_null(tree.entries);
	}
	assert_int_equal(tree_decode(upper, strlen(upper), &tree, &e), -1);
	assert_int_equal(tree_decode(nul, sizeof(nul) - 1, &tree, &e), -1);
	/* The nearest right ones, so that the above are wrong for their own reason. */
	assert_int_equal(tree_decode("d a\nl 5 a\\x0a b\n", 16, &tree, &e), 0);
	tree_free(&tree);
}

/* Every text that is read is written back as it was, whatever it is. */
static void what_is_read_is_canonical(void **state)
{
	static const char text[] = "d a\nf " HEX " 10 a\\x0ab\nx " HEX " 0 a/b\nl 3 b/c a b\n";
	unsigned read = 0;
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 200000; round++) {
		char mutated[sizeof(text)];
		struct tree tree = {0};
		struct err e;

		memcpy(mutated, text, sizeof(text));
		for (int times = 0; times <= round % 3; times++) {
			static const char bytes[] = "\n \\x019afldx/.\xff";

			seed = seed * 1664525 + 1013904223;
			mutated[(seed >> 8) % (sizeof(text) - 1)] =
			    bytes[(seed >> 3) % (sizeof(bytes) - 1)];
		}
		if (!tree_decode(mutated, sizeof(text) - 1, &tree, &e)) {
			_cleanup_buf_ struct buf again = {0};

			tree_encode(&tree, &again);
			assert_int_equal(again.length, sizeof(text) - 1);
			assert_memory_equal(again.data, mutated, again.length);
			tree_free(&tree);
			read++;
		}
	}
	assert_true(read > 1000);
}

/* --- Capturing --- */

static void make_file(int folder, const char *name, mode_t mode, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

struct place_of_two {
	int from, to;
};

static struct place_of_two two_folders(struct place *p)
{
	struct place_of_two two;
	struct err e;

	two.from = folder_make(p->into, "from", 0755, &e);
	two.to = folder_make(p->into, "to", 0755, &e);
	assert_true(two.from >= 0 && two.to >= 0);
	return two;
}

static void close_two(struct place_of_two two)
{
	close(two.from);
	close(two.to);
}

/* The manifest of a capture that must succeed and be what a scan of the copy gives. */
static struct buf captured(struct place_of_two two, const char *const *include)
{
	struct buf text = {0};
	_cleanup_buf_ struct buf copy = {0};
	struct tree tree = {0};
	struct err e = {0};

	if (tree_capture(two.from, include, two.to, &none, &tree, &e))
		fail_msg("%s", e.text);
	tree_encode(&tree, &text);
	tree_free(&tree);
	if (tree_scan(two.to, &none, &tree, &e))
		fail_msg("%s", e.text);
	tree_encode(&tree, &copy);
	tree_free(&tree);
	assert_string_equal(buf_text(&copy), buf_text(&text));
	return text;
}

static mode_t mode_of(int folder, const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_mtime, TREE_MTIME);
	return status.st_mode;
}

static void a_copy_is_in_normal_form(void **state)
{
	struct place_of_two two = two_folders(*state);
	_cleanup_buf_ struct buf text = {0};
	struct stat one, other;

	assert_int_equal(mkdirat(two.from, "d", 0700), 0);
	make_file(two.from, "d/su", 06711, "#!");
	make_file(two.from, "plain", 0666, "x");
	make_file(two.from, "for-others", 0611, "x");
	assert_int_equal(linkat(two.from, "plain", two.from, "twin", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", two.from, "link"), 0);
	assert_int_equal(fchmodat(two.from, "d", 07777, 0), 0);
	text = captured(two, NULL);
	assert_int_equal(mode_of(two.to, "."), S_IFDIR | 0755);
	assert_int_equal(mode_of(two.to, "d"), S_IFDIR | 0755);
	assert_int_equal(mode_of(two.to, "d/su"), S_IFREG | 0755);
	assert_int_equal(mode_of(two.to, "plain"), S_IFREG | 0644);
	assert_int_equal(mode_of(two.to, "for-others"), S_IFREG | 0644);
	assert_int_equal(mode_of(two.to, "link") & S_IFMT, S_IFLNK);
	assert_int_equal(fstatat(two.to, "plain", &one, 0), 0);
	assert_int_equal(fstatat(two.to, "twin", &other, 0), 0);
	assert_int_equal(one.st_nlink, 1); /* two files of their own */
	assert_true(one.st_ino != other.st_ino);
	assert_int_equal(strncmp(text.data, "d d\nx ", 6), 0);
	assert_non_null(strstr(text.data, "\nl 4 link /etc/passwd\n"));
	close_two(two);
}

static void the_order_of_making_does_not_matter(void **state)
{
	static const char *const names[] = {
	    "b", "a", "a-b", "a.b", "B", "\xc3\xa4", "1", "10", "2"};
	const size_t count = sizeof(names) / sizeof(*names);
	struct buf texts[2] = {{0}};

	for (int round = 0; round < 2; round++) {
		struct place_of_two two = two_folders(*state);

		for (size_t i = 0; i < count; i++)
			make_file(
			    two.from, names[round ? count - 1 - i : i], round ? 0600 : 0664, "x");
		assert_int_equal(mkdirat(two.from, "a.d", round ? 0700 : 0775), 0);
		texts[round] = captured(two, NULL);
		close_two(two);
		empty_place(*state);
	}
	assert_string_equal(texts[0].data, texts[1].data);
	buf_free(&texts[0]);
	buf_free(&texts[1]);
}

static void only_what_is_included_is_taken(void **state)
{
	struct place_of_two two = two_folders(*state);
	static const char *const include[] = {"d", "gone", NULL}, *const nothing[] = {NULL};
	_cleanup_buf_ struct buf text = {0}, empty = {0};

	assert_int_equal(mkdirat(two.from, "d", 0755), 0);
	assert_int_equal(mkdirat(two.from, "d/other", 0755), 0);
	assert_int_equal(mkdirat(two.from, "other", 0755), 0);
	empty = captured(two, nothing);
	assert_int_equal(empty.length, 0);
	text = captured(two, include);
	assert_string_equal(text.data, "d d\nd d/other\n");
	close_two(two);
}

/* As root nothing is closed, and the test shows less. */
static void what_a_build_closed_is_opened_up(void **state)
{
	struct place_of_two two = two_folders(*state);
	_cleanup_buf_ struct buf text = {0};
	struct stat status;

	assert_int_equal(mkdirat(two.from, "d", 0755), 0);
	make_file(two.from, "d/file", 0000, "x");
	assert_int_equal(fchmodat(two.from, "d", 0000, 0), 0);
	assert_int_equal(mkdirat(two.from, "read-only", 0555), 0);
	text = captured(two, NULL);
	assert_non_null(strstr(text.data, " d/file\n"));
	assert_int_equal(mode_of(two.to, "read-only"), S_IFDIR | 0755);
	/* What could be read as it is was not touched: it may be the user's own. */
	assert_int_equal(fstatat(two.from, "read-only", &status, 0), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 0555);
	close_two(two);
}

static void refused(struct place_of_two two, const struct tree_limits *limits, const char *why)
{
	struct tree tree = {0};
	struct err e = {0};

	if (!tree_capture(two.from, NULL, two.to, limits, &tree, &e))
		fail_msg("it was captured: %s", why);
	if (!strstr(e.text, why))
		fail_msg("`%s` does not say `%s`", e.text, why);
	assert_null(tree.entries);
	if (!tree_scan(two.from, limits, &tree, &e))
		fail_msg("it was scanned: %s", why);
	assert_non_null(strstr(e.text, why));
}

static void what_the_user_closed_stays_closed(void **state)
{
	struct place_of_two two = two_folders(*state);
	struct tree tree = {0};
	struct stat status;
	struct err e = {0};

	if (geteuid())
		skip(); /* it could not be read at all */
	assert_int_equal(mkdirat(two.from, "d", 0100), 0);
	assert_int_equal(tree_scan(two.from, &none, &tree, &e), 0);
	assert_int_equal(tree.count, 1);
	tree_free(&tree);
	assert_int_equal(tree_import(two.from, NULL, two.to, &none, &tree, &e), 0);
	tree_free(&tree);
	assert_int_equal(fstatat(two.from, "d", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0100);
	assert_int_equal(fstatat(two.to, "d", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	close_two(two);
}

static void what_is_no_file_is_refused(void **state)
{
	struct place_of_two two = two_folders(*state);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(mkfifoat(two.from, "pi\x1bpe", 0644), 0);
	refused(two, &none, "pi?pe is a fifo");
	assert_int_equal(unlinkat(two.from, "pi\x1bpe", 0), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/into/from/socket",
	    ((struct place *)*state)->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	refused(two, &none, "socket is a socket");
	assert_int_equal(unlinkat(two.from, "socket", 0), 0);
	/* A device takes root; overlayfs lets anybody make 0:0. */
	if (mknodat(two.from, "null", S_IFCHR | 0666, makedev(1, 3)) &&
	    mknodat(two.from, "null", S_IFCHR | 0666, makedev(0, 0))) {
		print_message("no device: that takes root\n");
	} else {
		refused(two, &none, "null is a device");
	}
	close_two(two);
}

static void limits_hold_to_the_unit(void **state)
{
	struct place_of_two two = two_folders(*state);
	const struct tree_limits just = {.bytes = 10, .entries = 4, .depth = 2, .path = 6};
	struct tree tree = {0};
	struct err e = {0};
	int fd = folder_make(two.from, "a/b", 0755, &e);

	make_file(fd, "c1", 0644, "12345");
	make_file(fd, "c2", 0644, "12345");
	if (tree_capture(two.from, NULL, two.to, &just, &tree, &e))
		fail_msg("%s", e.text);
	assert_int_equal(tree.count, 4);
	tree_free(&tree);
	close_two(two);
	close(fd);
	empty_place(*state);
	for (int i = 0; i < 4; i++) {
		static const struct tree_limits limits[] = {
		    {.bytes = 9}, {.entries = 3}, {.depth = 1}, {.path = 5}};
		static const char *const why[] = {"it holds more than 9 bytes",
		    "there are more than 3 files and folders",
		    "folders are nested deeper than 1 at a/b", "is longer than 5 bytes"};

		two = two_folders(*state);
		fd = folder_make(two.from, "a/b", 0755, &e);
		make_file(fd, "c1", 0644, "12345");
		make_file(fd, "c2", 0644, "12345");
		refused(two, &limits[i], why[i]);
		close_two(two);
		close(fd);
		empty_place(*state);
	}
}

static void a_copy_of_a_tree_is_the_same_tree(void **state)
{
	struct place *p = *state;
	struct place_of_two two = two_folders(p);
	_cleanup_buf_ struct buf text = {0}, copied = {0};
	struct tree tree = {0};
	struct err e = {0};
	struct stat status;
	int copy;

	assert_int_equal(mkdirat(two.from, "d", 0755), 0);
	make_file(two.from, "d/run", 0755, "#!");
	make_file(two.from, "d/data", 0644, "");
	assert_int_equal(symlinkat("nowhere", two.from, "d/link"), 0);
	text = captured(two, NULL);
	assert_int_equal(tree_copy(two.to, -1, p->into, "copy", 1234567890, &e), 0);
	copy = folder_open(p->into, "copy", &e);
	assert_true(copy >= 0);
	assert_int_equal(tree_scan(copy, &none, &tree, &e), 0);
	tree_encode(&tree, &copied);
	assert_string_equal(buf_text(&copied), buf_text(&text));
	tree_free(&tree);
	for (const char *const *name = (const char *const[]){".", "d", "d/run", "d/link", NULL};
	     *name; name++) {
		assert_int_equal(fstatat(copy, *name, &status, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(status.st_mtime, 1234567890);
	}
	assert_int_equal(tree_copy(two.to, -1, p->into, "copy", 1, &e), -1); /* it is there */
	close(copy);
	close_two(two);
}

static ino_t inode(int folder, const char *name)
{
	struct stat status;

	assert_int_equal(fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status.st_ino;
}

/* What is the same there is linked to; what is another, or no link, or absent, is made. */
static void links_are_taken_from_what_is_alike(void **state)
{
	static const char *const names[] = {"d/same", "d/other", "d/file", "d/absent"};
	struct place *p = *state;
	struct place_of_two two = two_folders(p);
	_cleanup_buf_ struct buf text = {0}, copied = {0};
	struct tree tree = {0};
	struct err e = {0};
	int copy, alike;

	assert_int_equal(mkdirat(two.from, "d", 0755), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(symlinkat("there", two.from, names[i]), 0);
	text = captured(two, NULL);
	alike = folder_make(p->into, "alike", 0755, &e);
	close(folder_make(alike, "copy/d", 0755, &e));
	assert_int_equal(symlinkat("there", alike, "copy/d/same"), 0);
	assert_int_equal(symlinkat("elsewhere", alike, "copy/d/other"), 0);
	make_file(alike, "copy/d/file", 0644, "there");
	assert_int_equal(tree_copy(two.to, alike, p->into, "copy", 1234567890, &e), 0);
	copy = folder_open(p->into, "copy", &e);
	assert_int_equal(tree_scan(copy, &none, &tree, &e), 0);
	tree_encode(&tree, &copied);
	assert_string_equal(buf_text(&copied), buf_text(&text));
	tree_free(&tree);
	assert_true(inode(copy, "d/same") == inode(alike, "copy/d/same"));
	assert_true(inode(copy, "d/other") != inode(alike, "copy/d/other"));
	close(alike);
	close(copy);
	close_two(two);
}

/* Files that several threads read: each has the digest of what it holds. */
static void large_trees_are_read_by_all(void **state)
{
	struct place_of_two two = two_folders(*state);
	_cleanup_free_ char *content = xcalloc(3000001, 1);
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE], name[16];

	memset(content, 'x', 3000000);
	for (size_t i = 0; i < 40; i++) {
		size_t length = i % 4 ? i : 3000000 - 30000 * i;

		snprintf(name, sizeof(name), "f%zu", i);
		content[length] = 0;
		make_file(two.from, name, i % 3 ? 0644 : 0755, content);
		content[length] = 'x';
	}
	text = captured(two, NULL);
	for (size_t i = 0; i < 40; i++) {
		size_t length = i % 4 ? i : 3000000 - 30000 * i;
		struct digest digest = digest_of(content, length);
		_cleanup_free_ char *line = xasprintf(
		    "%c %s %zu f%zu\n", i % 3 ? 'f' : 'x', digest_format(&digest, hex), length, i);

		if (!strstr(text.data, line))
			fail_msg("there is no %s", line);
		snprintf(name, sizeof(name), "f%zu", i);
		assert_int_equal(mode_of(two.to, name), S_IFREG | (i % 3 ? 0644 : 0755));
	}
	assert_int_equal(mode_of(two.to, "."), S_IFDIR | 0755);
	close_two(two);
}

static void a_failure_among_many_files_is_one(void **state)
{
	struct place_of_two two = two_folders(*state);
	_cleanup_free_ char *content = xcalloc(2000001, 1);
	struct tree tree = {0};
	struct err e = {0};
	char name[16];

	memset(content, 'x', 2000000);
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		make_file(two.from, name, 0644, content);
	}
	make_file(two.to, "f7", 0644, "it is in the way");
	assert_int_equal(tree_capture(two.from, NULL, two.to, &none, &tree, &e), -1);
	assert_non_null(strstr(e.text, "create the copy of f7: File exists"));
	assert_null(tree.entries);
	close_two(two);
}

/* Zeros, data in the middle of a page, an end in the middle of one; and one that ends in zeros. */
static void zeros_are_not_written(void **state)
{
	static const off_t sizes[] = {12345678, 1 << 20, 4096, 5000};
	struct place_of_two two = two_folders(*state);
	_cleanup_buf_ struct buf text = {0};
	char name[16];

	for (size_t i = 0; i < 4; i++) {
		int fd;

		snprintf(name, sizeof(name), "f%zu", i);
		make_file(two.from, name, 0644, "");
		fd = openat(two.from, name, O_WRONLY | O_CLOEXEC);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		if (sizes[i] > 700000)
			assert_int_equal(pwrite(fd, "data", 4, 300000), 4);
		close(fd);
	}
	text = captured(two, NULL);
	for (size_t i = 0; i < 4; i++) {
		struct stat status;

		snprintf(name, sizeof(name), "f%zu", i);
		assert_int_equal(fstatat(two.to, name, &status, 0), 0);
		assert_int_equal(status.st_size, sizes[i]);
		assert_true(status.st_blocks * 512 <= 65536);
	}
	close_two(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tree_is_read_back_as_it_was_written),
	    cmocka_unit_test(an_empty_tree_is_the_empty_text),
	    cmocka_unit_test(only_the_canonical_text_is_read),
	    cmocka_unit_test(what_is_read_is_canonical),
	    PLACE_TEST(a_copy_is_in_normal_form),
	    PLACE_TEST(the_order_of_making_does_not_matter),
	    PLACE_TEST(only_what_is_included_is_taken),
	    PLACE_TEST(what_a_build_closed_is_opened_up),
	    PLACE_TEST(what_the_user_closed_stays_closed),
	    PLACE_TEST(what_is_no_file_is_refused),
	    PLACE_TEST(limits_hold_to_the_unit),
	    PLACE_TEST(a_copy_of_a_tree_is_the_same_tree),
	    PLACE_TEST(links_are_taken_from_what_is_alike),
	    PLACE_TEST(large_trees_are_read_by_all),
	    PLACE_TEST(a_failure_among_many_files_is_one),
	    PLACE_TEST(zeros_are_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
