#include "base/children.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int told[2];	  /* by the child, that it is there */
static int free_to_go[2]; /* the child waits for the end of this */

/* A child that is slow to become another program, as on a machine with much to do. */
static void *start_slowly(void *unused)
{
	pid_t parent = getpid(), pid = children_fork();
	int status;

	(void)unused;
	if (!pid) {
		const struct timespec while_others_run = {.tv_nsec = 300000000};
		char byte;

		close(free_to_go[1]);
		if (write(told[1], "", 1) == 1 && !read(free_to_go[0], &byte, 1))
			nanosleep(&while_others_run, NULL);
		if (!child_begin(parent, NULL, 0))
			execl("/bin/true", "true", NULL);
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return NULL;
}

static void write_program(int fd)
{
	_cleanup_close_ int from = open("/bin/true", O_RDONLY | O_CLOEXEC);
	struct stat status;

	assert_true(from >= 0 && !fstat(from, &status));
	assert_int_equal(sendfile(fd, from, NULL, (size_t)status.st_size), status.st_size);
}

static void what_was_written_can_be_run(void **state)
{
	char path[] = "/tmp/minsys-test-XXXXXX", *argv[] = {path, NULL}, byte;
	int fd = mkostemp(path, O_CLOEXEC), status;
	pthread_t thread;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0 && !fchmod(fd, 0755) && !pipe2(told, O_CLOEXEC) &&
		    !pipe2(free_to_go, O_CLOEXEC));
	write_program(fd);
	assert_int_equal(pthread_create(&thread, NULL, start_slowly, NULL), 0);
	/* Now the child has the descriptor too. */
	assert_int_equal(read(told[0], &byte, 1), 1);
	close(fd);
	assert_int_equal(posix_spawn(&pid, path, NULL, NULL, argv, environ), ETXTBSY);
	close(free_to_go[1]);
	children_settle();
	assert_int_equal(posix_spawn(&pid, path, NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pthread_join(thread, NULL);
	close(told[0]);
	close(told[1]);
	close(free_to_go[0]);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_written_can_be_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
