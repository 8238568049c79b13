#include "build/build.h"

#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"
#include "build/perform.h"

#include <string.h>
#include <sys/file.h>

static size_t stage_index(const struct plan *plan, const struct stage *stage)
{
	for (size_t i = 0; i < plan->stage_count; i++)
		if (plan->stages[i] == stage)
			return i;
	abort(); /* a stage is always of its plan */
}

struct stage_result *build_result(const struct build *b, const struct stage *stage)
{
	return &b->results[stage_index(b->options->plan, stage)];
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
		b->results[stage_index(plan, stage)].asked = true;
	}
	return 0;
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
		b->results[i].wanted |= b->results[i].asked;
		if (!b->results[i].wanted)
			continue;
		for (size_t n = 0; n < stage->need_count; n++)
			b->results[stage_index(plan, stage->needs[n])].wanted = true;
		for (size_t s = 0; s < stage->source_count; s++)
			b->wanted_sources[stage->sources[s] - plan->sources] = true;
	}
	return 0;
}

void build_tell(const struct build *b, const struct event *event)
{
	b->options->watch->event(b->options->watch->context, b, event);
}

void build_notice(const struct build *b, const char *text)
{
	build_tell(b, &(struct event){.kind = EVENT_NOTICE, .text = text, .length = strlen(text)});
}

static void notice(void *context, const char *text)
{
	build_notice(context, text);
}

static void make_tasks(struct build *b)
{
	const struct plan *plan = b->options->plan;

	b->tasks = xcalloc(plan->stage_count, sizeof(*b->tasks));
	b->task_count = plan->stage_count;
	for (size_t i = 0; i < plan->stage_count; i++)
		b->tasks[i] = (struct task){TASK_STAGE, .name = plan->stages[i]->name, .index = i};
}

static int prepare(const struct build_options *options, struct build *b, struct err *e)
{
	const struct plan *plan = options->plan;

	*b = (struct build){
	    .options = options,
	    .host = {options->store, options->sandbox, options->choice},
	    .wanted_sources = xcalloc(plan->source_count, sizeof(bool)),
	    .results = xcalloc(plan->stage_count, sizeof(*b->results)),
	};
	b->inputs = (struct inputs){
	    .plan = plan,
	    .host = &b->host,
	    .fetch = options->fetch,
	    .notice = notice,
	    .context = b,
	    .sources = xcalloc(plan->source_count, sizeof(*b->inputs.sources)),
	    .wanted = b->wanted_sources,
	};
	make_tasks(b);
	return mark_wanted(b, e);
}

void build_free(struct build *b)
{
	for (size_t i = 0; b->results && i < b->options->plan->stage_count; i++)
		choice_free(&b->results[i].isolation);
	free(b->wanted_sources);
	free(b->results);
	free(b->tasks);
	free(b->inputs.sources);
	*b = (struct build){0};
}

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
	_cleanup_free_ char *isolation = NULL;

	if (store_record_read(b->host.store, "results", &result->key, &text, ret_found, e))
		return -1;
	if (!*ret_found)
		return 0;
	isolation = read_line(text.data, "isolation");
	text.data[strcspn(text.data, "\n")] = 0;
	if (digest_parse(text.data, &result->tree, e))
		return -1;
	choice_free(&result->isolation);
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
	buf_printf(&text, "%s\nisolation %s\nmilliseconds %llu\n",
	    digest_format(&result->tree, hex), isolation, (unsigned long long)milliseconds);
	return store_record_write(
	    b->host.store, "results", &action->key, text.data, text.length, e);
}

struct print {
	const struct build *build;
	const struct task *task;
};

static void print(void *context, const char *bytes, size_t length)
{
	struct print *p = context;

	build_tell(p->build, &(struct event){EVENT_OUTPUT, p->task, bytes, length, NULL});
}

static void enter(
    struct build *b, struct task *task, enum task_state state, const struct step_failure *failure)
{
	task->state = state;
	*(state == TASK_RUNNING ? &task->begin : &task->end) = clock_milliseconds();
	build_tell(b, &(struct event){EVENT_TASK, task, .failure = failure});
}

static int run_stage(
    struct build *b, const struct action *action, struct stage_result *result, struct err *e)
{
	struct task *task = &b->tasks[stage_index(b->options->plan, action->stage)];
	struct print context = {b, task};
	const struct step_output output = {&context, print};
	struct step_failure failure = {0};
	int status;

	enter(b, task, TASK_RUNNING, NULL);
	status = inputs_materialize(&b->inputs, action->stage, e);
	/* Before it runs: what a failed stage was made of is worth knowing too. */
	if (!status)
		status = store_record_write(b->host.store, "actions", &action->key,
		    action->text.data, action->text.length, e);
	if (!status)
		status = perform_action(b, action, b->options->jobs,
		    b->options->is_output_told ? &output : NULL, &result->tree, &failure, e);
	if (!status)
		status = write_result(b, action, result, clock_milliseconds() - task->begin, e);
	enter(b, task, status ? TASK_FAILED : TASK_DONE, &failure);
	step_failure_free(&failure);
	result->built = !status;
	return status ? err_wrap(e, "stage %s", action->stage->name) : 0;
}

/* Take the lock that one runner at a time holds for an action; returns it. Whoever waited finds
 * the result there. */
static int lock_action(struct build *b, const struct digest *key, struct err *e)
{
	char hex[DIGEST_HEX_SIZE], path[96];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "locks/%s", digest_format(key, hex));
	fd = openat(b->host.store->fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(e, "create %s/%s", b->host.store->path, path);
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return steal_fd(&fd);
	build_notice(b, "another minsys is building this stage; waiting for it");
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return err_errno(e, "lock %s", path);
	return steal_fd(&fd);
}

static int build_action(
    struct build *b, const struct action *action, struct stage_result *result, struct err *e)
{
	_cleanup_close_ int lock = -1;
	bool found;

	result->key = action->key;
	if (read_result(b, result, &found, e))
		return -1;
	if (!found) {
		if ((lock = lock_action(b, &action->key, e)) < 0 ||
		    read_result(b, result, &found, e))
			return -1;
	}
	if (!found)
		return run_stage(b, action, result, e);
	enter(b, &b->tasks[stage_index(b->options->plan, action->stage)], TASK_CACHED, NULL);
	return 0;
}

static int build_stage(
    struct build *b, const struct stage *stage, struct stage_result *result, struct err *e)
{
	struct action action;
	int status;

	if (perform_open(b, stage, &action, e))
		return -1;
	status = build_action(b, &action, result, e);
	action_free(&action);
	return status;
}

int build_run(const struct build_options *options, struct build *ret_build, struct err *e)
{
	if (prepare(options, ret_build, e) || inputs_prepare(&ret_build->inputs, e))
		return -1;
	for (size_t i = 0; i < options->plan->stage_count; i++)
		if (ret_build->results[i].wanted &&
		    build_stage(ret_build, options->plan->stages[i], &ret_build->results[i], e))
			return -1;
	return 0;
}

int build_download(const struct build_options *options, struct build *ret_build, struct err *e)
{
	return prepare(options, ret_build, e) ? -1 : inputs_download(&ret_build->inputs, e);
}
