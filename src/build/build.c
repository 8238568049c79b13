#include "build/build.h"

#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"

#include <string.h>
#include <sys/file.h>

static size_t stage_index(const struct plan *plan, const struct stage *stage)
{
	for (size_t i = 0; i < plan->stage_count; i++)
		if (plan->stages[i] == stage)
			return i;
	abort(); /* a stage is always of its plan */
}

static const struct stage_result *result_of(const struct build *b, const struct stage *stage)
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
	    .notice = options->watch->notice,
	    .context = options->watch->context,
	    .sources = xcalloc(plan->source_count, sizeof(*b->inputs.sources)),
	    .wanted = b->wanted_sources,
	};
	return mark_wanted(b, e);
}

void build_free(struct build *b)
{
	for (size_t i = 0; b->results && i < b->options->plan->stage_count; i++)
		choice_free(&b->results[i].isolation);
	free(b->wanted_sources);
	free(b->results);
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

static int run_step_of(struct build *b, const struct action *action, struct stage_result *result,
    struct step_failure *failure, struct err *e)
{
	const struct stage *stage = action->stage;
	size_t count = stage->source_count + stage->need_count;
	_cleanup_free_ struct step_input *inputs = xcalloc(count, sizeof(*inputs));
	struct step step = {
	    .name = stage->name,
	    .script = stage->run,
	    .tools = &action->tools,
	    .inputs = inputs,
	    .input_count = count,
	    .files = action->files,
	    .file_count = action->file_count,
	    .env = {&b->options->plan->target.env, &stage->env},
	    .jobs = b->options->jobs,
	    .timeout_seconds = stage->timeout_seconds,
	    .echo = b->options->echo,
	};
	int status;

	for (size_t i = 0; i < stage->source_count; i++)
		inputs[i] = (struct step_input){
		    &action->sources[i], xasprintf("src/%s", stage->sources[i]->name)};
	for (size_t i = 0; i < stage->need_count; i++)
		inputs[stage->source_count + i] =
		    (struct step_input){&action->needs[i], xstrdup(stage->needs[i]->provides)};
	status = step_run(&b->host, &step, &action->key, &result->tree, failure, e);
	for (size_t i = 0; i < count; i++)
		free((char *)inputs[i].place);
	return status;
}

static int run_stage(
    struct build *b, const struct action *action, struct stage_result *result, struct err *e)
{
	const struct build_watch *watch = b->options->watch;
	struct step_failure failure = {0};
	uint64_t begin = clock_milliseconds();
	int status;

	watch->stage(watch->context, action->stage, STAGE_RUNNING, 0, NULL);
	status = inputs_materialize(&b->inputs, action->stage, e);
	/* Before it runs: what a failed stage was made of is worth knowing too. */
	if (!status)
		status = store_record_write(b->host.store, "actions", &action->key,
		    action->text.data, action->text.length, e);
	if (!status)
		status = run_step_of(b, action, result, &failure, e);
	if (!status)
		status = write_result(b, action, result, clock_milliseconds() - begin, e);
	watch->stage(watch->context, action->stage, status ? STAGE_FAILED : STAGE_BUILT,
	    clock_milliseconds() - begin, &failure);
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
	b->options->watch->notice(
	    b->options->watch->context, "another minsys is building this stage; waiting for it");
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return err_errno(e, "lock %s", path);
	return steal_fd(&fd);
}

static int build_action(
    struct build *b, const struct action *action, struct stage_result *result, struct err *e)
{
	const struct build_watch *watch = b->options->watch;
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
	watch->stage(watch->context, action->stage, STAGE_CACHED, 0, NULL);
	return 0;
}

static int build_stage(
    struct build *b, const struct stage *stage, struct stage_result *result, struct err *e)
{
	struct action action;
	int status;

	if (action_open(b->options->plan, stage, &action, e))
		return -1;
	action.tools = b->inputs.tools;
	for (size_t i = 0; i < stage->source_count; i++)
		action.sources[i] = *inputs_source(&b->inputs, stage->sources[i]);
	for (size_t i = 0; i < stage->need_count; i++)
		action.needs[i] = result_of(b, stage->needs[i])->tree;
	action_seal(b->options->plan, &action);
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
