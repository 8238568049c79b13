#include "base/copy.h"

#include "base/file.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

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
	return f->fd < 0 || mkdirat(f->fd, "from", 0755) ? -1 : 0;
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

static void write_file(struct fixture *f, const char *name, const char *text, mode_t mode)
{
	struct err e = {0};

	if (file_replace(f->fd, name, text, strlen(text), mode, &e))
		fail_msg("%s", e.text);
}

static void copy(struct fixture *f)
{
	struct err e = {0};

	if (folder_copy(f->fd, "from", f->fd, "into", &e))
		fail_msg("%s", e.text);
}

static struct stat look(struct fixture *f, const char *name)
{
	struct stat status;

	if (fstatat(f->fd, name, &status, AT_SYMLINK_NOFOLLOW))
		fail_msg("%s is not there", name);
	return status;
}

static void set_time(struct fixture *f, const char *name, time_t seconds)
{
	const struct timespec times[2] = {{seconds, 5}, {seconds, 123456789}};

	assert_int_equal(utimensat(f->fd, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void assert_same(struct fixture *f, const char *from, const char *into)
{
	struct stat a = look(f, from), b = look(f, into);

	assert_int_equal(a.st_mode, b.st_mode);
	assert_int_equal(a.st_mtim.tv_sec, b.st_mtim.tv_sec);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
}

static void modes_times_and_contents_are_kept(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf text = {0};
	struct err e = {0};

	assert_int_equal(mkdirat(f->fd, "from/sub", 0755), 0);
	write_file(f, "from/sub/file", "content", 0640);
	write_file(f, "from/program", "#!/bin/sh", 0751);
	assert_int_equal(symlinkat("nowhere", f->fd, "from/link"), 0);
	assert_int_equal(mkfifoat(f->fd, "from/fifo", 0600), 0);
	set_time(f, "from/sub/file", 1000000);
	set_time(f, "from/link", 2000000);
	set_time(f, "from/sub", 3000000);
	copy(f);
	assert_same(f, "from/sub/file", "into/sub/file");
	assert_same(f, "from/program", "into/program");
	assert_same(f, "from/link", "into/link");
	assert_same(f, "from/sub", "into/sub");
	assert_int_equal(look(f, "into/fifo").st_mode, S_IFIFO | 0600);
	assert_int_equal(file_read(f->fd, "into/sub/file", 100, &text, &e), 0);
	assert_string_equal(text.data, "content");
}

static void what_is_closed_to_its_owner_is_copied_and_left_so(void **state)
{
	struct fixture *f = *state;
	_cleanup_buf_ struct buf text = {0};
	struct err e = {0};

	assert_int_equal(mkdirat(f->fd, "from/sub", 0755), 0);
	write_file(f, "from/sub/file", "closed", 0200);
	assert_int_equal(fchmodat(f->fd, "from/sub", 0, 0), 0);
	copy(f);
	assert_int_equal(look(f, "from/sub").st_mode, S_IFDIR);
	assert_int_equal(look(f, "into/sub").st_mode, S_IFDIR);
	assert_int_equal(fchmodat(f->fd, "into/sub", 0700, 0), 0);
	assert_int_equal(look(f, "into/sub/file").st_mode, S_IFREG | 0200);
	assert_int_equal(fchmodat(f->fd, "into/sub/file", 0600, 0), 0);
	assert_int_equal(file_read(f->fd, "into/sub/file", 100, &text, &e), 0);
	assert_string_equal(text.data, "closed");
}

static void setuid_is_lost(void **state)
{
	struct fixture *f = *state;

	write_file(f, "from/program", "", 0755);
	assert_int_equal(fchmodat(f->fd, "from/program", 04755, 0), 0);
	copy(f);
	assert_int_equal(look(f, "into/program").st_mode, S_IFREG | 0755);
}

static void a_copy_of_a_linked_file_is_its_own(void **state)
{
	struct fixture *f = *state;

	write_file(f, "from/a", "one", 0644);
	assert_int_equal(linkat(f->fd, "from/a", f->fd, "from/b", 0), 0);
	copy(f);
	assert_int_equal(look(f, "into/a").st_nlink, 1);
	assert_int_equal(look(f, "into/b").st_size, 3);
}

static void links_lead_nowhere(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(symlinkat("from", f->fd, "link"), 0);
	assert_int_equal(folder_copy(f->fd, "link", f->fd, "into", &e), -1);
	assert_non_null(strstr(e.text, "link"));
}

static void what_is_there_already_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct err e = {0};

	assert_int_equal(mkdirat(f->fd, "into", 0755), 0);
	assert_int_equal(folder_copy(f->fd, "from", f->fd, "into", &e), -1);
	assert_int_equal(e.errnum, EEXIST);
}

static void folders_without_end_are_refused(void **state)
{
	struct fixture *f = *state;
	int fd = openat(f->fd, "from", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err e = {0};

	for (int i = 0; i < 300 && fd >= 0; i++) {
		int below =
		    mkdirat(fd, "d", 0755) ? -1 : openat(fd, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = below;
	}
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(folder_copy(f->fd, "from", f->fd, "into", &e), -1);
	assert_non_null(strstr(e.text, "nested deeper"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(modes_times_and_contents_are_kept),
	    TEST(what_is_closed_to_its_owner_is_copied_and_left_so),
	    TEST(setuid_is_lost),
	    TEST(a_copy_of_a_linked_file_is_its_own),
	    TEST(links_lead_nowhere),
	    TEST(what_is_there_already_is_an_error),
	    TEST(folders_without_end_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
