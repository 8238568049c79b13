#include "build/manifest.h"

#include "base/memory.h"

#include <jansson.h>
#include <string.h>

#define FORMAT "minsys manifest 1"

int64_t manifest_time(const struct build *build)
{
	const char *text = target_fact(&build->options->plan->target, "SOURCE_DATE_EPOCH");

	return text ? strtoll(text, NULL, 10) : TREE_MTIME;
}

bool manifest_read(const struct buf *text, int64_t *ret_time)
{
	json_t *root = json_loadb(buf_text(text), text->length, 0, NULL);
	const char *format = json_string_value(json_object_get(root, "format"));
	json_t *epoch = json_object_get(root, "source_date_epoch");
	bool is_ours = format && !strcmp(format, FORMAT);

	if (is_ours && json_is_integer(epoch))
		*ret_time = json_integer_value(epoch);
	json_decref(root);
	return is_ours;
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
			};
		}
	if (count)
		qsort(exports, count, sizeof(*exports), by_path);
	*ret_count = count;
	return exports;
}

static json_t *json_digest(const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	return json_string(digest_format(digest, hex));
}

static json_t *describe_entry(const struct tree_entry *entry)
{
	json_t *description;

	if (entry->type == 'l')
		return json_pack("{s:s}", "link", entry->target);
	description = json_object();
	json_object_set_new(description, "sha256", json_digest(&entry->digest));
	json_object_set_new(description, "size", json_integer((json_int_t)entry->size));
	if (entry->type == 'x')
		json_object_set_new(description, "executable", json_true());
	return description;
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

static int add_files(
    json_t *files, const struct exported *exported, const struct tree *tree, struct err *e)
{
	bool found = !strcmp(exported->from, ".");

	for (size_t i = 0; i < tree->count; i++) {
		const struct tree_entry *entry = &tree->entries[i];
		const char *rest = below(entry->path, exported->from);
		_cleanup_free_ char *path = NULL;

		if (!rest)
			continue;
		found = true;
		if (entry->type == 'd')
			continue;
		path = xasprintf("%s%s%s", exported->path, *rest ? "/" : "", rest);
		if (json_object_set_new(files, path, describe_entry(entry)))
			return err_kind(e, ERR_INPUT, "the name of `%s` is not UTF-8", entry->path);
	}
	if (!found)
		return err_kind(e, ERR_INPUT, "the output holds no `%s`, which `exports` names",
		    exported->from);
	return 0;
}

static int add_export(
    const struct build *build, json_t *files, const struct exported *exported, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct tree tree = {0};
	int result;

	if (store_tree_manifest(build->host.store, exported->tree, &text, e) ||
	    tree_decode(buf_text(&text), text.length, &tree, e))
		return -1;
	result = add_files(files, exported, &tree, e);
	tree_free(&tree);
	return result ? err_wrap(e, "export %s", exported->path) : 0;
}

static json_t *describe_sources(const struct build *build)
{
	const struct plan *plan = build->options->plan;
	json_t *sources = json_object();

	for (size_t i = 0; i < plan->source_count; i++) {
		json_t *source;

		if (!build->inputs.wanted[i])
			continue;
		source = json_object();
		json_object_set_new(source, "version", json_string(plan->sources[i].version));
		json_object_set_new(source, "license", json_string(plan->sources[i].license));
		json_object_set_new(source, "tree", json_digest(&build->inputs.items[i].tree));
		json_object_set_new(sources, plan->sources[i].name, source);
	}
	return sources;
}

static json_t *isolation_name(const struct stage_result *result)
{
	_cleanup_free_ char *name = choice_name(&result->isolation);

	return json_string(name);
}

/* A result is as well isolated as the stage of it that was least so. */
static void describe_isolation(const struct build *build, json_t *root)
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
	json_object_set_new(root, "isolation", isolation_name(weakest));
	if (weakest->isolation.reason)
		json_object_set_new(
		    root, "isolation_reason", json_string(weakest->isolation.reason));
}

static json_t *describe_stages(const struct build *build)
{
	json_t *stages = json_object();

	for (size_t i = 0; i < build->options->plan->stage_count; i++) {
		json_t *stage;

		if (!build->results[i].wanted)
			continue;
		stage = json_object();
		json_object_set_new(stage, "action", json_digest(&build->results[i].key));
		json_object_set_new(stage, "output", json_digest(&build->results[i].tree));
		json_object_set_new(stage, "isolation", isolation_name(&build->results[i]));
		if (build->results[i].ccache)
			json_object_set_new(stage, "ccache", json_true());
		json_object_set_new(stages, build->options->plan->stages[i]->name, stage);
	}
	return stages;
}

int manifest_write(const struct build *build, const struct exported *exports, size_t count,
    struct buf *ret_text, struct err *e)
{
	json_t *root = json_object(), *files = json_object();
	_cleanup_free_ char *text = NULL;
	int result = 0;

	json_object_set_new(root, "format", json_string(FORMAT));
	json_object_set_new(root, "source_date_epoch", json_integer(manifest_time(build)));
	json_object_set_new(root, "target", json_string(build->options->plan->target.name));
	describe_isolation(build, root);
	json_object_set_new(root, "tools_root",
	    json_digest(inputs_tree(&build->inputs, inputs_tools_root(&build->inputs))));
	json_object_set_new(root, "sources", describe_sources(build));
	json_object_set_new(root, "stages", describe_stages(build));
	json_object_set_new(root, "files", files);
	for (size_t i = 0; i < count && !result; i++)
		result = add_export(build, files, &exports[i], e);
	text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(root);
	if (!result)
		buf_printf(ret_text, "%s\n", text);
	return result;
}
