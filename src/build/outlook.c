#include "build/outlook.h"

#include "base/memory.h"

#include <string.h>

/* An outlook under way. */
struct looking {
	const struct plan *plan;
	struct store *store;
	const struct history *last;
	struct outlook *outlook;
};

/* Mark the stage and all that it needs. */
static bool *mark_wanted(const struct plan *plan, const struct stage *stage)
{
	bool *wanted = xcalloc(plan->stage_count, sizeof(*wanted));

	/* Backwards through an order in which needs come first. */
	for (size_t i = plan->stage_count; i-- > 0;) {
		const struct stage *each = plan->stages[i];

		wanted[i] |= each == stage;
		for (size_t n = 0; wanted[i] && n < each->need_count; n++)
			for (size_t j = 0; j < i; j++)
				wanted[j] |= plan->stages[j] == each->needs[n];
	}
	return wanted;
}

static int look_at_tools(struct looking *l, struct err *e)
{
	struct history *history = &l->outlook->history;
	const struct history *last = l->last;
	_cleanup_buf_ struct buf list = {0};

	history_describe_tools(&l->plan->tools, &list);
	history->tools = digest_of(list.data, list.length);
	history->has_tools = true;
	if (inputs_peek_tools(l->store, l->plan, &history->tools_root, &history->has_tools_root, e))
		return -1;
	if (!history->has_tools_root && last && last->has_tools && last->has_tools_root &&
	    digest_equal(&last->tools, &history->tools)) {
		history->tools_root = last->tools_root;
		history->has_tools_root = true;
	}
	return 0;
}

static int look_at_source(struct looking *l, const struct source *source,
    struct history_source *ret_source, struct err *e)
{
	const struct history_source *last = l->last ? history_source(l->last, source->name) : NULL;
	struct history_source found = {
	    .name = source->name,
	    .version = source->version,
	    .license = source->license,
	    .pin = inputs_pin(source),
	};

	if (inputs_peek_source(l->store, l->plan, source, &found.tree, &found.has_tree, e))
		return -1;
	if (!found.has_tree && last && last->has_tree && digest_equal(&last->pin, &found.pin)) {
		found.tree = last->tree;
		found.has_tree = true;
	}
	*ret_source = found;
	return 0;
}

/* Those of one stage that no stage before it had. */
static int look_at_sources(struct looking *l, const struct stage *stage, struct err *e)
{
	struct history *history = &l->outlook->history;

	for (size_t i = 0; i < stage->source_count; i++)
		if (!history_source(history, stage->sources[i]->name) &&
		    look_at_source(
			l, stage->sources[i], &history->sources[history->source_count++], e))
			return -1;
	return 0;
}

/* Fill in the digests that are known; returns whether all are. */
static bool fill(const struct history *history, struct action *action)
{
	const struct stage *stage = action->stage;
	bool is_known = history->has_tools_root;

	action->tools = history->tools_root;
	for (size_t i = 0; i < stage->source_count; i++) {
		action->sources[i] = history_source(history, stage->sources[i]->name)->tree;
		is_known &= digest_is_known(&action->sources[i]);
	}
	for (size_t i = 0; i < stage->need_count; i++) {
		action->needs[i] = history_stage(history, stage->needs[i]->name)->tree;
		is_known &= digest_is_known(&action->needs[i]);
	}
	return is_known;
}

/* Is there a result, with its tree? */
static int look_for_result(struct looking *l, struct history_task *task, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct digest tree;
	bool found;

	if (store_record_read(l->store, "results", &task->key, &text, &found, e))
		return -1;
	if (!found)
		return 0;
	text.data[strcspn(text.data, "\n")] = 0;
	if (digest_parse(text.data, &tree, e))
		return -1;
	if (store_has_tree(l->store, &tree)) {
		task->state = TASK_CACHED;
		task->tree = tree;
		task->has_tree = true;
	}
	return 0;
}

static int look_at_stage(struct looking *l, const struct stage *stage, struct err *e)
{
	struct history *history = &l->outlook->history;
	struct history_task *task = &history->tasks[history->task_count];
	struct action *action = &l->outlook->actions[history->task_count];

	if (look_at_sources(l, stage, e) || action_open(l->plan, stage, action, e))
		return -1;
	history->task_count++;
	*task = (struct history_task){
	    .kind = TASK_STAGE,
	    .name = stage->name,
	    .provides = stage->provides,
	    .has_key = fill(history, action),
	};
	action_seal(l->plan, action);
	task->key = action->key;
	task->state = task->has_key ? TASK_WAITING : TASK_SKIPPED;
	return task->has_key ? look_for_result(l, task, e) : 0;
}

static int look(struct looking *l, const struct stage *stage, struct err *e)
{
	const struct plan *plan = l->plan;
	_cleanup_free_ bool *wanted = mark_wanted(plan, stage);

	if (look_at_tools(l, e))
		return -1;
	for (size_t i = 0; i < plan->stage_count; i++)
		if (wanted[i] && look_at_stage(l, plan->stages[i], e))
			return -1;
	return 0;
}

int outlook_make(const struct plan *plan, struct store *store, const struct stage *stage,
    const struct history *last, struct outlook *ret_outlook, struct err *e)
{
	struct outlook outlook = {
	    .plan = plan,
	    .history = {.project = plan->project, .target = plan->target.name},
	    .actions = xcalloc(plan->stage_count, sizeof(*outlook.actions)),
	};
	struct history *history = &outlook.history;
	struct looking looking = {plan, store, last, &outlook};

	history->tasks = arena_alloc(&history->arena, plan->stage_count, sizeof(*history->tasks));
	history->sources =
	    arena_alloc(&history->arena, plan->source_count + 1, sizeof(*history->sources));
	if (look(&looking, stage, e)) {
		outlook_free(&outlook);
		return -1;
	}
	*ret_outlook = outlook;
	return 0;
}

void outlook_free(struct outlook *outlook)
{
	for (size_t i = 0; i < outlook->history.task_count; i++)
		action_free(&outlook->actions[i]);
	free(outlook->actions);
	history_free(&outlook->history);
	*outlook = (struct outlook){0};
}
