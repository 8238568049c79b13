#include "build/check.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/perform.h"
#include "build/schedule.h"

#include <string.h>

/* --- Comparing --- */

static int read_tree(
    struct store *store, const struct digest *digest, struct tree *ret_tree, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (store_tree_manifest(store, digest, &text, e))
		return -1;
	return tree_decode(buf_text(&text), text.length, ret_tree, e);
}

static const char *first_file(const struct check *check)
{
	for (size_t i = 0; i < check->change_count; i++)
		if (check->changes[i].kind == TREE_CONTENT)
			return check->changes[i].path;
	return NULL;
}

static int open_file(const char *tree, const char *path, struct err *e)
{
	_cleanup_close_ int folder = folder_open(AT_FDCWD, tree, e);

	return folder < 0 ? -1 : file_open_beneath(folder, path, O_RDONLY, e);
}

static FILE *stream_of(const char *tree, const char *path, struct err *e)
{
	int fd = open_file(tree, path, e);

	return fd < 0 ? NULL : fdopen(fd, "r");
}

static int find_offset(struct check *check, struct err *e)
{
	_cleanup_fclose_ FILE *old = NULL, *new = NULL;
	int a, b;

	if (!(old = stream_of(check->recorded_path, check->first, e)) ||
	    !(new = stream_of(check->again_path, check->first, e)))
		return -1;
	do {
		a = getc_unlocked(old);
		b = getc_unlocked(new);
		check->offset++;
	} while (a == b && a != EOF);
	check->offset--;
	return 0;
}

static char *path_of(const struct store *store, const struct digest *tree)
{
	char path[96];

	store_tree_path(tree, path);
	return xasprintf("%s/%s", store->path, path);
}

static int compare(struct store *store, const struct digest *recorded, const struct digest *again,
    struct check *check, struct err *e)
{
	check->is_same = digest_equal(recorded, again);
	if (check->is_same)
		return 0;
	check->recorded_path = path_of(store, recorded);
	check->again_path = path_of(store, again);
	if (read_tree(store, recorded, &check->recorded, e) ||
	    read_tree(store, again, &check->again, e))
		return -1;
	check->changes = trees_compare(&check->recorded, &check->again, &check->change_count);
	check->first = first_file(check);
	return check->first ? find_offset(check, e) : 0;
}

static void check_free(struct check *check)
{
	free(check->recorded_path);
	free(check->again_path);
	free(check->changes);
	tree_free(&check->recorded);
	tree_free(&check->again);
}

/* --- Building again --- */

struct session {
	struct schedule schedule;
	struct build *build;
	struct checks *checks;
};

static enum settled settle(void *context, struct task *task, struct err *e)
{
	(void)context;
	(void)task;
	(void)e;
	return SETTLED_TO_RUN;
}

static int begin(void *context, struct err *e)
{
	(void)context;
	(void)e;
	return 0;
}

struct print {
	struct build *build;
	const struct task *task;
};

static void print(void *context, const char *bytes, size_t length)
{
	struct print *p = context;

	build_tell(p->build, &(struct event){EVENT_OUTPUT, p->task, bytes, length, NULL, NULL});
}

static int build_again(struct session *s, struct task *task, struct jobserver_client *client,
    struct digest *ret_tree, struct step_failure *failure, struct err *e)
{
	struct build *b = s->build;
	struct print context = {b, task};
	const struct step_output output = {&context, print};
	struct action action;
	int status;

	if (perform_open(b, b->options->plan->stages[task->index], &action, e))
		return -1;
	if (!digest_equal(&action.key, &b->results[task->index].key))
		status = err_kind(e, ERR_INPUT, "its files have changed since it was built");
	else
		status = perform_again(b, &action, s->checks->jobs, client,
		    b->options->is_output_told ? &output : NULL, ret_tree, failure, e);
	action_free(&action);
	return status;
}

static int run(void *context, struct task *task, struct jobserver_client *client,
    bool *ret_was_done, struct step_failure *failure, struct err *e)
{
	struct session *s = context;
	struct check *check = &s->checks->items[task->index];
	struct digest again;

	(void)ret_was_done;
	if (build_again(s, task, client, &again, failure, e) ||
	    compare(s->build->host.store, &s->build->results[task->index].tree, &again, check, e))
		return err_wrap(e, "stage %s", task->name);
	check->is_done = true;
	return 0;
}

static void tell(void *context, const struct event *event)
{
	build_tell(((struct session *)context)->build, event);
}

static void lock_tasks(void *context)
{
	pthread_mutex_lock(&((struct session *)context)->build->telling);
}

static void unlock_tasks(void *context)
{
	pthread_mutex_unlock(&((struct session *)context)->build->telling);
}

static enum stage_jobserver style(void *context, const struct task *task)
{
	return ((struct session *)context)->build->options->plan->stages[task->index]->jobserver;
}

/* --- All of it --- */

/* What the steps start from is there, so that none waits for another. */
static void replace_tasks(struct build *b)
{
	const struct plan *plan = b->options->plan;

	for (size_t i = 0; i < b->task_count; i++)
		free(b->tasks[i].needs);
	free(b->tasks);
	b->tasks = xcalloc(plan->stage_count, sizeof(*b->tasks));
	b->task_count = 0;
	memset(b->unpacks, 0, b->inputs.count * sizeof(*b->unpacks));
	for (size_t i = 0; i < plan->stage_count; i++) {
		struct task *task = b->results[i].asked ? &b->tasks[b->task_count++] : NULL;

		b->stages[i] = task;
		if (task)
			*task = (struct task){
			    .kind = TASK_STAGE, .name = plan->stages[i]->name, .index = i};
	}
}

static bool is_recorded(const struct build *b, unsigned jobs)
{
	for (size_t i = 0; i < b->options->plan->stage_count; i++)
		if (b->results[i].asked && b->results[i].jobs == jobs)
			return true;
	return false;
}

static int prepare(struct build *b, struct checks *checks, struct err *e)
{
	const struct plan *plan = b->options->plan;

	checks->count = plan->stage_count;
	checks->items = xcalloc(checks->count, sizeof(*checks->items));
	if (build_choose(b, e))
		return -1;
	for (size_t i = 0; i < plan->stage_count; i++) {
		checks->items[i].is_asked = b->results[i].asked;
		if (b->results[i].asked && inputs_materialize(&b->inputs, plan->stages[i], e))
			return -1;
	}
	replace_tasks(b);
	return 0;
}

static int run_all(struct session *s, struct err *e)
{
	struct build *b = s->build;
	int result;

	s->schedule = (struct schedule){
	    .tasks = b->tasks,
	    .count = b->task_count,
	    .context = s,
	    .settle = settle,
	    .begin = begin,
	    .run = run,
	    .tell = tell,
	    .lock = lock_tasks,
	    .unlock = unlock_tasks,
	    .style = style,
	    .jobs = s->checks->jobs,
	    .keeps_going = true,
	    .stop = b->options->stop,
	    .children = &b->children,
	};
	result = schedule_run(&s->schedule, e);
	b->has_stopped = s->schedule.has_stopped;
	return result;
}

int checks_run(
    struct build *b, unsigned jobs, unsigned processors, struct checks *ret_checks, struct err *e)
{
	struct session *session;
	int result;

	*ret_checks = (struct checks){.jobs = jobs ? jobs : processors + 1};
	if (prepare(b, ret_checks, e))
		return -1;
	while (!jobs && is_recorded(b, ret_checks->jobs))
		ret_checks->jobs++;
	session = xcalloc(1, sizeof(*session));
	session->build = b;
	session->checks = ret_checks;
	result = run_all(session, e);
	/* Threads that were left to themselves work with it until the program ends. */
	if (b->has_stopped)
		build_silence(b);
	else
		free(session);
	return result;
}

void checks_free(struct checks *checks)
{
	for (size_t i = 0; i < checks->count; i++)
		check_free(&checks->items[i]);
	free(checks->items);
	*checks = (struct checks){0};
}
