#include "build/pack.h"

#include "base/file.h"
#include "base/memory.h"

#include <string.h>

/* The folder of a tree, with its manifest. One that is there is whole: it was renamed there. */
static int pack_tree(
    const struct build *build, const struct digest *tree, struct store *into, struct err *e)
{
	_cleanup_close_ int from = -1;
	_cleanup_buf_ struct buf manifest = {0};
	struct store_temp temp;
	struct digest same;
	char path[96];
	int result;

	if (store_has_tree(into, tree))
		return 0;
	store_tree_path(tree, path);
	from = folder_open(build->host.store->fd, path, e);
	if (from < 0 || store_tree_manifest(build->host.store, tree, &manifest, e) ||
	    store_temp_make(into, &temp, e))
		return -1;
	result = tree_copy(from, -1, temp.fd, "tree", TREE_MTIME, e);
	if (!result)
		result = store_tree_commit(into, &temp, "tree", &manifest, &same, e);
	store_temp_remove(into, &temp);
	return result;
}

static int copy_results(const void *what, struct store *into, struct err *e)
{
	const struct build *build = what;
	struct store *from = build->host.store;

	if (inputs_records(&build->inputs, into, e))
		return -1;
	for (size_t i = 0; i < build->options->plan->stage_count; i++) {
		const struct stage_result *result = &build->results[i];

		if (result->wanted &&
		    (pack_tree(build, &result->tree, into, e) ||
			store_record_copy(from, "actions", &result->key, into, e) ||
			store_record_copy(from, "results", &result->key, into, e)))
			return -1;
	}
	return 0;
}

static int copy_downloads(const void *what, struct store *into, struct err *e)
{
	const struct build *build = what;

	return inputs_copy_downloads(&build->inputs, into, e);
}

static int copy_tools(const void *what, struct store *into, struct err *e)
{
	return inputs_records(what, into, e);
}

static int pack(const char *path, int (*copy)(const void *what, struct store *into, struct err *e),
    const void *what, struct err *e)
{
	struct store *into;
	int result;

	if (store_open(path, &into, e))
		return -1;
	result = copy(what, into, e);
	store_close(into);
	return result ? err_wrap(e, "copy to the store %s", path) : 0;
}

int pack_results(const struct build *build, const char *path, struct err *e)
{
	return pack(path, copy_results, build, e);
}

int pack_downloads(const struct build *build, const char *path, struct err *e)
{
	return pack(path, copy_downloads, build, e);
}

int pack_tools(const struct inputs *inputs, const char *path, struct err *e)
{
	return pack(path, copy_tools, inputs, e);
}
