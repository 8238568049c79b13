#include "build/history.h"

#include "base/file.h"
#include "base/map.h"
#include "base/memory.h"

#include <jansson.h>
#include <string.h>

#define NAME_LENGTH 29	/* YYYYMMDDTHHMMSS.mmmZ-xxxxxxxx */
#define RECORDS_READ 64 /* at most, for durations: each hands on what those before it knew */

static int newest_first(const void *a, const void *b)
{
	return strcmp(*(char *const *)b, *(char *const *)a);
}

int history_list(struct store *store, struct history_names *ret_names, struct err *e)
{
	int fd = folder_open(store->fd, "builds", e);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct history_names names = {0};
	struct dirent *entry;
	int more;

	if (!folder)
		return fd < 0 ? err_wrap(e, "%s", store->path) : err_errno(e, "read builds");
	while ((more = folder_next(folder, "builds", &entry, e)) > 0) {
		if (strlen(entry->d_name) != NAME_LENGTH || entry->d_name[NAME_LENGTH - 9] != '-')
			continue;
		names.items = xgrow(names.items, names.count, sizeof(*names.items));
		names.items[names.count++] = xstrdup(entry->d_name);
	}
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), newest_first);
	if (more < 0) {
		history_names_free(&names);
		return -1;
	}
	*ret_names = names;
	return 0;
}

void history_names_free(struct history_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct history_names){0};
}

int history_find(struct store *store, const char *text, char **ret_name, struct err *e)
{
	_cleanup_history_names_ struct history_names names = {0};
	const char *found = NULL;

	if (history_list(store, &names, e))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (strncmp(names.items[i], text, strlen(text)))
			continue;
		if (found)
			return err_kind(e, ERR_INPUT,
			    "more than one build begins with `%s`, %s and %s among them", text,
			    found, names.items[i]);
		found = names.items[i];
	}
	if (!found && names.count)
		return err_kind(e, ERR_INPUT, "there is no build `%s` in the store; the last is %s",
		    text, names.items[0]);
	if (!found)
		return err_kind(e, ERR_INPUT, "no build is recorded in the store %s", store->path);
	*ret_name = xstrdup(found);
	return 0;
}

/* A record under way from JSON. Whatever is not as history_write() writes it makes the record a
 * damaged one. */
struct reading {
	struct history *history;
	bool is_damaged;
};

static const char *read_text(struct reading *r, json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	r->is_damaged |= !text;
	return arena_strdup(&r->history->arena, text ? text : "");
}

static uint64_t read_number(struct reading *r, json_t *object, const char *name)
{
	json_t *number = json_object_get(object, name);

	r->is_damaged |= !json_is_integer(number) || json_integer_value(number) < 0;
	return (uint64_t)json_integer_value(number);
}

/* Returns whether it is there. */
static bool read_digest(
    struct reading *r, json_t *object, const char *name, struct digest *ret_digest)
{
	const char *text = json_string_value(json_object_get(object, name));
	struct err e;

	if (!text)
		return false;
	r->is_damaged |= digest_parse(text, ret_digest, &e) != 0;
	return true;
}

/* Which of the names it is. */
static size_t read_word(struct reading *r, json_t *object, const char *name,
    const char *(*name_at)(size_t index), size_t count)
{
	const char *text = read_text(r, object, name);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(text, name_at(i)))
			return i;
	r->is_damaged = true;
	return 0;
}

static const char *kind_at(size_t index)
{
	return history_kind_name((enum task_kind)index);
}

static const char *state_at(size_t index)
{
	return history_state_name((enum task_state)index);
}

static const char *outcome_at(size_t index)
{
	return history_outcome_name((enum history_outcome)index);
}

static const char **read_list(
    struct reading *r, json_t *object, const char *name, size_t *ret_count)
{
	json_t *list = json_object_get(object, name);
	size_t count = json_array_size(list);
	const char **items = arena_alloc(&r->history->arena, count + 1, sizeof(*items));

	r->is_damaged |= !json_is_array(list);
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		r->is_damaged |= !text;
		items[i] = arena_strdup(&r->history->arena, text ? text : "");
	}
	*ret_count = count;
	return items;
}

static void read_exports(struct reading *r, json_t *object, struct history_task *task)
{
	struct arena *arena = &r->history->arena;
	const char *path;
	json_t *from;

	task->exports = arena_alloc(arena, json_object_size(object) + 1, sizeof(*task->exports));
	json_object_foreach(object, path, from)
	{
		struct history_export *export = &task->exports[task->export_count++];

		export->path = arena_strdup(arena, path);
		export->from = read_text(r, object, path);
	}
}

static void read_task(struct reading *r, json_t *object, struct history_task *task)
{
	task->kind = (enum task_kind)read_word(r, object, "kind", kind_at, TASK_STAGE + 1);
	task->name = read_text(r, object, "name");
	task->state = (enum task_state)read_word(r, object, "state", state_at, TASK_SKIPPED + 1);
	task->has_run = json_object_get(object, "begin") != NULL;
	if (task->has_run) {
		task->begin = read_number(r, object, "begin");
		task->end = read_number(r, object, "end");
		r->is_damaged |= task->end < task->begin;
	}
	if (json_object_get(object, "expected"))
		task->expected = read_number(r, object, "expected");
	if (json_object_get(object, "last"))
		task->last = read_number(r, object, "last");
	task->needs = read_list(r, object, "needs", &task->need_count);
	if (json_object_get(object, "provides"))
		task->provides = read_text(r, object, "provides");
	read_exports(r, json_object_get(object, "exports"), task);
	task->has_key = read_digest(r, object, "key", &task->key);
	task->has_tree = read_digest(r, object, "tree", &task->tree);
}

static void read_tasks(struct reading *r, json_t *list)
{
	struct history *history = r->history;

	r->is_damaged |= !json_is_array(list);
	history->task_count = json_array_size(list);
	history->tasks =
	    arena_alloc(&history->arena, history->task_count + 1, sizeof(*history->tasks));
	for (size_t i = 0; i < history->task_count; i++)
		read_task(r, json_array_get(list, i), &history->tasks[i]);
}

static void read_sources(struct reading *r, json_t *object)
{
	struct history *history = r->history;
	const char *name;
	json_t *value;

	r->is_damaged |= !json_is_object(object);
	history->sources =
	    arena_alloc(&history->arena, json_object_size(object) + 1, sizeof(*history->sources));
	json_object_foreach(object, name, value)
	{
		struct history_source *source = &history->sources[history->source_count++];

		source->name = arena_strdup(&history->arena, name);
		source->version = read_text(r, value, "version");
		source->license = read_text(r, value, "license");
		read_digest(r, value, "pin", &source->pin);
		source->has_tree = read_digest(r, value, "tree", &source->tree);
	}
}

static void read_all(struct reading *r, json_t *root)
{
	struct history *history = r->history;

	r->is_damaged |= strcmp(read_text(r, root, "format"), HISTORY_FORMAT) != 0;
	history->project = read_text(r, root, "project");
	history->target = read_text(r, root, "target");
	history->outcome =
	    (enum history_outcome)read_word(r, root, "outcome", outcome_at, HISTORY_STOPPED + 1);
	history->began = read_number(r, root, "began");
	history->milliseconds = read_number(r, root, "milliseconds");
	history->jobs = (unsigned)read_number(r, root, "jobs");
	history->isolation = read_text(r, root, "isolation");
	history->ccache = json_is_true(json_object_get(root, "ccache"));
	history->asked = read_list(r, root, "asked", &history->asked_count);
	history->has_tools_root = read_digest(r, root, "tools_root", &history->tools_root);
	history->has_tools = read_digest(r, root, "tools", &history->tools);
	read_sources(r, json_object_get(root, "sources"));
	read_tasks(r, json_object_get(root, "tasks"));
}

bool history_parse(const char *name, const struct buf *text, struct history *ret_history)
{
	struct history history = {0};
	struct reading reading = {.history = &history};
	json_t *root = json_loadb(buf_text(text), text->length, 0, NULL);

	history.name = arena_strdup(&history.arena, name);
	read_all(&reading, root);
	json_decref(root);
	if (reading.is_damaged)
		history_free(&history);
	else
		*ret_history = history;
	return !reading.is_damaged;
}

int history_read(struct store *store, const char *name, struct history *ret_history,
    bool *ret_found, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("builds/%s", name);
	_cleanup_buf_ struct buf text = {0};

	if (store_text_read(store, path, &text, ret_found, e))
		return -1;
	*ret_found = *ret_found && history_parse(name, &text, ret_history);
	return 0;
}

void history_free(struct history *history)
{
	arena_free(&history->arena);
	*history = (struct history){0};
}

const struct history_task *history_stage(const struct history *history, const char *name)
{
	for (size_t i = 0; i < history->task_count; i++)
		if (history->tasks[i].kind == TASK_STAGE && !strcmp(history->tasks[i].name, name))
			return &history->tasks[i];
	return NULL;
}

const struct history_source *history_source(const struct history *history, const char *name)
{
	for (size_t i = 0; i < history->source_count; i++)
		if (!strcmp(history->sources[i].name, name))
			return &history->sources[i];
	return NULL;
}

/* What is known of how long tasks took: of this project, and failing that of another one. */
struct durations {
	struct build *build;
	struct map tasks;    /* "<kind> <name>" -> index */
	char **names;	     /* the keys */
	uint64_t *elsewhere; /* milliseconds */
	size_t unknown;
};

static void durations_begin(struct durations *d, struct build *b)
{
	*d = (struct durations){
	    .build = b,
	    .names = xcalloc(b->task_count, sizeof(*d->names)),
	    .elsewhere = xcalloc(b->task_count, sizeof(*d->elsewhere)),
	};
	for (size_t i = 0; i < b->task_count; i++) {
		const struct task *task = &b->tasks[i];

		if (task->kind == TASK_STAGE && !b->results[task->index].wanted)
			continue;
		d->names[i] = xasprintf("%s %s", history_kind_name(task->kind), task->name);
		map_put(&d->tasks, d->names[i], i);
		d->unknown++;
	}
}

static void durations_add(struct durations *d, const struct history *history)
{
	const struct plan *plan = d->build->options->plan;
	bool is_own = !strcmp(history->project, plan->project);

	for (size_t i = 0; i < history->task_count; i++) {
		const struct history_task *task = &history->tasks[i];
		_cleanup_free_ char *name =
		    xasprintf("%s %s", history_kind_name(task->kind), task->name);
		uint64_t *known;
		size_t index;

		if (!task->expected || !map_get(&d->tasks, name, &index))
			continue;
		known = is_own ? &d->build->tasks[index].expected : &d->elsewhere[index];
		d->unknown -= is_own && !*known;
		if (!*known)
			*known = task->expected;
	}
}

static void durations_end(struct durations *d)
{
	for (size_t i = 0; i < d->build->task_count; i++) {
		if (!d->build->tasks[i].expected)
			d->build->tasks[i].expected = d->elsewhere[i];
		free(d->names[i]);
	}
	map_free(&d->tasks);
	free(d->names);
	free(d->elsewhere);
}

int history_expect(struct build *b, struct err *e)
{
	_cleanup_history_names_ struct history_names names = {0};
	struct durations durations;
	int result = 0;

	if (history_list(b->options->store, &names, e))
		return -1;
	durations_begin(&durations, b);
	for (size_t i = 0; i < names.count && i < RECORDS_READ && durations.unknown; i++) {
		_cleanup_history_ struct history history = {0};
		bool found;

		result = history_read(b->options->store, names.items[i], &history, &found, e);
		if (result)
			break;
		if (found && !strcmp(history.target, b->options->plan->target.name))
			durations_add(&durations, &history);
	}
	durations_end(&durations);
	return result;
}
