#include "base/process.h"

#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"

#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define OUTPUT_LIMIT ((size_t)256 << 20)
#define LAST_WORDS 800
#define LOOK_AGAIN 20 /* milliseconds */

/* The standard streams are files in memory, not pipes: nobody can wait for the other for ever. */
struct streams {
	int fds[3];
};

static void streams_close(struct streams *streams)
{
	for (int i = 0; i < 3; i++)
		cleanup_close(&streams->fds[i]);
}

static int streams_open(struct streams *streams, const char *input, const char *name, struct err *e)
{
	for (int i = 0; i < 3; i++) {
		streams->fds[i] = memfd_create("minsys", MFD_CLOEXEC);
		if (streams->fds[i] < 0)
			return err_errno(e, "make a file in memory to run %s", name);
	}
	if (!input)
		return 0;
	if (file_write_all(streams->fds[0], input, strlen(input), "the input", e))
		return err_wrap(e, "run %s", name);
	lseek(streams->fds[0], 0, SEEK_SET);
	return 0;
}

static bool is_set_in(const char *variable, const char *const *env)
{
	size_t length = strcspn(variable, "=") + 1;

	for (size_t i = 0; env[i]; i++)
		if (!strncmp(variable, env[i], length))
			return true;
	return false;
}

/* This program's environment with changes; only the array is the caller's to free. */
static char **environment_with(const char *const *changes)
{
	static const char *const none[] = {NULL};
	char **all = NULL;
	size_t count = 0;

	if (!changes)
		changes = none;
	for (size_t i = 0; environ[i]; i++) {
		if (is_set_in(environ[i], changes))
			continue;
		all = xgrow(all, count, sizeof(*all));
		all[count++] = environ[i];
	}
	for (size_t i = 0; changes[i]; i++) {
		all = xgrow(all, count, sizeof(*all));
		all[count++] = (char *)changes[i];
	}
	all = xgrow(all, count, sizeof(*all));
	all[count] = NULL;
	return all;
}

static int spawn(const struct process *process, struct streams *streams, pid_t *ret_pid)
{
	_cleanup_free_ char **environment = environment_with(process->env);
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed;

	posix_spawnattr_init(&attributes);
	if (process->timeout_seconds || process->stop)
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, streams->fds[i], i);
	failed = posix_spawnp(ret_pid, process->argv[0], &actions, &attributes,
	    (char *const *)process->argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return failed;
}

/* Until it has ended or is to be; then its group is. */
static void watch(const struct process *process, pid_t pid, bool *ret_timed_out)
{
	uint64_t limit = clock_milliseconds() + process->timeout_seconds * 1000ULL;
	siginfo_t info = {0};

	while (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid) {
		*ret_timed_out = process->timeout_seconds && clock_milliseconds() >= limit;
		if (*ret_timed_out || (process->stop && *process->stop))
			break;
		nanosleep(&(struct timespec){0, LOOK_AGAIN * 1000000L}, NULL);
	}
	kill(-pid, SIGKILL);
}

static int wait_for(
    const struct process *process, pid_t pid, struct process_result *result, struct err *e)
{
	int status;

	if (process->timeout_seconds || process->stop)
		watch(process, pid, &result->timed_out);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, "wait for %s", process->argv[0]);
	result->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

static int read_back(int fd, const char *name, struct buf *ret_text, struct err *e)
{
	lseek(fd, 0, SEEK_SET);
	if (file_read_fd(fd, "what it wrote", OUTPUT_LIMIT, ret_text, e))
		return err_wrap(e, "run %s", name);
	return 0;
}

int process_run(const struct process *process, struct process_result *ret_result, struct err *e)
{
	_cleanup_(streams_close) struct streams streams = {{-1, -1, -1}};
	_cleanup_process_result_ struct process_result result = {0};
	const char *name = process->argv[0];
	pid_t pid;

	if (streams_open(&streams, process->input, name, e))
		return -1;
	errno = spawn(process, &streams, &pid);
	if (errno) {
		err_errno(e, "run %s", name);
		e->kind = ERR_ENVIRONMENT;
		return -1;
	}
	if (wait_for(process, pid, &result, e) ||
	    read_back(streams.fds[1], name, &result.output, e) ||
	    read_back(streams.fds[2], name, &result.errors, e))
		return -1;
	*ret_result = result;
	result = (struct process_result){0};
	return 0;
}

const char *process_last_words(struct process_result *result)
{
	struct buf *errors = &result->errors;
	const char *from, *line;

	while (errors->length && errors->data[errors->length - 1] == '\n')
		errors->data[--errors->length] = 0;
	if (errors->length <= LAST_WORDS)
		return buf_text(errors);
	from = errors->data + errors->length - LAST_WORDS;
	line = strchr(from, '\n');
	return line ? line + 1 : from;
}

void process_result_free(struct process_result *result)
{
	buf_free(&result->output);
	buf_free(&result->errors);
}
