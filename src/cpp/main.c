/*
 * minsys-cpp: what ccache runs in place of a preprocessor (its setting prefix_command_cpp). ccache
 * looks for a compiled file by the digest of its preprocessed text, and preprocessing is what is
 * left to do when it is found. This remembers the digests of texts, and by what they came about, so
 * that a text which would be the same is not made again; ccache gets a text that holds nothing but
 * the digest of the one that it stands for. (Warnings of the preprocessor are not remembered, and
 * ccache looks at them too: a file that has some is compiled twice before it is found.)
 *
 *	minsys-cpp COMPILER ARGUMENT... -E -o FILE SOURCE
 */
#include "cpp/memo.h"
#include "cpp/call.h"

#include "base/file.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static int fail(const char *doing, const char *what)
{
	fprintf(stderr, "minsys-cpp: %s %s: %s\n", doing, what, strerror(errno));
	return 1;
}

static int open_folder(void)
{
	const char *cache = getenv("CCACHE_DIR");
	_cleanup_close_ int cache_fd = cache ? open(cache, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct err ignored;

	return cache_fd < 0 ? -1 : folder_make(cache_fd, "cpp", 0755, &ignored);
}

/* Returns its exit status. */
static int compile(char *const *argv)
{
	pid_t pid;
	int status;

	errno = posix_spawn(&pid, argv[0], NULL, NULL, argv, environ);
	if (errno)
		return fail("run", argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail("wait for", argv[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int put_digest(const char *output, const struct digest *digest)
{
	_cleanup_close_ int fd = open(output, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0666);
	char hex[DIGEST_HEX_SIZE];
	struct err e;

	if (fd < 0)
		return fail("write", output);
	if (!file_write_all(fd, digest_format(digest, hex), sizeof(hex) - 1, output, &e))
		return 0;
	fprintf(stderr, "minsys-cpp: %s\n", e.text);
	return 1;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int folder_fd = -1;
	_cleanup_memo_ struct memo memo = {0};
	struct call call;
	struct timespec since;
	struct digest text;
	int status;

	if (argc < 2) {
		fputs("usage: minsys-cpp COMPILER ARGUMENT... -E -o FILE SOURCE\n", stderr);
		return 2;
	}
	argv++;
	if (!call_read(argv, &call) || (folder_fd = open_folder()) < 0) {
		execvp(argv[0], argv);
		return fail("run", argv[0]);
	}
	if (memo_find(folder_fd, &call.key, &text))
		return put_digest(call.output, &text);
	clock_gettime(CLOCK_REALTIME_COARSE, &since);
	status = compile(argv);
	if (status || !memo_make(&call, &since, &memo))
		return status;
	memo_put(folder_fd, &call.key, &memo);
	return put_digest(call.output, &memo.text);
}
