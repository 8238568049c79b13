#include "image/output.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <fcntl.h>
#include <sys/stat.h>

int output_begin(const char *path, struct output *ret_output, struct err *e)
{
	char *temporary = xasprintf("%s.%d.tmp", path, (int)getpid());
	int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0) {
		err_errno(e, "create %s", temporary);
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
	free(steal_ptr(&output->temporary));
	return 0;
}

void output_abandon(struct output *output)
{
	if (output->temporary)
		unlink(output->temporary);
	cleanup_close(&output->fd);
	free(output->temporary);
	*output = (struct output){.fd = -1};
}
