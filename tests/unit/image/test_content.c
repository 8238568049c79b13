/* A tree on a file system whose names can be longer than Linux's own. readdir and fstatat stand in
 * for one: these definitions go before the C library's. */
#include "base/memory.h"
#include "image/content.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static size_t name_length; /* of the only file */
static bool was_listed;

struct dirent *readdir(DIR *folder)
{
	static union {
		struct dirent entry;
		char room[offsetof(struct dirent, d_name) + 1024];
	} next;

	(void)folder;
	if (was_listed)
		return NULL;
	was_listed = true;
	memset(next.room, 0, sizeof(next.room));
	memset(next.room + offsetof(struct dirent, d_name), 'n', name_length);
	return &next.entry;
}

int fstatat(int folder_fd, const char *name, struct stat *ret_status, int flags)
{
	(void)folder_fd;
	(void)name;
	(void)flags;
	*ret_status = (struct stat){.st_mode = S_IFREG};
	return 0;
}

/* The faults of a tree with one file, whose name has so many bytes. */
static void gather(size_t length, struct buf *ret_faults)
{
	_cleanup_content_ struct content content = {.tree_fd = -1};
	_cleanup_faults_ struct faults faults = {0};
	const struct devices devices = {0};
	struct err e = {0};

	name_length = length;
	was_listed = false;
	if (content_gather("/", &devices, &content, &faults, &e))
		fail_msg("%s", e.text);
	assert_true(was_listed);
	faults_print(&faults, "t", ret_faults);
}

static void a_name_of_256_bytes_is_refused(void **state)
{
	_cleanup_buf_ struct buf fits = {0}, too_long = {0};

	(void)state;
	gather(255, &fits);
	assert_string_equal(buf_text(&fits), "");
	gather(256, &too_long);
	assert_non_null(strstr(buf_text(&too_long), "has a name longer than 255 bytes"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_name_of_256_bytes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
