/* What a file's failure says, however long the folder's path is. */
#include "fetch/downloader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void refuse(const struct err *e, struct file *ret_file)
{
	static char folder[4000];
	static struct downloader downloader = {.folder = folder, .folder_fd = -1};

	memset(folder, 'f', sizeof(folder) - 1);
	*ret_file = (struct file){.downloader = &downloader};
	transfer_refuse(ret_file, 0, e);
}

static void assert_says(const struct file *file, const char *text)
{
	if (!strstr(file->fatal, text))
		fail_msg("'%s' is not in '%s'", text, file->fatal);
}

static void a_long_path_leaves_room_for_the_reason(void **state)
{
	struct file file;

	(void)state;
	refuse(&(struct err){.errnum = EACCES, .text = "open x: Permission denied"}, &file);
	assert_says(&file, "Permission denied");
	refuse(&(struct err){.errnum = ENOSPC, .text = "write x: No space"}, &file);
	assert_says(&file, "make room");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_long_path_leaves_room_for_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
