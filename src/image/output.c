#include "image/output.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

/* What a signal's handler removes; NULL: nothing. */
static const char *volatile unfinished;

/* Registered to be called once: the signal, sent again, ends the program as it should. */
static void remove_unfinished(int number)
{
	if (unfinished)
		unlink(unfinished);
	raise(number);
}

static void watch_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	const struct sigaction action = {
	    .sa_handler = remove_unfinished,
	    .sa_flags = (int)SA_RESETHAND,
	};
	struct sigaction old;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (!sigaction(numbers[i], NULL, &old) && old.sa_handler == SIG_DFL)
			sigaction(numbers[i], &action, NULL);
}

int output_begin(const char *path, struct output *ret_output, struct err *e)
{
	char *temporary = xasprintf("%s.%d.tmp", path, (int)getpid());
	int fd = -1;

	/* Before the file is there, so that no signal comes between. */
	unfinished = temporary;
	watch_signals();
	fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0) {
		err_errno(e, "create %s", temporary);
		unfinished = NULL;
		free(temporary);
		return -1;
	}
	*ret_output = (struct output){path, temporary, fd};
	return 0;
}

int output_finish(struct output *output, struct err *e)
{
	if (fchmod(output->fd, 0644))
		return err_errno(e, "set the mode of %s", output->temporary);
	/* Else a crash soon after could leave the name with half an image. */
	if (fsync(output->fd))
		return err_errno(e, "flush %s", output->temporary);
	/* Some network file systems say only here that the disk is full. */
	if (close(steal_fd(&output->fd)))
		return err_errno(e, "write %s", output->temporary);
	if (rename(output->temporary, output->path))
		return err_errno(e, "rename %s to %s", output->temporary, output->path);
	unfinished = NULL;
	free(steal_ptr(&output->temporary));
	return 0;
}

void output_abandon(struct output *output)
{
	if (output->temporary)
		unlink(output->temporary);
	unfinished = NULL;
	cleanup_close(&output->fd);
	free(output->temporary);
	*output = (struct output){.fd = -1};
}

static int open_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
	    slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* From there upwards until the tree is met, or the root, which is its own parent. */
bool output_is_in_tree(const char *path, int tree_fd)
{
	_cleanup_close_ int fd = open_folder_of(path);
	struct stat tree, here, below = {0};

	if (fstat(tree_fd, &tree))
		return false;
	while (fd >= 0 && !fstat(fd, &here) && !is_same(&here, &below)) {
		int above;

		if (is_same(&here, &tree))
			return true;
		above = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		close(fd);
		fd = above;
		below = here;
	}
	return false;
}
