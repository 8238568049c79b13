#include "sandbox/terminal.h"

#include "base/cleanup.h"

#include <fcntl.h>

int terminal_hide(struct terminal *ret_terminal, struct err *e)
{
	struct terminal terminal = {-1, {-1, -1, -1}};
	_cleanup_close_ int write_end = -1;
	int ends[2];

	for (int fd = 1; fd <= 2; fd++) {
		if (!isatty(fd))
			continue;
		if (write_end < 0 && pipe2(ends, O_CLOEXEC))
			return err_errno(e, "make a pipe");
		if (write_end < 0) {
			terminal.read_end = ends[0];
			write_end = ends[1];
		}
		terminal.saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		if (terminal.saved[fd] < 0 || dup2(write_end, fd) < 0)
			return err_errno(e, "put a pipe in the place of the terminal");
	}
	*ret_terminal = terminal;
	return 0;
}

static ssize_t pass(const struct terminal *terminal)
{
	int to = terminal->saved[1] < 0 ? terminal->saved[2] : terminal->saved[1];
	char chunk[4096];
	ssize_t got = read(terminal->read_end, chunk, sizeof(chunk));
	ssize_t put = 0;

	/* A terminal that is gone takes nothing; the step is none the wiser. */
	for (ssize_t done = 0; done < got && put >= 0; done += put)
		if ((put = write(to, chunk + done, (size_t)(got - done))) < 0 && errno == EINTR)
			put = 0;
	return got;
}

void terminal_pass(const struct terminal *terminal)
{
	pass(terminal);
}

void terminal_restore(struct terminal *terminal)
{
	ssize_t got;

	if (terminal->read_end < 0)
		return;
	for (int fd = 1; fd <= 2; fd++)
		if (terminal->saved[fd] >= 0)
			dup2(terminal->saved[fd], fd);
	while ((got = pass(terminal)) > 0 || (got < 0 && errno == EINTR))
		;
	close(steal_fd(&terminal->read_end));
}
