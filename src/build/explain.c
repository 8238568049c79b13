#include "build/explain.h"

#include "base/map.h"
#include "base/memory.h"
#include "build/cause.h"

#include <string.h>
#include <time.h>

/* One comparison of two moments. */
struct explanation {
	struct why *why;
	const struct moment *before, *after;
	struct map seen; /* stages */
};

/* A stage of it. */
struct comparison {
	struct explanation *x;
	const char *stage;
	const struct history_task *before, *after;
};

static struct cause *add(const struct comparison *c, enum cause_kind kind, const char *subject)
{
	struct cause *cause = cause_add(c->x->why, c->stage, kind);

	if (subject)
		cause->subject = arena_strdup(&c->x->why->arena, subject);
	return cause;
}

/* --- Where things are --- */

struct moment moment_of_record(struct store *store, const struct history *history)
{
	return (struct moment){
	    .store = store,
	    .history = history,
	    .time = history->began + history->milliseconds,
	};
}

struct moment moment_of_now(struct store *store, const struct outlook *outlook)
{
	return (struct moment){
	    .store = store,
	    .history = &outlook->history,
	    .outlook = outlook,
	    .time = (uint64_t)time(NULL) * 1000,
	};
}

int moment_action(const struct moment *moment, const struct history_task *task,
    struct buf *ret_text, bool *ret_found, struct err *e)
{
	if (moment->outlook) {
		const struct action *action =
		    &moment->outlook->actions[task - moment->history->tasks];

		buf_add(ret_text, action->text.data, action->text.length);
		*ret_found = true;
		return 0;
	}
	return store_record_read(moment->store, "actions", &task->key, ret_text, ret_found, e);
}

/* What a file of a stage holds. */
static int moment_file(const struct moment *moment, const struct history_task *task,
    const char *hex, struct buf *ret_content, bool *ret_found, struct err *e)
{
	const struct action *action =
	    moment->outlook ? &moment->outlook->actions[task - moment->history->tasks] : NULL;
	struct digest digest;

	if (digest_parse(hex, &digest, e))
		return -1;
	for (size_t i = 0; action && i < action->file_count; i++) {
		const struct buf *content = &action->files[i].content;

		if (!digest_equal(&action->files[i].digest, &digest))
			continue;
		buf_add(ret_content, buf_text(content), content->length);
		*ret_found = true;
		return 0;
	}
	return store_content_read(moment->store, &digest, ret_content, ret_found, e);
}

static const struct history_task *find_provider(const struct moment *moment, const char *provides)
{
	for (size_t i = 0; i < moment->history->task_count; i++) {
		const struct history_task *task = &moment->history->tasks[i];

		if (task->provides && !strcmp(task->provides, provides))
			return task;
	}
	return NULL;
}

/* --- Trees --- */

/* What is missing or damaged is to be said, and no failure. */
static bool read_tree(struct store *store, const struct digest *digest, struct tree *ret_tree)
{
	_cleanup_buf_ struct buf text = {0};
	struct err e;

	return !store_tree_manifest(store, digest, &text, &e) &&
	       !tree_decode(buf_text(&text), text.length, ret_tree, &e);
}

/* The tree that a source has now. A folder of the project need not be in the store. */
static bool read_source_tree(const struct moment *moment, const char *name,
    const struct digest *digest, struct tree *ret_tree)
{
	const struct plan *plan = moment->outlook ? moment->outlook->plan : NULL;
	const struct source *source = plan ? plan_source(plan, name) : NULL;
	_cleanup_buf_ struct buf manifest = {0};
	struct err e;

	if (!source || !source->path)
		return read_tree(moment->store, digest, ret_tree);
	return !inputs_read_folder(plan, source, ret_tree, &manifest, &e);
}

/* `source` is the name of the one they are of; NULL: they are outputs. */
static void describe_trees(const struct comparison *c, struct cause *cause, const char *source,
    const struct digest *before, const struct digest *after)
{
	const struct moment *now = c->x->after;
	struct tree old = {0}, new = {0};

	if (!digest_is_known(after))
		cause->is_pending = true;
	else if (!read_tree(now->store, before, &old))
		cause->detail = "the files that it had before are not in the store any more";
	else if (source ? !read_source_tree(now, source, after, &new)
			: !read_tree(now->store, after, &new))
		cause->detail = "the files that it had then are not in the store any more";
	else
		cause_trees(c->x->why, cause, &old, &new);
	tree_free(&old);
	tree_free(&new);
}

/* --- What each kind of fact comes to --- */

static int parse_change(const struct fact_change *change, struct digest *ret_before,
    struct digest *ret_after, struct err *e)
{
	return digest_parse(change->before->value, ret_before, e) ||
		       digest_parse(change->after->value, ret_after, e)
		   ? -1
		   : 0;
}

static const struct fact *either(const struct fact_change *change)
{
	return change->after ? change->after : change->before;
}

static int read_tools(
    const struct moment *moment, struct facts *ret_facts, bool *ret_found, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	*ret_found = false;
	if (moment->outlook) {
		history_describe_tools(&moment->outlook->plan->tools, &text);
		*ret_found = true;
	} else if (moment->history->has_tools &&
		   store_content_read(
		       moment->store, &moment->history->tools, &text, ret_found, e)) {
		return -1;
	}
	return *ret_found ? facts_parse(text.data, text.length, ret_facts, e) : 0;
}

static int explain_tools(
    const struct comparison *c, const struct fact_change *change, struct err *e)
{
	struct cause *cause = add(c, CAUSE_TOOLS, NULL);
	struct facts before = {0}, after = {0};
	bool had = false, has = false;
	struct digest tree;
	int result = -1;

	if (!change->after || digest_parse(change->after->value, &tree, e))
		return change->after ? -1 : 0;
	cause->is_pending = !digest_is_known(&tree);
	if (!read_tools(c->x->before, &before, &had, e) &&
	    !read_tools(c->x->after, &after, &has, e)) {
		if (had && has)
			cause_tools(c->x->why, cause, &before, &after);
		else
			cause->detail = "the list of its packages is not in the store any more";
		result = 0;
	}
	facts_free(&before);
	facts_free(&after);
	return result;
}

static const char *source_version(const struct moment *moment, const char *name)
{
	const struct history_source *source = history_source(moment->history, name);

	return source ? source->version : NULL;
}

static int explain_source(
    const struct comparison *c, const struct fact_change *change, struct err *e)
{
	const char *name = either(change)->name;
	struct why *why = c->x->why;
	struct cause *cause = add(c, CAUSE_SOURCE, name);
	const char *before = source_version(c->x->before, name);
	const char *after = source_version(c->x->after, name);
	struct digest old, new;

	cause->before = change->before && before ? arena_strdup(&why->arena, before) : NULL;
	cause->after = change->after && after ? arena_strdup(&why->arena, after) : NULL;
	if (!change->before || !change->after)
		return 0;
	if (parse_change(change, &old, &new, e))
		return -1;
	/* What differs between two versions is a matter for their authors. */
	if (before && after && strcmp(before, after))
		cause->is_pending = !digest_is_known(&new);
	else
		describe_trees(c, cause, name, &old, &new);
	return 0;
}

static int explain_file(const struct comparison *c, const struct fact_change *change, struct err *e)
{
	struct cause *cause = add(c, CAUSE_FILE, either(change)->name);
	_cleanup_buf_ struct buf before = {0}, after = {0};
	bool had, has;

	if (!change->before || !change->after) {
		cause->detail = change->after ? "it was not among its files before"
					      : "it is not among its files any more";
		return 0;
	}
	if (!strcmp(change->before->value, change->after->value)) {
		cause->detail = strcmp(change->after->kind, "program")
				    ? "it is not executable any more"
				    : "it became executable";
		return 0;
	}
	if (moment_file(c->x->before, c->before, change->before->value, &before, &had, e) ||
	    moment_file(c->x->after, c->after, change->after->value, &after, &has, e))
		return -1;
	if (had && has)
		cause_lines(c->x->why, cause, &before, &after);
	else
		cause->detail = had ? "what it held then is not in the store any more"
				    : "what it held before is not in the store any more";
	return 0;
}

static void describe_text(const struct comparison *c, enum cause_kind kind, const char *subject,
    const struct fact_change *change)
{
	struct cause *cause = add(c, kind, subject);
	struct why *why = c->x->why;

	if (change->before && change->after)
		cause_values(why, cause, change->before, change->after);
	else if (change->before)
		cause->before = cause_keep(why, change->before->value, change->before->length);
	else
		cause->after = cause_keep(why, change->after->value, change->after->length);
}

static int explain_target(
    const struct comparison *c, const struct fact_change *change, struct err *e)
{
	(void)e;
	describe_text(c, CAUSE_TARGET, either(change)->name, change);
	return 0;
}

static int explain_env(const struct comparison *c, const struct fact_change *change, struct err *e)
{
	(void)e;
	describe_text(c, CAUSE_ENV, either(change)->name, change);
	return 0;
}

static int explain_script(
    const struct comparison *c, const struct fact_change *change, struct err *e)
{
	(void)e;
	describe_text(c, CAUSE_SCRIPT, NULL, change);
	return 0;
}

static int explain_other(
    const struct comparison *c, const struct fact_change *change, struct err *e)
{
	const struct fact *fact = either(change);
	_cleanup_free_ char *subject = xasprintf("%s %s", fact->kind, fact->name);

	(void)e;
	describe_text(c, CAUSE_OTHER, *fact->name ? subject : fact->kind, change);
	return 0;
}

/* The causes of the needed stage itself stand before already. */
static int explain_need(const struct comparison *c, const struct fact_change *change, struct err *e)
{
	const char *provides = either(change)->name;
	const struct history_task *before = find_provider(c->x->before, provides);
	const struct history_task *after = find_provider(c->x->after, provides);
	const struct history_task *stage = after ? after : before;
	struct cause *cause = add(c, CAUSE_NEED, stage ? stage->name : provides);
	struct digest old, new;

	if (!change->before || !change->after) {
		cause->detail =
		    change->after ? "it did not need it before" : "it does not need it any more";
		return 0;
	}
	if (parse_change(change, &old, &new, e))
		return -1;
	cause->before = cause_keep_digest(c->x->why, &old);
	cause->after = cause_keep_digest(c->x->why, &new);
	cause->is_root = false;
	describe_trees(c, cause, NULL, &old, &new);
	if (before && after && strcmp(before->name, after->name)) {
		cause->is_root = true;
		cause->detail = cause_say(
		    c->x->why, "%s provides it, in place of %s", after->name, before->name);
	}
	return 0;
}

static const struct {
	const char *kind;
	int (*explain)(const struct comparison *c, const struct fact_change *change, struct err *e);
} explainers[] = {
    {"tools", explain_tools},
    {"source", explain_source},
    {"need", explain_need},
    {"file", explain_file},
    {"program", explain_file},
    {"target", explain_target},
    {"env", explain_env},
    {"run", explain_script},
};

static int explain_change(
    const struct comparison *c, const struct fact_change *change, struct err *e)
{
	for (size_t i = 0; i < sizeof(explainers) / sizeof(*explainers); i++)
		if (!strcmp(explainers[i].kind, either(change)->kind))
			return explainers[i].explain(c, change, e);
	return explain_other(c, change, e);
}

/* --- Stages --- */

/* What the record says of when and why a result was removed, a line each, unless that was later; it
 * is empty when there is none. */
static int read_removal(
    const struct moment *moment, const struct digest *key, struct buf *ret_text, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct tm utc = {0};
	bool found;

	if (store_record_read(moment->store, "removed", key, &text, &found, e))
		return -1;
	if (found && strptime(buf_text(&text), "%Y-%m-%dT%H:%M:%S", &utc) &&
	    (uint64_t)timegm(&utc) * 1000 <= moment->time)
		buf_add(ret_text, text.data, text.length);
	return 0;
}

int explain_removed(
    struct why *why, const struct moment *moment, const struct history_task *task, struct err *e)
{
	struct cause *cause = cause_add(why, task->name, CAUSE_REMOVED);
	_cleanup_buf_ struct buf text = {0};
	const char *when, *reason;

	if (read_removal(moment, &task->key, &text, e))
		return -1;
	if (!text.length)
		return 0;
	when = text.data;
	cause->before = cause_keep(why, when, strcspn(when, "\n"));
	reason = when + strcspn(when, "\n");
	reason += strspn(reason, "\n");
	if (*reason)
		cause->detail = cause_keep(why, reason, strcspn(reason, "\n"));
	return 0;
}

int explain_removed_once(
    struct why *why, const struct moment *moment, const struct history_task *task, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (!task->has_key || read_removal(moment, &task->key, &text, e))
		return task->has_key ? -1 : 0;
	return text.length ? explain_removed(why, moment, task, e) : 0;
}

static int explain_actions(const struct comparison *c, struct err *e);

static bool is_same_action(const struct history_task *before, const struct history_task *after)
{
	return before->has_key && after->has_key && digest_equal(&before->key, &after->key);
}

/* Its output changed, or it is to be built and nobody knows. */
static int explain_provider(const struct comparison *c, struct err *e)
{
	struct cause *cause;

	if (!is_same_action(c->before, c->after))
		return explain_actions(c, e);
	if (c->after->state == TASK_WAITING)
		return explain_removed(c->x->why, c->x->after, c->after, e);
	cause = add(c, CAUSE_CHANCE, NULL);
	cause->before = cause_keep_digest(c->x->why, &c->before->tree);
	cause->after = cause_keep_digest(c->x->why, &c->after->tree);
	return 0;
}

/* The stages that it needs, each once. */
static int explain_needs(
    const struct comparison *c, const struct fact_change *changes, size_t count, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		const struct fact_change *change = &changes[i];
		struct comparison need = {.x = c->x};

		if (!change->before || !change->after || strcmp(change->after->kind, "need"))
			continue;
		need.before = find_provider(c->x->before, change->after->name);
		need.after = find_provider(c->x->after, change->after->name);
		if (!need.before || !need.after || strcmp(need.before->name, need.after->name) ||
		    map_get(&c->x->seen, need.after->name, NULL))
			continue;
		need.stage = need.after->name;
		map_put(&c->x->seen, need.stage, 0);
		if (explain_provider(&need, e))
			return -1;
	}
	return 0;
}

static int explain_facts(const struct comparison *c, const struct facts *before,
    const struct facts *after, struct err *e)
{
	size_t count;
	_cleanup_free_ struct fact_change *changes = facts_compare(before, after, &count);

	if (!count)
		add(c, CAUSE_ORDER, NULL);
	if (explain_needs(c, changes, count, e))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (explain_change(c, &changes[i], e))
			return err_wrap(e, "stage %s", c->stage);
	return 0;
}

static int explain_texts(
    const struct comparison *c, const struct buf *before, const struct buf *after, struct err *e)
{
	struct facts old = {0}, new = {0};
	int result = facts_parse(buf_text(before), before->length, &old, e) ||
			     facts_parse(buf_text(after), after->length, &new, e) ||
			     explain_facts(c, &old, &new, e)
			 ? -1
			 : 0;

	facts_free(&old);
	facts_free(&new);
	return result;
}

static int explain_actions(const struct comparison *c, struct err *e)
{
	_cleanup_buf_ struct buf before = {0}, after = {0};
	bool had, has;

	if (moment_action(c->x->before, c->before, &before, &had, e) ||
	    moment_action(c->x->after, c->after, &after, &has, e))
		return -1;
	if (had && has)
		return explain_texts(c, &before, &after, e);
	add(c, CAUSE_FORGOTTEN, NULL);
	return 0;
}

int explain_stage(struct why *why, const struct moment *before, const struct moment *after,
    const char *stage, struct err *e)
{
	struct explanation explanation = {.why = why, .before = before, .after = after};
	const struct comparison comparison = {&explanation, stage,
	    history_stage(before->history, stage), history_stage(after->history, stage)};
	int result = explain_actions(&comparison, e);

	map_free(&explanation.seen);
	return result;
}

static void add_unchanged(struct why *why, const struct moment *moment, const struct facts *facts)
{
	why->unchanged = arena_alloc(&why->arena, facts->count + 1, sizeof(*why->unchanged));
	for (size_t i = 0; i < facts->count; i++) {
		const struct history_task *need = strcmp(facts->items[i].kind, "need")
						      ? NULL
						      : find_provider(moment, facts->items[i].name);

		if (need && need->state == TASK_DONE)
			why->unchanged[why->unchanged_count++] =
			    arena_strdup(&why->arena, need->name);
	}
}

int explain_unchanged(
    struct why *why, const struct moment *moment, const struct history_task *task, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct facts facts = {0};
	bool found;

	if (moment_action(moment, task, &text, &found, e))
		return -1;
	if (!found)
		return 0;
	if (facts_parse(buf_text(&text), text.length, &facts, e))
		return err_wrap(e, "stage %s", task->name);
	add_unchanged(why, moment, &facts);
	facts_free(&facts);
	return 0;
}
