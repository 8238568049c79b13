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
	result = tree_copy(from, temp.fd, "tree", TREE_MTIME, e);
	if (!result)
		result = store_tree_commit(into, &temp, "tree", &manifest, &same, e);
	store_temp_remove(into, &temp);
	return result;
}

/* One small text under a key. */
static int pack_record(const struct build *build, const char *kind, const struct digest *key,
    struct store *into, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	bool found;

	if (store_record_read(build->host.store, kind, key, &text, &found, e))
		return -1;
	return found ? store_record_write(into, kind, key, text.data, text.length, e) : 0;
}

static int pack_all(const struct build *build, struct store *into, struct err *e)
{
	if (inputs_records(&build->inputs, into, e))
		return -1;
	for (size_t i = 0; i < build->options->plan->stage_count; i++) {
		const struct stage_result *result = &build->results[i];

		if (result->wanted && (pack_tree(build, &result->tree, into, e) ||
					  pack_record(build, "actions", &result->key, into, e) ||
					  pack_record(build, "results", &result->key, into, e)))
			return -1;
	}
	return 0;
}

int pack_results(const struct build *build, const char *path, struct err *e)
{
	struct store *into;
	int result;

	if (store_open(path, &into, e))
		return -1;
	result = pack_all(build, into, e);
	store_close(into);
	return result ? err_wrap(e, "copy the results to %s", path) : 0;
}
