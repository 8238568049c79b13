#include "base/file.h"
#include "base/memory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

struct fixture {
	char path[32];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err e;

	strcpy(f->path, "/tmp/minsys-test-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->fd = folder_open(AT_FDCWD, f->path, &e);
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err e;
	int result;

	close(f->fd);
	result = tree_remove(AT_FDCWD, f->path, &e);
	free(f);
	return result;
}

static void write_file(struct fixture *f, const char *name, const char *text)
{
	struct err e = {0};

	if (file_replace(f->fd, name, text, strlen(text), 0644, &e))
		fail_msg("%s", e.text);
}

static bool is_there(struct fixture *f, const char *name)
{
	return !faccessat(f->fd, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

static void a_file_is_replaced_as_a_whole(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf text = {0};
	struct err e = {0};
	struct stat status;

	write_file(f, "a", "one");
	assert_int_equal(file_replace(f->fd, "a", "two", 3, 0755, &e), 0);
	assert_int_equal(file_read(f->fd, "a", 3, &text, &e), 0);
	assert_string_equal(buf_text(&text), "two");
	assert_int_equal(fstatat(f->fd, "a", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	assert_int_equal(file_read(f->fd, "a", 2, &text, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_string_equal(buf_text(&text), "two");
}

static void replacing_what_cannot_be_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(mkdirat(f->fd, "a", 0755), 0);
	assert_int_equal(file_replace(f->fd, "a", "two", 3, 0644, &e), -1);
	assert_int_equal(e.errnum, EISDIR);
	assert_int_equal(unlinkat(f->fd, "a", AT_REMOVEDIR), 0);
	close(f->fd);
	assert_int_equal(rmdir(f->path), 0); /* it is empty */
	assert_int_equal(mkdir(f->path, 0755), 0);
	f->fd = folder_open(AT_FDCWD, f->path, &e);
}

static void a_fifo_does_not_hang_the_reader(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf text = {0};
	struct err e = {0};

	assert_int_equal(mkfifoat(f->fd, "fifo", 0644), 0);
	assert_int_equal(file_read(f->fd, "fifo", 100, &text, &e), 0);
	assert_int_equal(text.length, 0);
}

static void nothing_leads_out_of_the_folder(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int fd;

	write_file(f, "file", "x");
	assert_int_equal(symlinkat("/etc/passwd", f->fd, "absolute"), 0);
	assert_int_equal(symlinkat("../../etc/passwd", f->fd, "up"), 0);
	assert_int_equal(symlinkat("..", f->fd, "parent"), 0);
	assert_int_equal(symlinkat("/proc/self/root", f->fd, "magic"), 0);
	assert_int_equal(file_open_beneath(f->fd, "absolute", O_RDONLY, &e), -1);
	assert_int_equal(file_open_beneath(f->fd, "up", O_RDONLY, &e), -1);
	assert_int_equal(file_open_beneath(f->fd, "parent/x", O_RDONLY, &e), -1);
	assert_int_equal(file_open_beneath(f->fd, "magic/etc/passwd", O_RDONLY, &e), -1);
	assert_int_equal(file_open_beneath(f->fd, "../x", O_RDONLY, &e), -1);
	assert_int_equal(file_open_beneath(f->fd, "/etc/passwd", O_RDONLY, &e), -1);
	fd = file_open_beneath(f->fd, "file", O_RDONLY, &e);
	assert_true(fd >= 0);
	close(fd);
}

static void holes_are_copied_as_content(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	struct stat status;
	char last[4];
	int from = openat(f->fd, "from", O_RDWR | O_CREAT, 0644);
	int to = openat(f->fd, "to", O_RDWR | O_CREAT, 0644);

	assert_int_equal(pwrite(from, "end", 3, 10 << 20), 3);
	assert_int_equal(file_copy(from, to, "from", &e), 0);
	assert_int_equal(fstat(to, &status), 0);
	assert_int_equal(status.st_size, (10 << 20) + 3);
	assert_true(status.st_blocks < 2048);
	assert_int_equal(pread(to, last, 3, 10 << 20), 3);
	assert_memory_equal(last, "end", 3);
	close(from);
	close(to);
}

static void removal_follows_no_link_and_opens_what_is_closed(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	int fd;

	write_file(f, "kept", "x");
	fd = folder_make(f->fd, "tree/closed/inner", 0755, &e);
	assert_true(fd >= 0);
	assert_int_equal(symlinkat("../../../kept", fd, "link"), 0);
	assert_int_equal(symlinkat("../../..", fd, "folder"), 0);
	assert_int_equal(fchmod(fd, 0), 0);
	close(fd);
	assert_int_equal(fchmodat(f->fd, "tree/closed", 0, 0), 0);
	assert_int_equal(tree_remove(f->fd, "tree", &e), 0);
	assert_false(is_there(f, "tree"));
	assert_true(is_there(f, "kept"));
	assert_int_equal(tree_remove(f->fd, "tree", &e), 0);
}

/* A step may go down as far as the disk lets it. */
static void removal_knows_no_depth(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};
	const struct rlimit few = {256, 256};
	struct rlimit before;
	int fd = dup(f->fd);

	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		if (i % 100 == 50) { /* names that a removal may want for itself */
			close(openat(next, "deep-0", O_WRONLY | O_CREAT, 0644));
			assert_int_equal(fchmod(fd, 0555), 0);
		}
		close(fd);
		fd = next;
	}
	close(fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(
	    setrlimit(RLIMIT_NOFILE, &(struct rlimit){few.rlim_cur, before.rlim_max}), 0);
	if (tree_remove(f->fd, "d", &e))
		fail_msg("%s", e.text);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_false(is_there(f, "d"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(a_file_is_replaced_as_a_whole),
	    TEST(replacing_what_cannot_be_leaves_nothing_behind),
	    TEST(a_fifo_does_not_hang_the_reader),
	    TEST(nothing_leads_out_of_the_folder),
	    TEST(holes_are_copied_as_content),
	    TEST(removal_follows_no_link_and_opens_what_is_closed),
	    TEST(removal_knows_no_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
