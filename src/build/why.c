#include "build/why.h"

#include "base/memory.h"
#include "build/cause.h"
#include "build/explain.h"

#include <string.h>

static const char *const kinds[] = {
    [CAUSE_FIRST] = "first",
    [CAUSE_REMOVED] = "removed",
    [CAUSE_FAILED] = "failed",
    [CAUSE_TOOLS] = "tools",
    [CAUSE_SOURCE] = "source",
    [CAUSE_NEED] = "need",
    [CAUSE_FILE] = "file",
    [CAUSE_TARGET] = "target",
    [CAUSE_ENV] = "env",
    [CAUSE_SCRIPT] = "script",
    [CAUSE_ORDER] = "order",
    [CAUSE_CHANCE] = "chance",
    [CAUSE_FORGOTTEN] = "forgotten",
    [CAUSE_OTHER] = "other",
};

static const char *const verdicts[] = {
    [WHY_BUILT] = "built",
    [WHY_CACHED] = "cached",
    [WHY_UNREACHED] = "unreached",
    [WHY_UNKNOWN] = "unknown",
    [WHY_UP_TO_DATE] = "up to date",
    [WHY_WOULD_BUILD] = "would build",
    [WHY_MIGHT_BUILD] = "might build",
};

const char *cause_kind_name(enum cause_kind kind)
{
	return kinds[kind];
}

const char *why_verdict_name(enum why_verdict verdict)
{
	return verdicts[verdict];
}

/* --- Builds of the past --- */

/* A record in which the stage is, with its action. */
struct record {
	struct history history;
	const struct history_task *task; /* NULL: there is no record */
};

#define _cleanup_record_ _cleanup_(record_free)

static void record_free(struct record *record)
{
	history_free(&record->history);
	record->task = NULL;
}

/* Goes back through the builds of a project for a target, from the last one. */
struct past {
	struct store *store;
	const char *project, *target, *stage;
	struct history_names names;
	size_t next;
};

static int past_open(const struct why_question *question, struct past *ret_past, struct err *e)
{
	*ret_past = (struct past){
	    .store = question->store,
	    .project = question->project,
	    .target = question->target,
	    .stage = question->stage,
	};
	return history_list(question->store, &ret_past->names, e);
}

static void past_close(struct past *past)
{
	history_names_free(&past->names);
}

/* The next older record; none is left when *ret_record has no task. */
static int past_next(struct past *past, struct record *ret_record, struct err *e)
{
	record_free(ret_record);
	while (past->next < past->names.count) {
		_cleanup_record_ struct record record = {0};
		const struct history_task *task;
		bool found;

		if (history_read(
			past->store, past->names.items[past->next++], &record.history, &found, e))
			return -1;
		if (!found || strcmp(record.history.project, past->project) ||
		    strcmp(record.history.target, past->target))
			continue;
		task = history_stage(&record.history, past->stage);
		if (!task || !task->has_key)
			continue;
		*ret_record = record;
		ret_record->task = task;
		record = (struct record){0};
		return 0;
	}
	return 0;
}

static bool has_run(const struct history_task *task)
{
	return task->state == TASK_DONE || task->state == TASK_FAILED ||
	       task->state == TASK_STOPPED;
}

static struct why_build *describe_build(struct why *why, const struct record *record)
{
	const struct history_task *task = record->task;
	struct why_build *build = arena_alloc(&why->arena, 1, sizeof(*build));

	*build = (struct why_build){
	    .name = arena_strdup(&why->arena, record->history.name),
	    .began = record->history.began,
	    .state = task->state,
	    .milliseconds = task->has_run ? task->end - task->begin : 0,
	};
	return build;
}

/* --- What it is compared with --- */

/* The stage as it was or is. */
struct present {
	struct moment moment;
	const struct history_task *task;
};

static int has_action(
    const struct past *past, const struct record *record, bool *ret_has, struct err *e)
{
	const struct moment moment = moment_of_record(past->store, &record->history);
	_cleanup_buf_ struct buf text = {0};

	return moment_action(&moment, record->task, &text, ret_has, e);
}

static bool is_same(const struct record *record, const struct present *now)
{
	return now->task->has_key && digest_equal(&record->task->key, &now->task->key);
}

/* A build of the same action that came to nothing is a cause of its own; what had changed before
 * that one is another. */
static int skip_failures(struct why *why, struct past *past, const struct present *now,
    struct record *record, struct err *e)
{
	bool is_told = false;

	while (record->task && is_same(record, now) &&
	       (record->task->state == TASK_FAILED || record->task->state == TASK_STOPPED)) {
		if (!is_told) {
			struct cause *cause = cause_add(why, why->stage, CAUSE_FAILED);

			cause->subject = arena_strdup(&why->arena, record->history.name);
			cause->detail = record->task->state == TASK_FAILED
					    ? "its last build failed"
					    : "its last build was stopped";
			is_told = true;
		}
		if (past_next(past, record, e))
			return -1;
	}
	return 0;
}

/* The last build before whose action is still there to be compared with, if there is any. */
static int find_before(struct past *past, struct record *record, bool *ret_forgotten, struct err *e)
{
	bool has = false;

	*ret_forgotten = false;
	while (record->task) {
		if (has_action(past, record, &has, e))
			return -1;
		if (has)
			return 0;
		*ret_forgotten = true;
		if (past_next(past, record, e))
			return -1;
	}
	return 0;
}

static int explain_change(struct why *why, const struct past *past, const struct present *now,
    const struct record *record, struct err *e)
{
	const struct moment before = moment_of_record(past->store, &record->history);

	why->before = describe_build(why, record);
	if (is_same(record, now))
		return explain_removed(why, &now->moment, now->task, e);
	if (explain_stage(why, &before, &now->moment, why->stage, e))
		return -1;
	return explain_removed_once(why, &now->moment, now->task, e);
}

/* The causes of what `now` is, next to what was before: `past` goes on from there. */
static int explain(struct why *why, struct past *past, const struct present *now, struct err *e)
{
	_cleanup_record_ struct record record = {0};
	bool is_forgotten;

	if (past_next(past, &record, e) || skip_failures(why, past, now, &record, e) ||
	    find_before(past, &record, &is_forgotten, e))
		return -1;
	if (record.task)
		return explain_change(why, past, now, &record, e);
	cause_add(why, why->stage, is_forgotten ? CAUSE_FORGOTTEN : CAUSE_FIRST);
	return is_forgotten ? 0 : explain_removed_once(why, &now->moment, now->task, e);
}

/* --- Builds that were --- */

/* What one record says of its stage. `past` goes on from there. */
static int explain_record(
    struct why *why, struct past *past, const struct record *record, struct err *e)
{
	const struct present now = {
	    .moment = moment_of_record(past->store, &record->history),
	    .task = record->task,
	};

	why->build = describe_build(why, record);
	why->verdict = has_run(record->task)		    ? WHY_BUILT
		       : record->task->state == TASK_CACHED ? WHY_CACHED
							    : WHY_UNREACHED;
	if (why->verdict == WHY_CACHED)
		return explain_unchanged(why, &now.moment, now.task, e);
	return why->verdict == WHY_BUILT ? explain(why, past, &now, e) : 0;
}

static void begin(struct why *why, const struct why_question *question)
{
	*why = (struct why){.verdict = WHY_UNKNOWN};
	why->stage = arena_strdup(&why->arena, question->stage);
}

static int end(struct why *why, int result, struct why *ret_why)
{
	if (result)
		why_free(why);
	else
		*ret_why = *why;
	return result;
}

/* The last record that ran the stage, and with `key` that action. */
static int find_run(
    struct past *past, const struct digest *key, struct record *ret_record, struct err *e)
{
	do {
		if (past_next(past, ret_record, e))
			return -1;
	} while (ret_record->task && (!has_run(ret_record->task) ||
					 (key && !digest_equal(key, &ret_record->task->key))));
	return 0;
}

static int explain_last(const struct why_question *question, const struct digest *key,
    struct why *ret_why, struct err *e)
{
	_cleanup_record_ struct record record = {0};
	struct past past;
	struct why why;
	int result;

	if (past_open(question, &past, e))
		return -1;
	begin(&why, question);
	result = find_run(&past, key, &record, e);
	if (!result && record.task)
		result = explain_record(&why, &past, &record, e);
	past_close(&past);
	return end(&why, result, ret_why);
}

int why_last(const struct why_question *question, struct why *ret_why, struct err *e)
{
	return explain_last(question, NULL, ret_why, e);
}

/* Go back to the record of that name, which was read as `history`. */
static int find_named(
    struct past *past, const struct history *history, struct record *ret_record, struct err *e)
{
	do {
		if (past_next(past, ret_record, e))
			return -1;
	} while (ret_record->task && strcmp(ret_record->history.name, history->name));
	return 0;
}

static int explain_named(const struct why_question *question, const struct history *history,
    struct why *ret_why, struct err *e)
{
	_cleanup_record_ struct record record = {0};
	struct past past;
	struct why why;
	int result;

	if (past_open(question, &past, e))
		return -1;
	begin(&why, question);
	result = find_named(&past, history, &record, e);
	if (!result && record.task) {
		result = explain_record(&why, &past, &record, e);
	} else if (!result) {
		record.history = (struct history){.name = history->name, .began = history->began};
		record.task = history_stage(history, question->stage);
		why.build = describe_build(&why, &record);
		why.verdict = WHY_UNREACHED;
		record = (struct record){0};
	}
	past_close(&past);
	return end(&why, result, ret_why);
}

int why_build(
    const struct why_question *question, const char *name, struct why *ret_why, struct err *e)
{
	struct why_question of_record = *question;
	_cleanup_history_ struct history history = {0};
	bool found;

	if (history_read(question->store, name, &history, &found, e))
		return -1;
	if (!found)
		return err_kind(
		    e, ERR_INPUT, "the record of the build %s is damaged or gone", name);
	if (!history_stage(&history, question->stage))
		return err_kind(
		    e, ERR_INPUT, "the build %s was not about a stage `%s`", name, question->stage);
	of_record.project = history.project;
	of_record.target = history.target;
	return explain_named(&of_record, &history, ret_why, e);
}

/* --- Builds to come --- */

/* It would be built for sure when anything of its own has changed. */
static enum why_verdict foresee(const struct why *why, const struct history_task *task)
{
	if (task->state == TASK_WAITING)
		return WHY_WOULD_BUILD;
	for (size_t i = 0; i < why->cause_count; i++)
		if (why->causes[i].is_root && !strcmp(why->causes[i].stage, why->stage))
			return WHY_WOULD_BUILD;
	return WHY_MIGHT_BUILD;
}

static int explain_up_to_date(struct why *why, const struct why_question *question,
    const struct history_task *task, struct err *e)
{
	struct why *built = arena_alloc(&why->arena, 1, sizeof(*built));

	why->verdict = WHY_UP_TO_DATE;
	if (explain_last(question, &task->key, built, e))
		return -1;
	why->built = built;
	return 0;
}

static int explain_outlook(struct why *why, const struct why_question *question, struct past *past,
    const struct outlook *outlook, struct err *e)
{
	const struct present now = {
	    .moment = moment_of_now(past->store, outlook),
	    .task = history_stage(&outlook->history, question->stage),
	};

	if (now.task->state == TASK_CACHED)
		return explain_up_to_date(why, question, now.task, e);
	if (explain(why, past, &now, e))
		return -1;
	why->verdict = foresee(why, now.task);
	return 0;
}

/* What was unpacked for the last build that is recorded helps to know what is there now. */
static int look(const struct why_question *question, const struct plan *plan,
    struct outlook *ret_outlook, struct err *e)
{
	_cleanup_record_ struct record last = {0};
	struct past past;
	int result;

	if (past_open(question, &past, e))
		return -1;
	result = past_next(&past, &last, e);
	past_close(&past);
	return result ? -1
		      : outlook_make(plan, question->store, plan_stage(plan, question->stage),
			    last.task ? &last.history : NULL, ret_outlook, e);
}

int why_now(const struct why_question *question, const struct plan *plan, struct why *ret_why,
    struct err *e)
{
	struct outlook outlook;
	struct past past;
	struct why why;
	int result;

	if (!plan_stage(plan, question->stage))
		return err_kind(e, ERR_INPUT,
		    "there is no stage `%s`; `minsys list` shows those there are", question->stage);
	if (look(question, plan, &outlook, e))
		return -1;
	begin(&why, question);
	result = past_open(question, &past, e);
	if (!result)
		result = explain_outlook(&why, question, &past, &outlook, e);
	past_close(&past);
	outlook_free(&outlook);
	return end(&why, result, ret_why);
}

void why_free(struct why *why)
{
	if (why->built)
		why_free(why->built);
	arena_free(&why->arena);
	*why = (struct why){0};
}
