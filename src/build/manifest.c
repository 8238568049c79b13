#include "build/manifest.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/memory.h"
#include "build/json.h"

#include <string.h>

#define FORMAT "minsys manifest 1"

int64_t manifest_time(const struct build *build)
{
	const char *text = target_fact(&build->options->plan->target, "SOURCE_DATE_EPOCH");

	return text ? strtoll(text, NULL, 10) : TREE_MTIME;
}

/* The line that says so of a whole manifest. */
static const char *find_line(const struct buf *text, const char *key)
{
	_cleanup_free_ char *begin = xasprintf("\n  \"%s\": ", key);
	const char *found =
	    text->length ? memmem(text->data, text->length, begin, strlen(begin)) : NULL;

	return found ? found + strlen(begin) : NULL;
}

/* What manifest_write() wrote has each of its own keys on a line, two spaces in, where nothing else
 * can stand: it needs not be parsed. */
bool manifest_read(const struct buf *text, int64_t *ret_time)
{
	const char *format = find_line(text, "format");
	const char *epoch = find_line(text, "source_date_epoch");

	if (!format || strncmp(format, "\"" FORMAT "\"", strlen(FORMAT) + 2))
		return false;
	if (epoch)
		*ret_time = strtoll(epoch, NULL, 10);
	return true;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct exported *)a)->path, ((const struct exported *)b)->path);
}

struct exported *manifest_exports(const struct build *build, size_t *ret_count)
{
	const struct plan *plan = build->options->plan;
	struct exported *exports = NULL;
	size_t count = 0;

	for (size_t i = 0; i < plan->stage_count; i++)
		for (size_t n = 0; build->results[i].asked && n < plan->stages[i]->exports.count;
		     n++) {
			exports = xgrow(exports, count, sizeof(*exports));
			exports[count++] = (struct exported){
			    .path = plan->stages[i]->exports.items[n].key,
			    .from = plan->stages[i]->exports.items[n].value,
			    .tree = &build->results[i].tree,
			    .is_sure = build->results[i].built,
			};
		}
	if (count)
		qsort(exports, count, sizeof(*exports), by_path);
	*ret_count = count;
	return exports;
}

/* What of `path` lies below `from`: "" for itself, NULL when it does not. */
static const char *below(const char *path, const char *from)
{
	size_t length = strlen(from);

	if (!strcmp(from, "."))
		return path;
	if (strncmp(path, from, length) || (path[length] && path[length] != '/'))
		return NULL;
	return path + length + (path[length] == '/');
}

/* A file or link of the result. */
struct file {
	const char *path;
	const struct tree_entry *entry;
};

struct files {
	struct file *items;
	size_t count;
	struct arena paths;
};

static int by_file_path(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->path, ((const struct file *)b)->path);
}

static void add_file(
    struct files *files, const char *path, const char *rest, const struct tree_entry *entry)
{
	size_t size = strlen(path) + strlen(rest) + 2;
	char *joined = arena_alloc(&files->paths, size, 1);

	snprintf(joined, size, "%s%s%s", path, *rest ? "/" : "", rest);
	files->items = xgrow(files->items, files->count, sizeof(*files->items));
	files->items[files->count++] = (struct file){joined, entry};
}

static int find_files(
    struct files *files, const struct exported *exported, const struct tree *tree, struct err *e)
{
	bool found = !strcmp(exported->from, ".");

	for (size_t i = 0; i < tree->count; i++) {
		const char *rest = below(tree->entries[i].path, exported->from);

		if (!rest)
			continue;
		found = true;
		if (tree->entries[i].type != 'd')
			add_file(files, exported->path, rest, &tree->entries[i]);
	}
	if (!found)
		return err_kind(e, ERR_INPUT, "the output holds no `%s`, which `exports` names",
		    exported->from);
	return 0;
}

static int find_exported(const struct build *build, const struct exported *exported,
    struct tree *tree, struct files *files, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (store_tree_manifest(build->host.store, exported->tree, &text, e) ||
	    tree_decode(buf_text(&text), text.length, tree, e))
		return -1;
	return find_files(files, exported, tree, e) ? err_wrap(e, "export %s", exported->path) : 0;
}

/* False when it is not UTF-8. */
static bool describe_file(struct json_writer *w, const struct file *file)
{
	const struct tree_entry *entry = file->entry;
	bool is_text = json_is_text(file->path);

	if (!is_text)
		return false;
	json_begin(w, file->path);
	if (entry->type == 'l') {
		is_text = json_add_text(w, "link", entry->target);
	} else {
		if (entry->type == 'x')
			json_add_true(w, "executable");
		json_add_digest(w, "sha256", &entry->digest);
		json_add_number(w, "size", (long long)entry->size);
	}
	json_end(w);
	return is_text;
}

static int describe_files(struct json_writer *w, struct files *files, struct err *e)
{
	if (files->count)
		qsort(files->items, files->count, sizeof(*files->items), by_file_path);
	json_begin(w, "files");
	for (size_t i = 0; i < files->count; i++)
		if (!describe_file(w, &files->items[i]))
			return err_kind(
			    e, ERR_INPUT, "the name of `%s` is not UTF-8", files->items[i].path);
	json_end(w);
	return 0;
}

/* With the trees that their entries are of. */
static void free_files(struct files *files, struct tree *trees, size_t count)
{
	for (size_t i = 0; i < count; i++)
		tree_free(&trees[i]);
	free(trees);
	free(files->items);
	arena_free(&files->paths);
}

static int add_files(const struct build *build, const struct exported *exports, size_t count,
    struct json_writer *w, struct err *e)
{
	struct tree *trees = xcalloc(count, sizeof(*trees));
	struct files files = {0};
	int result = 0;

	for (size_t i = 0; i < count && !result; i++)
		result = find_exported(build, &exports[i], &trees[i], &files, e);
	if (!result)
		result = describe_files(w, &files, e);
	free_files(&files, trees, count);
	return result;
}

static int by_source_name(const void *a, const void *b)
{
	return strcmp(
	    (*(const struct source *const *)a)->name, (*(const struct source *const *)b)->name);
}

static void describe_sources(const struct build *build, struct json_writer *w)
{
	const struct plan *plan = build->options->plan;
	_cleanup_free_ const struct source **sources =
	    xcalloc(plan->source_count, sizeof(struct source *));
	size_t count = 0;

	for (size_t i = 0; i < plan->source_count; i++)
		if (build->inputs.wanted[i])
			sources[count++] = &plan->sources[i];
	if (count)
		qsort(sources, count, sizeof(struct source *), by_source_name);
	json_begin(w, "sources");
	for (size_t i = 0; i < count; i++) {
		json_begin(w, sources[i]->name);
		json_add_text(w, "license", sources[i]->license);
		json_add_digest(w, "tree",
		    inputs_tree(&build->inputs, inputs_number(&build->inputs, sources[i])));
		json_add_text(w, "version", sources[i]->version);
		json_end(w);
	}
	json_end(w);
}

static void describe_isolation(const struct stage_result *result, struct json_writer *w)
{
	_cleanup_free_ char *name = choice_name(&result->isolation);

	json_add_text(w, "isolation", name);
}

/* A result is as well isolated as the stage of it that was least so. */
static void describe_weakest(const struct build *build, struct json_writer *w)
{
	const struct stage_result *weakest = NULL;

	for (size_t i = 0; i < build->options->plan->stage_count; i++) {
		const struct stage_result *result = &build->results[i];

		if (result->wanted && (!weakest || choice_weakness(&result->isolation) >
						       choice_weakness(&weakest->isolation)))
			weakest = result;
	}
	if (!weakest)
		return;
	describe_isolation(weakest, w);
	if (weakest->isolation.reason)
		json_add_text(w, "isolation_reason", weakest->isolation.reason);
}

static int by_stage_name(const void *a, const void *b)
{
	return strcmp(
	    (*(const struct stage *const *)a)->name, (*(const struct stage *const *)b)->name);
}

static void describe_stage(
    const struct stage *stage, const struct stage_result *result, struct json_writer *w)
{
	json_begin(w, stage->name);
	json_add_digest(w, "action", &result->key);
	if (result->ccache)
		json_add_true(w, "ccache");
	describe_isolation(result, w);
	json_add_digest(w, "output", &result->tree);
	json_end(w);
}

static void describe_stages(const struct build *build, struct json_writer *w)
{
	const struct plan *plan = build->options->plan;
	_cleanup_free_ const struct stage **stages =
	    xcalloc(plan->stage_count, sizeof(struct stage *));
	size_t count = 0;

	for (size_t i = 0; i < plan->stage_count; i++)
		if (build->results[i].wanted)
			stages[count++] = plan->stages[i];
	if (count)
		qsort(stages, count, sizeof(struct stage *), by_stage_name);
	json_begin(w, "stages");
	for (size_t i = 0; i < count; i++)
		describe_stage(stages[i], build_result(build, stages[i]), w);
	json_end(w);
}

/* Every object's keys are sorted. */
int manifest_write(const struct build *build, const struct exported *exports, size_t count,
    struct buf *ret_text, struct err *e)
{
	struct json_writer w = {.text = ret_text};

	json_begin(&w, NULL);
	if (add_files(build, exports, count, &w, e))
		return -1;
	json_add_text(&w, "format", FORMAT);
	describe_weakest(build, &w);
	json_add_number(&w, "source_date_epoch", manifest_time(build));
	describe_sources(build, &w);
	describe_stages(build, &w);
	json_add_text(&w, "target", build->options->plan->target.name);
	json_add_digest(
	    &w, "tools_root", inputs_tree(&build->inputs, inputs_tools_root(&build->inputs)));
	json_end(&w);
	buf_puts(ret_text, "\n");
	return 0;
}

/* --- Reading back --- */

/* The export that a file of the result is of. */
static const struct exported *export_of(
    const struct exported *exports, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (below(path, exports[i].path))
			return &exports[i];
	abort(); /* nothing else was copied or described */
}

static bool is_same(const struct tree_entry *one, const struct tree_entry *other)
{
	if (one->type != other->type)
		return false;
	return one->type == 'l'
		   ? !strcmp(one->target, other->target)
		   : one->size == other->size && digest_equal(&one->digest, &other->digest);
}

/* The names in the folder itself of what is to be read back; the caller frees the array and
 * what is in it. */
static char **names_to_check(const struct exported *exports, size_t count)
{
	char **names = xcalloc(count + 1, sizeof(*names));
	size_t next = 0;

	for (size_t i = 0; i < count; i++)
		if (!exports[i].is_sure)
			names[next++] = xstrndup(exports[i].path, strcspn(exports[i].path, "/"));
	return names;
}

/* What should be there and is not, or is another; and what should not be there and is. */
static const struct exported *find_damaged(const struct files *files,
    const struct exported *exports, size_t count, const struct tree *found)
{
	_cleanup_free_ bool *seen = xcalloc(files->count, sizeof(*seen));
	const struct exported *damaged = NULL;
	struct map wanted = {0};
	size_t i;

	for (i = 0; i < files->count; i++)
		map_put(&wanted, files->items[i].path, i);
	for (size_t n = 0; n < found->count; n++) {
		const struct tree_entry *entry = &found->entries[n];
		const struct exported *exported =
		    entry->type == 'd' ? NULL : export_of(exports, count, entry->path);

		if (!exported || exported->is_sure)
			continue;
		if (map_get(&wanted, entry->path, &i) && is_same(files->items[i].entry, entry))
			seen[i] = true;
		else
			damaged = exported;
	}
	for (i = 0; i < files->count; i++)
		if (!seen[i])
			damaged = export_of(exports, count, files->items[i].path);
	map_free(&wanted);
	return damaged;
}

static int check_copies(const struct files *files, const struct exported *exports, size_t count,
    int fd, const struct exported **ret_damaged, struct err *e)
{
	char **names = names_to_check(exports, count);
	struct tree found = {0};
	int result =
	    tree_import(fd, (const char *const *)names, -1, &(struct tree_limits){0}, &found, e);

	if (!result)
		*ret_damaged = find_damaged(files, exports, count, &found);
	tree_free(&found);
	for (size_t i = 0; names[i]; i++)
		free(names[i]);
	free(names);
	return result;
}

int manifest_check(const struct build *build, const struct exported *exports, size_t count, int fd,
    const struct exported **ret_damaged, struct err *e)
{
	struct tree *trees = xcalloc(count, sizeof(*trees));
	struct files files = {0};
	int result = 0;

	*ret_damaged = NULL;
	for (size_t i = 0; i < count && !result; i++)
		if (!exports[i].is_sure)
			result = find_exported(build, &exports[i], &trees[i], &files, e);
	if (!result && files.count)
		result = check_copies(&files, exports, count, fd, ret_damaged, e);
	free_files(&files, trees, count);
	return result;
}
