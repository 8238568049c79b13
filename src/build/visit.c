/*
 * A visit to where a step runs: commands of a person's in the place of its script.
 */
#include "base/file.h"
#include "base/memory.h"
#include "build/run.h"

#include <signal.h>
#include <string.h>

#define RESULT_LIMIT (1UL << 20) /* bytes */

static int run_visitor(struct run *run, struct sandbox_outcome *ret_outcome, struct err *e)
{
	const struct step_visit *visit = run->visit;
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sandbox_process process;
	struct sandbox_spec spec = {
	    .command = visit->command,
	    .terminal_fd = visit->terminal_fd,
	    .input_fd = visit->input_fd,
	    .output_fd = visit->terminal_fd ? null : visit->output_fd,
	    .error_fd = visit->error_fd,
	};

	if (null < 0)
		return err_errno(e, "open /dev/null");
	if (run_start(run, &spec, &process, e))
		return -1;
	visit->attend(visit->context, process.error_fd);
	kill(process.pid, SIGKILL);
	return sandbox_wait(&process, ret_outcome, e);
}

/* The script, where the visitor can run it. */
static int write_script(struct run *run, struct err *e)
{
	_cleanup_close_ int fd = file_create_beneath(run->temp.fd, "tmp/run", 0644, e);
	const char *script = run->step->script;

	if (fd < 0)
		return -1;
	return file_write_all(fd, script, strlen(script), "the script", e);
}

static int read_result(struct run *run, struct err *e)
{
	struct step_visit *visit = run->visit;
	_cleanup_close_ int out = folder_open(run->temp.fd, "out", e);
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (out < 0)
		return -1;
	fd = file_open_beneath(out, visit->result, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, e);
	if (fd < 0 || fstat(fd, &status))
		return err_wrap(e, "read what it left in $OUT");
	if (!S_ISREG(status.st_mode))
		return err_set(e, "$OUT/%s is not a regular file", visit->result);
	if (file_read_fd(fd, visit->result, RESULT_LIMIT, &visit->ret_result, e)) {
		e->kind = ERR_FAILED;
		return -1;
	}
	return 0;
}

/* All that the visitor may change belongs to whom the commands run as. */
static void give_folders(struct run *run)
{
	for (size_t i = 0; i < run->bind_count; i++)
		run->binds[i].is_given = run->binds[i].writable;
}

/* That a command fails is nobody's failure: its status is returned. */
static int visit_and_read(struct run *run, struct err *e)
{
	struct sandbox_outcome outcome = {0};

	if (run_make_room(run, e) || write_script(run, e))
		return -1;
	give_folders(run);
	for (size_t i = 0; run->visit->env[i]; i++)
		run_add_env(run, xstrdup(run->visit->env[i]));
	if (run_in_place(run, &outcome, e) ||
	    (!outcome.status && run->visit->result && read_result(run, e)))
		return -1;
	return outcome.status;
}

int step_visit(
    const struct step_host *host, const struct step *step, struct step_visit *visit, struct err *e)
{
	struct run run;
	int status;

	if (run_open(&run, host, step, e))
		return -1;
	run.visit = visit;
	run.kept = visit->kept;
	run.command = run_visitor;
	status = visit_and_read(&run, e);
	if (status < 0)
		store_explain_disk(host->store, e);
	run_release(&run);
	return status;
}
