/*
 * minsys root FOLDER: the tools root as a folder, to become the `/` of a container in which steps
 * run (isolation landlock).
 */
#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/inputs.h"
#include "build/pack.h"

#include <string.h>

static int write_root(const struct inputs *inputs, const char *folder, struct err *e)
{
	const struct store *store = inputs->host->store;
	_cleanup_free_ char *path = xstrdup(folder);
	_cleanup_close_ int tree = -1, parent = -1;
	char tree_path[96], *slash = strrchr(path, '/');

	store_tree_path(inputs_tree(inputs, inputs_tools_root(inputs)), tree_path);
	tree = folder_open(store->fd, tree_path, e);
	if (slash)
		*slash = 0;
	if (tree < 0)
		return -1;
	parent = folder_make(AT_FDCWD, !slash ? "." : *path ? path : "/", 0755, e);
	if (parent < 0) {
		e->kind = ERR_INPUT;
		return -1;
	}
	return tree_copy(tree, -1, parent, slash ? slash + 1 : path, TREE_MTIME, e);
}

static int write_with_store(struct cli *cli, struct plan *plan, struct store *store, struct err *e)
{
	const struct fetch_options fetch = cli_fetch_options(cli, plan, store);
	const struct step_host host = {.store = store};
	int result = -1;
	struct inputs inputs = {
	    .plan = plan,
	    .host = &host,
	    .fetch = &fetch,
	    .notice = cli_notice,
	    .context = cli,
	};

	inputs_open(&inputs);
	inputs.wanted[inputs_tools_root(&inputs)] = true;
	if (!inputs_look(&inputs, e) && !inputs_materialize_tools(&inputs, e) &&
	    (!cli->results || !pack_tools(&inputs, cli->results, e)))
		result = write_root(&inputs, cli->words[0], e);
	inputs_close(&inputs);
	return result;
}

static int run_root(struct cli *cli)
{
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct err e = {0};
	int status;

	if (cli->word_count != 1 || !*cli->words[0])
		return cli_usage("`root` takes the folder to make");
	if (!access(cli->words[0], F_OK))
		return cli_usage("%s is there already", cli->words[0]);
	status = cli_plan_tools(cli, true, &plan);
	if (status)
		return status;
	if (store_open(NULL, &store, &e) || write_with_store(cli, plan, store, &e))
		status = cli_fail(&e);
	store_close(store);
	plan_free(plan);
	return status;
}

const struct command cmd_root = {
    .name = "root",
    .words = "FOLDER",
    .options = "results",
    .summary = "write the tools root to a new folder, to make a container of",
    .run = run_root,
};
