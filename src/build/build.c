#include "build/build.h"

#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"
#include "build/history.h"
#include "build/perform.h"
#include "build/schedule.h"
#include "build/trace.h"

#include <string.h>
#include <sys/file.h>

struct stage_result *build_result(const struct build *b, const struct stage *stage)
{
	return &b->results[stage->number];
}

static int want_named(struct build *b, struct err *e)
{
	const struct plan *plan = b->options->plan;

	for (size_t i = 0; b->options->stages && b->options->stages[i]; i++) {
		const struct stage *stage = plan_stage(plan, b->options->stages[i]);

		if (!stage)
			return err_kind(e, ERR_INPUT,
			    "there is no stage `%s`; `minsys list` shows those there are",
			    b->options->stages[i]);
		build_result(b, stage)->asked = true;
	}
	return 0;
}

static void want_sources(struct build *b, const struct source *const *sources, size_t count)
{
	for (size_t i = 0; i < count; i++)
		b->inputs.wanted[inputs_number(&b->inputs, sources[i])] = true;
}

/* Mark the stages asked for, all that they need, and the sources of those. */
static int mark_wanted(struct build *b, struct err *e)
{
	const struct plan *plan = b->options->plan;
	bool all = !b->options->stages || !b->options->stages[0];

	if (want_named(b, e))
		return -1;
	/* Backwards through an order in which needs come first. */
	for (size_t i = plan->stage_count; i-- > 0;) {
		const struct stage *stage = plan->stages[i];

		b->results[i].asked |= all;
		b->results[i].wanted |= b->results[i].asked && !b->options->needs_only;
		if (!b->results[i].wanted && !b->results[i].asked)
			continue;
		for (size_t n = 0; n < stage->need_count; n++)
			build_result(b, stage->needs[n])->wanted = true;
		want_sources(b, stage->sources, stage->source_count);
		if (stage->menu && !b->results[i].wanted)
			want_sources(b, stage->menu->sources, stage->menu->source_count);
	}
	return 0;
}

/* --- What is told --- */

void build_tell(struct build *b, const struct event *event)
{
	pthread_mutex_lock(&b->telling);
	b->options->watch->event(b->options->watch->context, b, event);
	pthread_mutex_unlock(&b->telling);
}

void build_notice(struct build *b, const char *text)
{
	build_tell(b, &(struct event){.kind = EVENT_NOTICE, .text = text, .length = strlen(text)});
}

void build_silence(struct build *b)
{
	pthread_mutex_lock(&b->telling);
}

static void notice(void *context, const char *text)
{
	build_notice(context, text);
}

/* All downloads at once are the only task. */
static void downloading(void *context, size_t number, const char *text)
{
	struct build *b = context;
	const struct task *unpack = number == INPUTS_ALL ? NULL : b->unpacks[number];
	const struct task *task = number == INPUTS_ALL ? b->tasks
				  : unpack	       ? unpack->needs[0]
						       : NULL;
	const struct build_watch *watch = b->options->watch;
	_cleanup_free_ char *line = xasprintf("%s\n", text);

	pthread_mutex_lock(&b->telling);
	if (task && task->state == TASK_RUNNING)
		watch->event(watch->context, b,
		    &(struct event){EVENT_OUTPUT, task, line, strlen(line), NULL, NULL});
	pthread_mutex_unlock(&b->telling);
	if (number == INPUTS_ALL)
		build_tell(b, &(struct event){.kind = EVENT_TICK});
}

/* --- The tasks --- */

static struct task *add_task(struct build *b, enum task_kind kind, const char *name, size_t index)
{
	struct task *task = &b->tasks[b->task_count++];

	*task = (struct task){.kind = kind, .name = name, .index = index};
	return task;
}

static void add_need(struct task *task, struct task *need)
{
	if (!need)
		return;
	task->needs = xgrow(task->needs, task->need_count, sizeof(struct task *));
	task->needs[task->need_count++] = need;
}

/* A folder of the project is in the store already. */
static void add_input(struct build *b, size_t number)
{
	const char *name = inputs_name(&b->inputs, number);
	bool is_tools = number == inputs_tools_root(&b->inputs);

	if (!b->inputs.wanted[number] || (!is_tools && b->options->plan->sources[number].path))
		return;
	b->unpacks[number] = add_task(b, TASK_DOWNLOAD, name, number) + 1;
	add_task(b, TASK_UNPACK, name, number);
	add_need(b->unpacks[number], b->unpacks[number] - 1);
}

static void add_stage(struct build *b, size_t number)
{
	const struct stage *stage = b->options->plan->stages[number];
	struct task *task;

	if (!b->results[number].wanted)
		return;
	task = b->stages[number] = add_task(b, TASK_STAGE, stage->name, number);
	add_need(task, b->unpacks[inputs_tools_root(&b->inputs)]);
	for (size_t i = 0; i < stage->source_count; i++)
		add_need(task, b->unpacks[inputs_number(&b->inputs, stage->sources[i])]);
	for (size_t i = 0; i < stage->need_count; i++)
		add_need(task, b->stages[stage->needs[i]->number]);
}

static void make_tasks(struct build *b)
{
	const struct plan *plan = b->options->plan;

	b->tasks = xcalloc(2 * b->inputs.count + plan->stage_count, sizeof(*b->tasks));
	for (size_t i = 0; i < b->inputs.count; i++)
		add_input(b, i);
	for (size_t i = 0; i < plan->stage_count; i++)
		add_stage(b, i);
}

static int prepare(const struct build_options *options, struct build *b, struct err *e)
{
	const struct plan *plan = options->plan;

	*b = (struct build){
	    .options = options,
	    .fetch = *options->fetch,
	    .host = {options->store, options->sandbox, options->preprocessor, &b->choice,
		&b->places, &b->children, NULL},
	    .results = xcalloc(plan->stage_count, sizeof(*b->results)),
	    .actions = xcalloc(plan->stage_count, sizeof(struct action *)),
	    .stages = xcalloc(plan->stage_count, sizeof(struct task *)),
	    .telling = PTHREAD_MUTEX_INITIALIZER,
	};
	places_open(&b->places);
	children_open(&b->children);
	b->fetch.children = &b->children;
	b->inputs = (struct inputs){
	    .plan = plan,
	    .host = &b->host,
	    .fetch = &b->fetch,
	    .notice = notice,
	    .downloading = downloading,
	    .context = b,
	};
	inputs_open(&b->inputs);
	b->demanded = xcalloc(b->inputs.count, sizeof(bool));
	b->unpacks = xcalloc(b->inputs.count, sizeof(struct task *));
	b->inputs.wanted[inputs_tools_root(&b->inputs)] = true;
	return mark_wanted(b, e);
}

static void free_action(struct build *b, size_t number)
{
	if (!b->actions[number])
		return;
	action_free(b->actions[number]);
	free(b->actions[number]);
	b->actions[number] = NULL;
}

void build_free(struct build *b)
{
	for (size_t i = 0; b->results && i < b->options->plan->stage_count; i++) {
		choice_free(&b->results[i].isolation);
		free_action(b, i);
	}
	for (size_t i = 0; i < b->task_count; i++)
		free(b->tasks[i].needs);
	if (b->results) {
		delegated_close(&b->delegated);
		places_close(&b->places);
		children_close(&b->children);
		pthread_mutex_destroy(&b->telling);
	}
	choice_free(&b->choice);
	inputs_close(&b->inputs);
	free(b->schedule);
	free(b->demanded);
	free(b->unpacks);
	free(b->stages);
	free(b->actions);
	free(b->results);
	free(b->tasks);
	*b = (struct build){0};
}

/* --- Results --- */

/* The text behind `name` and a space in one of the lines of `text`; NULL when there is none. The
 * caller frees it. */
static char *read_line(const char *text, const char *name)
{
	for (const char *line = strchr(text, '\n'); line; line = strchr(line, '\n')) {
		size_t length = strlen(name);

		line++;
		if (!strncmp(line, name, length) && line[length] == ' ')
			return xstrndup(line + length + 1, strcspn(line + length + 1, "\n"));
	}
	return NULL;
}

/* The first line of a result is the digest of the output; others say how it came about. */
static int read_result(struct build *b, struct stage_result *result, bool *ret_found, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_free_ char *isolation = NULL, *ccache = NULL, *jobs = NULL;

	if (store_record_read(b->host.store, "results", &result->key, &text, ret_found, e))
		return -1;
	if (!*ret_found)
		return 0;
	store_use_record(b->host.store, "results", &result->key);
	isolation = read_line(text.data, "isolation");
	ccache = read_line(text.data, "ccache");
	jobs = read_line(text.data, "jobs");
	text.data[strcspn(text.data, "\n")] = 0;
	if (digest_parse(text.data, &result->tree, e))
		return -1;
	choice_free(&result->isolation);
	result->ccache = ccache;
	result->jobs = jobs ? (unsigned)strtoul(jobs, NULL, 10) : 0;
	*ret_found = isolation && choice_parse(isolation, &result->isolation) &&
		     store_has_tree(b->host.store, &result->tree);
	return 0;
}

static int write_result(struct build *b, const struct action *action, struct stage_result *result,
    uint64_t milliseconds, struct err *e)
{
	_cleanup_free_ char *isolation = choice_format(b->host.choice);
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];

	choice_free(&result->isolation);
	result->isolation = choice_copy(b->host.choice);
	result->ccache = perform_has_ccache(b, action->stage);
	result->jobs = b->options->jobs;
	buf_printf(&text, "%s\nisolation %s\njobs %u\n%smilliseconds %llu\n",
	    digest_format(&result->tree, hex), isolation, result->jobs,
	    result->ccache ? "ccache true\n" : "", (unsigned long long)milliseconds);
	return store_record_write(
	    b->host.store, "results", &action->key, text.data, text.length, e);
}

/* --- Settling: what is there to do? --- */

static enum settled settle_download(struct build *b, size_t number)
{
	struct inputs *in = &b->inputs;

	if (in->items[number].is_known && (!b->demanded[number] || inputs_are_present(in, number)))
		return SETTLED_CACHED;
	return inputs_are_downloaded(in, number) ? SETTLED_CACHED : SETTLED_TO_RUN;
}

static enum settled settle_unpack(struct build *b, size_t number)
{
	struct inputs *in = &b->inputs;

	if (in->items[number].is_known && (!b->demanded[number] || inputs_are_present(in, number)))
		return SETTLED_CACHED;
	return SETTLED_TO_RUN;
}

/* Have it unpacked, if it is not there; true when that has to be waited for. */
static bool demand(struct build *b, size_t number)
{
	struct task *unpack = b->unpacks[number];

	if (!unpack || inputs_are_present(&b->inputs, number))
		return false;
	if (b->demanded[number])
		return true;
	b->demanded[number] = true;
	schedule_reopen(b->schedule, unpack->needs[0]);
	schedule_reopen(b->schedule, unpack);
	return true;
}

/* Steps have cgroups of their own where that can be had. Who asks for a limit that needs one is
 * told that it is not kept as it reads. */
static void delegate(struct build *b)
{
	const struct plan *plan = b->options->plan;
	struct err e = {0};

	if (!delegated_open(&b->delegated, &e)) {
		b->host.cgroup = b->delegated.path;
		return;
	}
	for (size_t i = 0; i < plan->stage_count; i++)
		if (b->results[i].wanted && plan->stages[i]->limits.most[LIMIT_MEMORY]) {
			_cleanup_free_ char *text = xasprintf(
			    "`memory` of stage %s bounds each of its processes alone, as it has no "
			    "cgroup: %.500s; `minsys doctor` says more",
			    plan->stages[i]->name, e.text);

			build_notice(b, text);
			return;
		}
}

int build_choose(struct build *b, struct err *e)
{
	if (b->choice.kind)
		return 0;
	if (b->has_no_choice) {
		*e = b->no_choice;
		return -1;
	}
	if (b->options->choose(b->options->context, &b->choice, e)) {
		b->has_no_choice = true;
		b->no_choice = *e;
		return -1;
	}
	build_tell(b, &(struct event){.kind = EVENT_ISOLATION});
	delegate(b);
	return 0;
}

static enum settled demand_inputs(struct build *b, const struct stage *stage, struct err *e)
{
	bool waits = false;

	if (build_choose(b, e))
		return SETTLED_FAILED;
	if (!b->choice.kind->in_place)
		waits |= demand(b, inputs_tools_root(&b->inputs));
	for (size_t i = 0; i < stage->source_count; i++)
		waits |= demand(b, inputs_number(&b->inputs, stage->sources[i]));
	return waits ? SETTLED_WAITING : SETTLED_TO_RUN;
}

static enum settled settle_stage(struct build *b, size_t number, struct err *e)
{
	const struct stage *stage = b->options->plan->stages[number];
	struct stage_result *result = &b->results[number];
	struct action action;
	bool found;

	if (b->actions[number])
		return demand_inputs(b, stage, e);
	if (perform_open(b, stage, &action, e))
		return SETTLED_FAILED;
	result->key = action.key;
	if (read_result(b, result, &found, e) || found) {
		action_free(&action);
		return found ? SETTLED_CACHED : SETTLED_FAILED;
	}
	b->actions[number] = xcalloc(1, sizeof(action));
	*b->actions[number] = action;
	return demand_inputs(b, stage, e);
}

static enum settled settle(void *context, struct task *task, struct err *e)
{
	struct build *b = context;

	switch (task->kind) {
	case TASK_DOWNLOAD:
		return settle_download(b, task->index);
	case TASK_UNPACK:
		return settle_unpack(b, task->index);
	default:
		return settle_stage(b, task->index, e);
	}
}

/* --- Running --- */

struct print {
	struct build *build;
	const struct task *task;
};

static void print(void *context, const char *bytes, size_t length)
{
	struct print *p = context;

	build_tell(p->build, &(struct event){EVENT_OUTPUT, p->task, bytes, length, NULL, NULL});
}

static int open_lock(const struct store *store, const char *path, struct err *e)
{
	int fd = openat(store->fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		return fd;
	err_errno(e, "create %s", path);
	return store_explain(store, e);
}

/* One that nobody held may have been removed before it was locked. */
static bool is_gone(int fd)
{
	struct stat status;

	return !fstat(fd, &status) && !status.st_nlink;
}

/* Take the lock that one runner at a time holds for an action; returns it. Whoever waited finds
 * the result there. */
static int lock_action(struct build *b, const char *name, const struct digest *key, struct err *e)
{
	char hex[DIGEST_HEX_SIZE], path[96];
	_cleanup_free_ char *text =
	    xasprintf("another minsys is building this stage, %s; waiting for it", name);

	snprintf(path, sizeof(path), "locks/%s", digest_format(key, hex));
	for (;;) {
		_cleanup_close_ int fd = open_lock(b->host.store, path, e);

		if (fd < 0)
			return -1;
		if (flock(fd, LOCK_EX | LOCK_NB)) {
			build_notice(b, text);
			while (flock(fd, LOCK_EX))
				if (errno != EINTR)
					return err_errno(e, "lock %s", path);
		}
		if (!is_gone(fd))
			return steal_fd(&fd);
	}
}

static int build_stage(struct build *b, struct task *task, struct jobserver_client *client,
    struct step_failure *failure, struct err *e)
{
	const struct action *action = b->actions[task->index];
	struct stage_result *result = &b->results[task->index];
	struct print context = {b, task};
	const struct step_output output = {&context, print};

	/* Before it runs: what a failed stage was made of is worth knowing too. */
	if (store_record_write(b->host.store, "actions", &action->key, action->text.data,
		action->text.length, e) ||
	    history_keep_files(b->host.store, action, e) ||
	    perform_action(b, action, client, b->options->is_output_told ? &output : NULL,
		&result->tree, failure, e) ||
	    write_result(b, action, result, clock_milliseconds() - task->begin, e))
		return -1;
	result->built = true;
	return 0;
}

static int run_stage(struct build *b, struct task *task, struct jobserver_client *client,
    bool *ret_was_done, struct step_failure *failure, struct err *e)
{
	struct stage_result *result = &b->results[task->index];
	_cleanup_close_ int lock = lock_action(b, task->name, &result->key, e);
	int status = -1;

	if (lock >= 0 && !read_result(b, result, ret_was_done, e))
		status = *ret_was_done ? 0 : build_stage(b, task, client, failure, e);
	free_action(b, task->index);
	return status ? err_wrap(e, "stage %s", task->name) : 0;
}

static int run(void *context, struct task *task, struct jobserver_client *client,
    bool *ret_was_done, struct step_failure *failure, struct err *e)
{
	struct build *b = context;

	switch (task->kind) {
	case TASK_DOWNLOAD:
		return inputs_download(&b->inputs, task->index, e);
	case TASK_UNPACK:
		return inputs_unpack(&b->inputs, task->index, e);
	default:
		return run_stage(b, task, client, ret_was_done, failure, e);
	}
}

/* --- All of it --- */

/* That no isolation works is better known before a download than after it. Without the history the
 * order is worse, and nothing else. */
static int begin(void *context, struct err *e)
{
	struct err unknown;

	if (history_expect(context, &unknown))
		build_notice(context, unknown.text);
	return build_choose(context, e);
}

static void tell(void *context, const struct event *event)
{
	build_tell(context, event);
}

static void lock_tasks(void *context)
{
	pthread_mutex_lock(&((struct build *)context)->telling);
}

static void unlock_tasks(void *context)
{
	pthread_mutex_unlock(&((struct build *)context)->telling);
}

/* Unpacking keeps to the one token. */
static enum stage_jobserver style(void *context, const struct task *task)
{
	const struct build *b = context;

	return task->kind == TASK_STAGE ? b->options->plan->stages[task->index]->jobserver
					: JOBSERVER_NONE;
}

/* All that cannot be had is told at once, before anything is begun. */
static int check_offline(struct build *b, struct err *e)
{
	_cleanup_free_ bool *missing = xcalloc(b->inputs.count, sizeof(bool));
	bool any = false;

	for (size_t i = 0; i < b->inputs.count && b->fetch.offline; i++)
		any |= missing[i] = b->unpacks[i] && !b->inputs.items[i].is_known;
	return any ? inputs_download_all(&b->inputs, missing, e) : 0;
}

/* What cannot be recorded is no reason to fail. */
static void record(struct build *b, int result, uint64_t began)
{
	struct err e;

	if (history_write(b,
		b->has_stopped ? HISTORY_STOPPED
		: result       ? HISTORY_FAILED
			       : HISTORY_DONE,
		began, &e) ||
	    (*b->record && trace_write(b->host.store, b->record, &e)))
		build_notice(b, e.text);
}

int build_run(const struct build_options *options, struct build *ret_build, struct err *e)
{
	struct build *b = ret_build;
	const struct schedule schedule = {
	    .context = b,
	    .settle = settle,
	    .begin = begin,
	    .run = run,
	    .tell = tell,
	    .lock = lock_tasks,
	    .unlock = unlock_tasks,
	    .style = style,
	    .jobs = options->jobs,
	    .keeps_going = options->keeps_going,
	    .stop = options->stop,
	    .children = &b->children,
	};
	uint64_t began = clock_milliseconds();
	int result;

	if (prepare(options, b, e) || inputs_look(&b->inputs, e))
		return -1;
	make_tasks(b);
	if (check_offline(b, e))
		return -1;
	/* Threads that are left to themselves outlive this function. */
	b->schedule = xcalloc(1, sizeof(schedule));
	*b->schedule = schedule;
	b->schedule->tasks = b->tasks;
	b->schedule->count = b->task_count;
	result = schedule_run(b->schedule, e);
	b->has_stopped = b->schedule->has_stopped;
	record(b, result, began);
	if (b->has_stopped)
		build_silence(b);
	return result;
}

int build_provide(struct build *b, const struct stage *stage, struct err *e)
{
	return build_choose(b, e) ? -1 : inputs_materialize(&b->inputs, stage, e);
}

int build_download(const struct build_options *options, struct build *ret_build, struct err *e)
{
	struct build *b = ret_build;
	struct task *task;
	int result;

	if (prepare(options, b, e))
		return -1;
	b->tasks = xcalloc(1, sizeof(*b->tasks));
	task = add_task(b, TASK_DOWNLOAD, "files", INPUTS_ALL);
	task->state = TASK_RUNNING;
	task->begin = clock_milliseconds();
	build_tell(b, &(struct event){.kind = EVENT_TASK, .task = task});
	result = inputs_download_all(&b->inputs, b->inputs.wanted, e);
	task->state = result ? TASK_FAILED : TASK_DONE;
	task->end = clock_milliseconds();
	build_tell(
	    b, &(struct event){.kind = EVENT_TASK, .task = task, .error = result ? e : NULL});
	return result;
}
