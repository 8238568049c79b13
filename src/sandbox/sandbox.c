#include "sandbox/sandbox.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/memory.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define TERMINAL_FD (SANDBOX_JOBSERVER + 2)

/* A growing argument vector that owns its strings. */
struct arguments {
	char **items;
	size_t count;
};

static void add(struct arguments *a, char *owned)
{
	a->items = xgrow(a->items, a->count, sizeof(*a->items));
	a->items[a->count++] = owned;
}

static void add_option(struct arguments *a, const char *option, const char *value)
{
	add(a, xstrdup(option));
	add(a, xstrdup(value));
}

static void arguments_free(struct arguments *a)
{
	for (size_t i = 0; i < a->count; i++)
		free(a->items[i]);
	free(a->items);
}

static void add_limits(struct arguments *a, const struct sandbox_spec *spec)
{
	static const enum limit given[] = {LIMIT_CPU, LIMIT_MEMORY, LIMIT_PROCESSES, LIMIT_FILES};
	const uint64_t *most = spec->limits.most;

	if (most[LIMIT_TIME]) {
		add(a, xstrdup("--timeout"));
		add(a, xasprintf("%llu", (unsigned long long)most[LIMIT_TIME]));
	}
	for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
		if (most[given[i]]) {
			add(a, xstrdup("--limit"));
			add(a, xasprintf("%s=%llu", limit_name(given[i]),
				   (unsigned long long)most[given[i]]));
		}
	if (spec->cgroup)
		add_option(a, "--cgroup", spec->cgroup);
}

static void build_arguments(const struct sandbox_spec *spec, struct arguments *a)
{
	add(a, xstrdup(spec->program));
	add_option(a, "--isolation", spec->isolation);
	add_option(a, "--root", spec->root);
	add_option(a, "--chdir", spec->directory);
	for (size_t i = 0; i < spec->bind_count; i++) {
		const struct sandbox_bind *bind = &spec->binds[i];

		add(a, xstrdup(bind->is_given ? "--rw-all" : bind->writable ? "--rw" : "--ro"));
		add(a, xasprintf("%s:%s", bind->source, bind->destination));
	}
	for (size_t i = 0; spec->env[i]; i++)
		add_option(a, "--setenv", spec->env[i]);
	add_limits(a, spec);
	if (spec->jobserver) {
		add(a, xstrdup("--jobserver"));
		add(a, xasprintf("%d,%d", SANDBOX_JOBSERVER, SANDBOX_JOBSERVER + 1));
	}
	if (spec->input_fd)
		add(a, xstrdup("--stdin"));
	if (spec->terminal_fd) {
		add(a, xstrdup("--terminal"));
		add(a, xasprintf("%d", TERMINAL_FD));
	}
	add_option(a, "--report-fd", "3");
	add(a, xstrdup("--"));
	for (size_t i = 0; spec->command[i]; i++)
		add(a, xstrdup(spec->command[i]));
	add(a, NULL);
}

/* In the child, between fork and exec. */
static void exec_child(
    pid_t parent, char *const *argv, const struct sandbox_spec *spec, int report_fd)
{
	static char *const no_environment[] = {NULL};
	const int *pipe = spec->jobserver;
	struct child_fd fds[7];
	size_t count = 0;

	if (spec->input_fd)
		fds[count++] = (struct child_fd){spec->input_fd, 0};
	fds[count++] = (struct child_fd){spec->output_fd, 1};
	fds[count++] = (struct child_fd){spec->error_fd ? spec->error_fd : spec->output_fd, 2};
	fds[count++] = (struct child_fd){report_fd, 3};
	if (pipe) {
		fds[count++] = (struct child_fd){pipe[0], SANDBOX_JOBSERVER};
		fds[count++] = (struct child_fd){pipe[1], SANDBOX_JOBSERVER + 1};
	}
	if (spec->terminal_fd)
		fds[count++] = (struct child_fd){spec->terminal_fd, TERMINAL_FD};
	if (child_begin(parent, fds, count))
		_exit(SANDBOX_EXIT_SETUP);
	execve(argv[0], argv, no_environment);
	_exit(SANDBOX_EXIT_SETUP);
}

static int spawn(char *const *argv, const struct sandbox_spec *spec,
    struct sandbox_process *ret_process, struct err *e)
{
	_cleanup_close_ int read_end = -1, write_end = -1;
	pid_t parent = getpid(), pid;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	read_end = ends[0];
	write_end = ends[1];
	pid = children_fork();
	if (pid < 0)
		return err_errno(e, "start %s", argv[0]);
	if (!pid)
		exec_child(parent, argv, spec, write_end);
	children_add(spec->children, pid);
	*ret_process = (struct sandbox_process){pid, steal_fd(&read_end), spec->children};
	return 0;
}

int sandbox_check(const char *program, struct err *e)
{
	struct err cause;

	if (!access(program, X_OK))
		return 0;
	err_errno(&cause, "run %s", program);
	return err_kind(e, ERR_ENVIRONMENT,
	    "%s; it must stand beside minsys: `make programs` or `make install` puts it there",
	    cause.text);
}

int sandbox_start(
    const struct sandbox_spec *spec, struct sandbox_process *ret_process, struct err *e)
{
	struct arguments arguments = {0};
	int result;

	if (sandbox_check(spec->program, e))
		return -1;
	build_arguments(spec, &arguments);
	result = spawn(arguments.items, spec, ret_process, e);
	arguments_free(&arguments);
	return result;
}

int sandbox_wait(
    struct sandbox_process *process, struct sandbox_outcome *ret_outcome, struct err *e)
{
	_cleanup_close_ int error_fd = steal_fd(&process->error_fd);
	struct sandbox_report report = {0};
	ssize_t got;
	int status;

	while ((got = read(error_fd, &report, sizeof(report))) < 0 && errno == EINTR)
		;
	if (children_wait(process->children, process->pid, &status) < 0)
		return err_errno(e, "wait for the sandbox");
	if (got != sizeof(report))
		return err_kind(e, ERR_ENVIRONMENT,
		    WIFSIGNALED(status) ? "the sandbox was killed by signal %d"
					: "the sandbox ended early (exit status %d)",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (report.failed) {
		*e = report.error;
		return -1;
	}
	*ret_outcome = (struct sandbox_outcome){
	    .status = report.status,
	    .exceeded = report.exceeded < LIMIT_COUNT ? report.exceeded : LIMIT_NONE,
	    .most = report.most,
	};
	/* However it came, it is a text that ends. */
	memccpy(ret_outcome->weaker, report.weaker, 0, sizeof(ret_outcome->weaker) - 1);
	return 0;
}

int sandbox_trial(
    const char *program, const char *isolation, struct sandbox_outcome *ret_outcome, struct err *e)
{
	struct arguments arguments = {0};
	_cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct sandbox_process process;
	int result;

	if (sandbox_check(program, e))
		return -1;
	add(&arguments, xstrdup(program));
	add(&arguments, xstrdup("--trial"));
	add_option(&arguments, "--isolation", isolation);
	add_option(&arguments, "--report-fd", "3");
	add(&arguments, NULL);
	result = spawn(arguments.items, &(struct sandbox_spec){.output_fd = null}, &process, e);
	arguments_free(&arguments);
	return result ? -1 : sandbox_wait(&process, ret_outcome, e);
}
