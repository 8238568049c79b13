/*
 * fill PROJECT: put into the store what a build of a project that graph.py made leaves there, with
 * no step run: ten thousand of them take half an hour, and are of no interest to what is measured.
 * The tools root has to be in the store. For `make bench`.
 */
#include "base/file.h"
#include "base/memory.h"
#include "build/action.h"
#include "build/inputs.h"

#include <stdio.h>
#include <string.h>

/* The output of each of these stages is the one file that it is made of. */
static int make_tree(
    struct store *store, const struct input_file *file, struct digest *ret_tree, struct err *e)
{
	struct tree tree = {0};
	struct tree_entry *entry = tree_add(&tree, 'f', file->name);
	_cleanup_buf_ struct buf manifest = {0};
	_cleanup_close_ int folder = -1, content = -1;
	char path[96], hex[DIGEST_HEX_SIZE];

	entry->digest = file->digest;
	entry->size = file->content.length;
	tree_encode(&tree, &manifest);
	tree_free(&tree);
	*ret_tree = digest_of(manifest.data, manifest.length);
	store_tree_path(ret_tree, path);
	content = folder_make(store->fd, path, 0755, e);
	snprintf(path, sizeof(path), "trees/%s", digest_format(ret_tree, hex));
	folder = content < 0 ? -1 : folder_open(store->fd, path, e);
	return folder < 0 ||
		       file_put(folder, "manifest", manifest.data, manifest.length, 0644, e) ||
		       file_put(
			   content, file->name, file->content.data, file->content.length, 0644, e)
		   ? -1
		   : 0;
}

static int put_record(struct store *store, const char *kind, const struct digest *key,
    const struct buf *text, struct err *e)
{
	char path[128], hex[DIGEST_HEX_SIZE];

	snprintf(path, sizeof(path), "%s/%s", kind, digest_format(key, hex));
	return store_text_put(store, path, text->data, text->length, e);
}

/* `trees` has the outputs of the stages before. */
static int fill_stage(const struct plan *plan, const struct stage *stage, struct store *store,
    const struct digest *tools, struct digest *trees, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	struct action action;
	int result;

	if (action_open(plan, stage, &action, e))
		return -1;
	action.tools = *tools;
	for (size_t i = 0; i < stage->need_count; i++)
		action.needs[i] = trees[stage->needs[i]->number];
	action_seal(plan, &action);
	result = make_tree(store, &action.files[0], &trees[stage->number], e);
	if (!result) {
		buf_printf(&text, "%s\nisolation userns\nmilliseconds 1\n",
		    digest_format(&trees[stage->number], hex));
		result = put_record(store, "actions", &action.key, &action.text, e) ||
			 put_record(store, "results", &action.key, &text, e);
	}
	action_free(&action);
	return result;
}

static int fill(const struct plan *plan, struct store *store, struct err *e)
{
	_cleanup_free_ struct digest *trees = xcalloc(plan->stage_count, sizeof(*trees));
	struct digest tools;
	bool found;

	if (inputs_peek_tools(store, plan, &tools, &found, e))
		return -1;
	if (!found)
		return err_set(e, "the tools root is not in the store");
	for (size_t i = 0; i < plan->stage_count; i++)
		if (fill_stage(plan, plan->stages[i], store, &tools, trees, e))
			return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct problems problems = {0};
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct err e = {0};

	if (argc != 2 || plan_load(argv[1], NULL, &plan, &problems, &e) ||
	    store_open(NULL, &store, &e) || fill(plan, store, &e)) {
		fprintf(stderr, "fill: %s\n", argc == 2 ? e.text : "PROJECT");
		return 1;
	}
	store_close(store);
	plan_free(plan);
	return 0;
}
