#include "build/step.h"

#include "base/copy.h"
#include "base/file.h"
#include "base/memory.h"
#include "build/exceeded.h"
#include "build/run.h"

#include <poll.h>
#include <signal.h>
#include <string.h>

#define LOG_END_LINES 20
#define FIFO ".jobserver"
#define CACHE_SIZE "2G" /* as ccache takes it */

static void add_bind(struct run *run, char *source, char *destination, bool writable)
{
	run->binds = xgrow(run->binds, run->bind_count, sizeof(*run->binds));
	run->binds[run->bind_count++] = (struct sandbox_bind){source, destination, writable, false};
}

static int make_folder(struct run *run, const char *kind, struct err *e)
{
	const struct store *store = run->host->store;
	const char *kept = strcmp(kind, "build") ? NULL : run->kept;

	if (kept && folder_copy(store->fd, kept, run->temp.fd, kind, e))
		return err_wrap(e, "copy %s/%s", store->path, kept);
	if (kept ? fchmodat(run->temp.fd, kind, 0755, AT_SYMLINK_NOFOLLOW)
		 : mkdirat(run->temp.fd, kind, 0755))
		return err_errno(e, "make %s/%s/%s", store->path, run->temp.name, kind);
	return 0;
}

/* A folder of this run at its place below /minsys. */
static int add_folder(struct run *run, const char *kind, bool writable, struct err *e)
{
	const char *store = run->host->store->path;

	if (make_folder(run, kind, e))
		return -1;
	add_bind(run, xasprintf("%s/%s/%s", store, run->temp.name, kind),
	    xasprintf("/minsys/%s/%s", kind, run->step->name), writable);
	return 0;
}

static int write_input(struct run *run, const struct input_file *file, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("stage/%s", file->name);
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_close_ int folder_fd = folder_make(run->temp.fd, folder, 0755, e);
	_cleanup_close_ int fd = -1;

	if (folder_fd < 0)
		return -1;
	fd = file_create_beneath(run->temp.fd, path, file->executable ? 0755 : 0644, e);
	if (fd < 0)
		return -1;
	if (file_write_all(fd, buf_text(&file->content), file->content.length, path, e))
		return -1;
	return futimens(fd, tree_times) ? err_errno(e, "set the time of %s", path) : 0;
}

/* The folders that a file is in carry the one time too, `stage` itself included. */
static int set_folder_times(struct run *run, const char *file, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("stage/%s", file);

	return folder_set_times_above(run->temp.fd, path, tree_times, e);
}

/* Times too are input: an archive that a script makes of its files has them in it. */
static int write_files(struct run *run, struct err *e)
{
	for (size_t i = 0; i < run->step->file_count; i++)
		if (write_input(run, &run->step->files[i], e))
			return -1;
	for (size_t i = 0; i < run->step->file_count; i++)
		if (set_folder_times(run, run->step->files[i].name, e))
			return -1;
	return set_folder_times(run, "", e);
}

void run_add_env(struct run *run, char *owned)
{
	run->env = xrealloc(run->env, (run->env_count + 2) * sizeof(*run->env));
	run->env[run->env_count++] = owned;
	run->env[run->env_count] = NULL;
}

/* How many processes it may run at once, as its tool understands it. */
static void add_jobs(struct run *run)
{
	const struct step *step = run->step;
	const struct jobserver_client *client = step->jobserver;

	if (!client)
		run_add_env(run, xasprintf("MAKEFLAGS=-j%u", step->jobs));
	else if (client->style == JOBSERVER_SHARE)
		run_add_env(run, xasprintf("JOBS=%u", client->given + 1));
	else if (client->style == JOBSERVER_FIFO)
		run_add_env(
		    run, xasprintf("MAKEFLAGS=-j%u --jobserver-auth=fifo:/minsys/tmp/%s/" FIFO,
			     step->jobs, step->name));
	else
		run_add_env(run, xasprintf("MAKEFLAGS=-j%u --jobserver-auth=%d,%d", step->jobs,
				     SANDBOX_JOBSERVER, SANDBOX_JOBSERVER + 1));
}

/* All trees that the step was given, by the places where it sees them. */
static struct digest scope_of_inputs(const struct step *step)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];

	for (size_t i = 0; i < step->input_count; i++)
		buf_printf(&text, "%s %s\n", digest_format(step->inputs[i].tree, hex),
		    step->inputs[i].place);
	return digest_of(text.data, text.length);
}

/* Every mtime in the tools root is the same, so ccache may take no file for unchanged by that. It
 * reads what it knows to be part of a compiler each time (the driver, specs, plugins); the rest of
 * them, as cc1, the scope stands for. */
static void make_cache_env(struct run *run)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest scope;

	run_add_env(run, xasprintf("CCACHE_DIR=/minsys/ccache/%s", run->step->name));
	run_add_env(run, xasprintf("CCACHE_NAMESPACE=%s", digest_format(run->step->cache, hex)));
	run_add_env(run, xstrdup("CCACHE_COMPILERCHECK=content"));
	/* Its own way not to preprocess takes the change of any option of Kconfig for one of every
	 * file. */
	run_add_env(run, xasprintf("CCACHE_PREFIX_CPP=/minsys/cpp/%s/minsys-cpp", run->step->name));
	run_add_env(run, xstrdup("CCACHE_NODIRECT=1"));
	scope = scope_of_inputs(run->step);
	run_add_env(run, xasprintf("MINSYS_CPP_SCOPE=%s", digest_format(&scope, hex)));
	run_add_env(run, xstrdup("CCACHE_NOINODECACHE=1"));
	run_add_env(run, xstrdup("CCACHE_MAXSIZE=" CACHE_SIZE));
	/* None but this: a configuration file in the cache would be state of another kind. */
	run_add_env(run, xstrdup("CCACHE_CONFIGPATH=/dev/null"));
}

/* The environment is built from nothing. All of it is in the action's key or, like the number of
 * jobs, must not matter. */
static void make_env(struct run *run)
{
	const struct step *step = run->step;

	run_add_env(run, xasprintf("PATH=%s/usr/sbin:/usr/bin:/sbin:/bin",
			     step->cache ? "/usr/lib/ccache:" : ""));
	run_add_env(run, xstrdup("LC_ALL=C"));
	run_add_env(run, xstrdup("TZ=UTC"));
	run_add_env(run, xasprintf("OUT=/minsys/out/%s", step->name));
	run_add_env(run, xasprintf("HOME=/minsys/tmp/%s", step->name));
	run_add_env(run, xasprintf("TMPDIR=/minsys/tmp/%s", step->name));
	add_jobs(run);
	if (step->cache)
		make_cache_env(run);
	for (size_t list = 0; list < 2; list++)
		for (size_t i = 0; step->env[list] && i < step->env[list]->count; i++)
			run_add_env(run, xasprintf("%s=%s", step->env[list]->items[i].key,
					     step->env[list]->items[i].value));
}

static int make_fifo(struct run *run, struct err *e)
{
	struct jobserver_client *client = run->step->jobserver;

	if (!client || client->style != JOBSERVER_FIFO)
		return 0;
	return jobserver_make_fifo(client, run->temp.fd, "tmp/" FIFO, e);
}

static int add_cache(struct run *run, struct err *e)
{
	if (cache_take(run->host, run->step, &run->cache, e) || add_folder(run, "cpp", false, e) ||
	    cache_copy_preprocessor(run->host, run->temp.fd, e))
		return -1;
	add_bind(
	    run, xstrdup(run->cache.folder), xasprintf("/minsys/ccache/%s", run->step->name), true);
	/* Earlier steps, of other uids, have left things there. */
	run->binds[run->bind_count - 1].is_given = true;
	return 0;
}

static int make_binds(struct run *run, struct err *e)
{
	char path[96];

	if (add_folder(run, "build", true, e) || add_folder(run, "out", true, e) ||
	    add_folder(run, "tmp", true, e) || add_folder(run, "stage", false, e) ||
	    write_files(run, e) || make_fifo(run, e) || (run->step->cache && add_cache(run, e)))
		return -1;
	for (size_t i = 0; i < run->step->input_count; i++) {
		store_tree_path(run->step->inputs[i].tree, path);
		add_bind(run, xasprintf("%s/%s", run->host->store->path, path),
		    xasprintf("/minsys/%s", run->step->inputs[i].place), false);
	}
	return 0;
}

int run_make_room(struct run *run, struct err *e)
{
	if (make_binds(run, e))
		return -1;
	make_env(run);
	return 0;
}

/* What is behind the key in the names of what this run leaves: "" or ".<mark>". */
static char *mark_of(const struct step *step)
{
	return step->mark ? xasprintf(".%s", step->mark) : xstrdup("");
}

static char *log_path(const struct step *step, const struct digest *key)
{
	_cleanup_free_ char *mark = mark_of(step);
	char hex[DIGEST_HEX_SIZE];

	return xasprintf("logs/%s%s.log", digest_format(key, hex), mark);
}

static int open_log(struct run *run, const struct digest *key, struct err *e)
{
	_cleanup_free_ char *path = log_path(run->step, key);

	/* A new file each time: another runner may be reading, or writing, the old one. */
	unlinkat(run->host->store->fd, path, 0);
	run->log_fd =
	    openat(run->host->store->fd, path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	return run->log_fd < 0 ? err_errno(e, "create %s/%s", run->host->store->path, path) : 0;
}

static int exceed(const struct run *run, enum limit which, struct err *e)
{
	return exceeded_say(run->step->name, which, limit_of(&run->step->limits, which), e);
}

/* Pass on what the step has printed; false at the end of it. */
static bool relay(struct run *run, int pipe_fd, struct err *e, int *ret_result)
{
	const struct step_output *output = run->step->output;
	char chunk[65536];
	ssize_t got = read(pipe_fd, chunk, sizeof(chunk));

	if (got < 0 && errno == EINTR)
		return true;
	if (got <= 0)
		return false;
	run->log_bytes += (uint64_t)got;
	if (run->log_bytes > limit_of(&run->step->limits, LIMIT_LOG)) {
		*ret_result = exceed(run, LIMIT_LOG, e);
		return false;
	}
	if (file_write_all(run->log_fd, chunk, (size_t)got, "the log", e)) {
		*ret_result = -1;
		return false;
	}
	if (output)
		output->print(output->context, chunk, (size_t)got);
	return true;
}

/* Look at what it writes; false when that is too much. */
static bool look(struct run *run, struct err *e, int *ret_result)
{
	bool is_full = false;
	enum limit exceeded = meter_look(&run->meter, &is_full);

	if (exceeded)
		*ret_result = exceed(run, exceeded, e);
	else if (is_full) {
		errno = ENOSPC;
		*ret_result = err_errno(e, "it was ended as nothing more can be written");
	}
	return !exceeded && !is_full;
}

/* Wait for what it prints, or for the time to look at what it writes; false at the end. */
static bool attend(struct run *run, int pipe_fd, struct err *e, int *ret_result)
{
	struct pollfd ready = {.fd = pipe_fd, .events = POLLIN};
	int count = poll(&ready, 1, meter_wait(&run->meter));

	return look(run, e, ret_result) && (count <= 0 || relay(run, pipe_fd, e, ret_result));
}

/* Relay output until the last process that could print has ended, then learn how it went. */
static int follow(struct run *run, struct sandbox_process *process, int pipe_fd,
    struct sandbox_outcome *ret_outcome, struct err *e)
{
	struct err relay_error = {0};
	int result = 0;

	while (attend(run, pipe_fd, &relay_error, &result))
		;
	if (result)
		kill(process->pid, SIGKILL);
	if (sandbox_wait(process, ret_outcome, e))
		result = result ? result : -1;
	if (relay_error.text[0])
		*e = relay_error;
	return result;
}

int run_start(const struct run *run, struct sandbox_spec *spec, struct sandbox_process *ret_process,
    struct err *e)
{
	_cleanup_free_ char *directory = xasprintf("/minsys/build/%s", run->step->name);
	_cleanup_free_ char *root = NULL;
	char tools[96];

	store_tree_path(run->step->tools, tools);
	root = run->host->choice->kind->in_place
		   ? xstrdup("/")
		   : xasprintf("%s/%s", run->host->store->path, tools);
	spec->program = run->host->sandbox;
	spec->isolation = run->host->choice->kind->name;
	spec->root = root;
	spec->binds = run->binds;
	spec->bind_count = run->bind_count;
	spec->env = (const char *const *)run->env;
	spec->directory = directory;
	spec->children = run->host->children;
	spec->cgroup = run->host->cgroup;
	/* What programs can read is the same for a visitor. */
	for (enum limit l = LIMIT_MEMORY; l <= LIMIT_FILES; l++)
		spec->limits.most[l] = run->step->limits.most[l];
	return sandbox_start(spec, ret_process, e);
}

static int run_script(struct run *run, struct sandbox_outcome *ret_outcome, struct err *e)
{
	const char *command[] = {"/bin/sh", "-euc", run->step->script, run->step->name, NULL};
	_cleanup_close_ int read_end = -1, write_end = -1;
	const struct jobserver_client *client = run->step->jobserver;
	struct sandbox_process process;
	struct sandbox_spec spec = {
	    .command = command,
	    .limits.most = {[LIMIT_TIME] = limit_of(&run->step->limits, LIMIT_TIME),
		[LIMIT_CPU] = limit_of(&run->step->limits, LIMIT_CPU)},
	    .jobserver = client && client->style == JOBSERVER_PIPE ? client->ends : NULL,
	};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	read_end = ends[0];
	write_end = ends[1];
	spec.output_fd = write_end;
	if (run_start(run, &spec, &process, e))
		return -1;
	close(steal_fd(&write_end));
	return follow(run, &process, read_end, ret_outcome, e);
}

/* Is this the name of a build tree that was kept of this step: "<name>-", 8 digits of a key, and
 * the mark? */
static bool is_kept_name(const struct step *step, const char *name)
{
	_cleanup_free_ char *mark = mark_of(step);
	size_t length = strlen(step->name);

	if (strncmp(name, step->name, length) || name[length] != '-')
		return false;
	name += length + 1;
	return strspn(name, "0123456789abcdef") == 8 && !strcmp(name + 8, mark);
}

/* They can be large, and only the last one is of interest. */
static int remove_kept(struct run *run, struct err *e)
{
	int fd = folder_open(run->host->store->fd, "failed", e);
	_cleanup_closedir_ DIR *failed = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int more;

	if (!failed)
		return fd < 0 ? -1 : err_errno(e, "read failed");
	while ((more = folder_next(failed, "failed", &entry, e)) > 0)
		if (is_kept_name(run->step, entry->d_name) && tree_remove(fd, entry->d_name, e))
			return -1;
	return more;
}

char *step_kept(const struct step_host *host, const char *name, const struct digest *key)
{
	const struct step step = {.name = name};
	char hex[DIGEST_HEX_SIZE];
	_cleanup_free_ char *own = xasprintf("failed/%s-%.8s", name, digest_format(key, hex));
	struct err ignored;
	int fd = folder_open(host->store->fd, "failed", &ignored);
	_cleanup_closedir_ DIR *failed = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (store_use(host->store, own))
		return steal_ptr(&own);
	while (failed && (entry = readdir(failed))) {
		_cleanup_free_ char *other = xasprintf("failed/%s", entry->d_name);

		if (is_kept_name(&step, entry->d_name) && store_use(host->store, other))
			return steal_ptr(&other);
	}
	return NULL;
}

/* Keep the build tree where the next build will not need it. */
static int keep_tree(struct run *run, const char *name, struct err *e)
{
	if (remove_kept(run, e))
		return -1;
	/* A step may have taken its owner's right to move it. */
	mode_try(run->temp.fd, "build", 0700);
	if (renameat(run->temp.fd, "build", run->host->store->fd, name))
		return err_errno(e, "move it to %s/%s", run->host->store->path, name);
	return 0;
}

static void keep_failure(struct run *run, const struct digest *key, struct step_failure *failure)
{
	const char *store = run->host->store->path;
	_cleanup_free_ char *mark = mark_of(run->step);
	_cleanup_free_ char *log = log_path(run->step, key);
	_cleanup_free_ char *name = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct err e;

	name = xasprintf("failed/%s-%.8s%s", run->step->name, digest_format(key, hex), mark);
	failure->log = xasprintf("%s/%s", store, log);
	if (keep_tree(run, name, &e))
		failure->not_kept = xstrdup(e.text);
	else
		failure->folder = xasprintf("%s/%s", store, name);
}

/* Where the last lines of a text begin. `is_cut`: something stands before it, and its first line
 * may not be whole. */
static size_t last_lines(const char *text, size_t length, bool is_cut)
{
	const char *line_end;
	int lines = 0;

	for (size_t from = length; from > 0; from--)
		if (text[from - 1] == '\n' && from < length && ++lines == LOG_END_LINES)
			return from;
	line_end = is_cut ? memchr(text, '\n', length) : NULL;
	return line_end && line_end + 1 < text + length ? (size_t)(line_end + 1 - text) : 0;
}

static void read_log_end(int fd, struct buf *ret_end)
{
	char text[8192];
	off_t size = lseek(fd, 0, SEEK_END);
	off_t start = size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
	ssize_t got = pread(fd, text, sizeof(text), start);
	size_t from;

	if (got <= 0)
		return;
	from = last_lines(text, (size_t)got, start > 0);
	buf_add(ret_end, text + from, (size_t)got - from);
}

/* Had it too much? Capturing has opened up what could not be looked into. */
static int explain_capture(const struct run *run, struct err *e)
{
	enum limit exceeded = meter_measure(&run->meter);

	return exceeded ? exceed(run, exceeded, e) : err_wrap(e, "keep its output");
}

static int capture(struct run *run, struct digest *ret_tree, struct err *e)
{
	_cleanup_close_ int out = folder_open(run->temp.fd, "out", e);
	_cleanup_close_ int into = -1;
	_cleanup_buf_ struct buf manifest = {0};
	const struct tree_limits limits = {
	    .bytes = limit_of(&run->step->limits, LIMIT_OUTPUT),
	    .entries = limit_of(&run->step->limits, LIMIT_ENTRIES),
	};
	struct tree tree = {0};
	int result;

	if (out < 0 || (into = folder_make(run->temp.fd, "captured", 0755, e)) < 0)
		return -1;
	result = tree_capture(out, NULL, into, &limits, &tree, e);
	if (!result) {
		tree_encode(&tree, &manifest);
		result = store_tree_commit(
		    run->host->store, &run->temp, "captured", &manifest, ret_tree, e);
	}
	tree_free(&tree);
	return result ? explain_capture(run, e) : 0;
}

static int judge(const struct run *run, const struct sandbox_outcome *outcome, struct err *e)
{
	if (outcome->exceeded)
		return exceeded_say(run->step->name, outcome->exceeded, outcome->most, e);
	/* Whether a signal ended it or it exited with this status, nobody can tell. */
	if (outcome->status > 128 && outcome->status <= 128 + SIGRTMAX)
		return err_set(e, "exit status %d (128 + signal %d%s%s)", outcome->status,
		    outcome->status - 128, sigdescr_np(outcome->status - 128) ? ", " : "",
		    sigdescr_np(outcome->status - 128) ? sigdescr_np(outcome->status - 128) : "");
	return err_set(e, "exit status %d", outcome->status);
}

static int put_in_place(struct run *run, struct sandbox_outcome *ret_outcome, struct err *e)
{
	struct err later = {0};
	int result;

	if (!run->host->choice->kind->in_place)
		return run->command(run, ret_outcome, e);
	if (places_take(run->host->places, run->binds, run->bind_count, e))
		return -1;
	result = run->command(run, ret_outcome, e);
	if (places_return(run->host->places, run->binds, run->bind_count, &later) && !result) {
		*e = later;
		result = -1;
	}
	return result;
}

int run_in_place(struct run *run, struct sandbox_outcome *ret_outcome, struct err *e)
{
	if (put_in_place(run, ret_outcome, e))
		return -1;
	if (!*ret_outcome->weaker || run->host->choice->is_weaker_form)
		return 0;
	return err_kind(e, ERR_ENVIRONMENT, "it was isolated less than the trial had shown: %s",
	    ret_outcome->weaker);
}

static int run_and_capture(
    struct run *run, const struct digest *key, struct digest *ret_tree, struct err *e)
{
	struct sandbox_outcome outcome = {0};

	if (run_make_room(run, e) || open_log(run, key, e) ||
	    meter_open(&run->meter, &run->temp, &run->step->limits, e) ||
	    run_in_place(run, &outcome, e))
		return -1;
	if (!outcome.status && !outcome.exceeded)
		return capture(run, ret_tree, e);
	judge(run, &outcome, e);
	if (!outcome.exceeded && meter_is_full(run->temp.fd))
		e->errnum = ENOSPC;
	return -1;
}

int run_open(struct run *run, const struct step_host *host, const struct step *step, struct err *e)
{
	*run = (struct run){
	    .host = host,
	    .step = step,
	    .cache.fd = -1,
	    .meter = meter_none,
	    .command = run_script,
	    .log_fd = -1,
	};
	return store_temp_make(host->store, &run->temp, e);
}

void run_release(struct run *run)
{
	store_temp_remove(run->host->store, &run->temp);
	cache_release(&run->cache);
	meter_close(&run->meter);
	for (size_t i = 0; i < run->bind_count; i++) {
		free((char *)run->binds[i].source);
		free((char *)run->binds[i].destination);
	}
	free(run->binds);
	for (size_t i = 0; i < run->env_count; i++)
		free(run->env[i]);
	free(run->env);
	if (run->log_fd >= 0)
		close(run->log_fd);
}

int step_run(const struct step_host *host, const struct step *step, const struct digest *key,
    struct digest *ret_tree, struct step_failure *ret_failure, struct err *e)
{
	struct run run;
	int result;

	if (run_open(&run, host, step, e))
		return -1;
	result = run_and_capture(&run, key, ret_tree, e);
	if (result)
		store_explain_disk(host->store, e);
	if (result && e->kind == ERR_FAILED && run.log_fd >= 0) {
		keep_failure(&run, key, ret_failure);
		read_log_end(run.log_fd, &ret_failure->log_end);
		exceeded_guess(step->name, &step->limits, &ret_failure->log_end, e);
	}
	run_release(&run);
	return result;
}

void step_failure_free(struct step_failure *failure)
{
	free(failure->folder);
	free(failure->not_kept);
	free(failure->log);
	buf_free(&failure->log_end);
	*failure = (struct step_failure){0};
}
