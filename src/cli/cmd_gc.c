/*
 * minsys gc: the store kept within a size, or read back to find what is damaged.
 */
#include "cli/cli.h"

#include "base/human.h"
#include "base/memory.h"
#include "build/history.h"
#include "store/gc.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_SIZE "10GB"

static const char *const kind_names[GC_KINDS] = {
    [GC_FAILED] = "failed builds",
    [GC_SOURCES] = "sources and tools",
    [GC_CACHES] = "compiler caches",
    [GC_RESULTS] = "results",
    [GC_DOWNLOADS] = "downloads",
    [GC_LOGS] = "logs and traces",
    [GC_RECORDS] = "records",
};

/* --- What the last build needed --- */

struct digests {
	struct digest *items;
	size_t count;
};

static void add_digest(struct digests *digests, bool is_known, const struct digest *digest)
{
	if (!is_known)
		return;
	digests->items = xgrow(digests->items, digests->count, sizeof(*digests->items));
	digests->items[digests->count++] = *digest;
}

static void add_needed(struct digests *needed, const struct history *history)
{
	add_digest(needed, history->has_tools_root, &history->tools_root);
	for (size_t i = 0; i < history->source_count; i++)
		add_digest(needed, history->sources[i].has_tree, &history->sources[i].tree);
	for (size_t i = 0; i < history->task_count; i++) {
		add_digest(needed, history->tasks[i].has_key, &history->tasks[i].key);
		add_digest(needed, history->tasks[i].has_tree, &history->tasks[i].tree);
	}
}

/* All that the last build which succeeded needed; nothing when there is no record of one. */
static int find_needed(struct store *store, struct digests *needed, struct err *e)
{
	_cleanup_history_names_ struct history_names names = {0};
	bool is_done = false;

	if (history_list(store, &names, e))
		return -1;
	for (size_t i = 0; i < names.count && !is_done; i++) {
		_cleanup_history_ struct history history = {0};
		bool found;

		if (history_read(store, names.items[i], &history, &found, e))
			return -1;
		is_done = found && history.outcome == HISTORY_DONE;
		if (is_done)
			add_needed(needed, &history);
	}
	return 0;
}

/* --- Telling --- */

static void print_counts(const char *name, struct gc_count removed, struct gc_count kept)
{
	char bytes[2][HUMAN_SIZE];

	if (removed.count || kept.count)
		printf("%-18s %6zu %8s %7zu %8s\n", name, removed.count,
		    human_bytes(removed.bytes, bytes[0]), kept.count,
		    human_bytes(kept.bytes, bytes[1]));
}

static void print_outcome(
    const struct cli *cli, const struct gc_outcome *outcome, uint64_t max_bytes)
{
	char bytes[3][HUMAN_SIZE];
	uint64_t removed = 0, kept = 0;

	printf("%-18s %15s %16s\n", "", cli->dry_run ? "to be removed" : "removed",
	    cli->dry_run ? "to be kept" : "kept");
	for (size_t i = 0; i < GC_KINDS; i++) {
		print_counts(kind_names[i], outcome->removed[i], outcome->kept[i]);
		removed += outcome->removed[i].bytes;
		kept += outcome->kept[i].bytes;
	}
	printf("%-18s %15s %16s of at most %s\n", "together", human_bytes(removed, bytes[0]),
	    human_bytes(kept, bytes[1]), human_bytes(max_bytes, bytes[2]));
	if (kept > max_bytes && outcome->in_use)
		printf("%s more are in use by builds that run now; run it again when they have "
		       "ended\n",
		    human_bytes(kept - max_bytes, bytes[0]));
}

static void print_verified(const struct cli *cli, const struct gc_verified *verified)
{
	if (verified->wrong)
		printf("%zu things are damaged, or depend on what is%s\n", verified->wrong,
		    cli->dry_run
			? ""
			: "; they are removed, and the next build makes again what it needs");
	else if (!cli->quiet)
		printf("all is well: %zu trees, %zu downloads and %zu records were read\n",
		    verified->trees, verified->downloads, verified->records);
}

static void print_line(void *context, const char *text)
{
	(void)context;
	cli_show(text, strlen(text));
	fputc('\n', stderr);
}

/* --- Doing --- */

/* The bound: what is asked for, or the user's own setting. */
static int choose_size(const struct cli *cli, uint64_t *ret_bytes)
{
	const char *own = getenv("MINSYS_CACHE_SIZE");
	const char *text = cli->max_size ? cli->max_size : own && *own ? own : DEFAULT_SIZE;

	if (human_parse_bytes(text, ret_bytes))
		return 0;
	return cli_usage("%s is a size such as 500MB or 5GB, not `%s`",
	    cli->max_size ? "--max-size" : "MINSYS_CACHE_SIZE", text);
}

static int collect(struct cli *cli, struct store *store, uint64_t max_bytes)
{
	char bytes[HUMAN_SIZE];
	_cleanup_free_ char *reason =
	    xasprintf("minsys gc, to keep the store within %s", human_bytes(max_bytes, bytes));
	struct digests needed = {0};
	struct gc_outcome outcome;
	struct err e = {0};
	int status = 0;

	if (find_needed(store, &needed, &e))
		return cli_fail(&e);
	const struct gc_options options = {
	    .max_bytes = max_bytes,
	    .is_dry = cli->dry_run,
	    .reason = reason,
	    .needed = needed.items,
	    .needed_count = needed.count,
	    .notice = cli_notice,
	    .context = cli,
	};
	if (gc_run(store, &options, &outcome, &e))
		status = cli_fail(&e);
	else if (!cli->quiet)
		print_outcome(cli, &outcome, max_bytes);
	free(needed.items);
	return status;
}

static int verify(struct cli *cli, struct store *store)
{
	const struct gc_verify_options options = {.is_dry = cli->dry_run, .notice = print_line};
	struct gc_verified verified;
	struct err e = {0};

	if (gc_verify(store, &options, &verified, &e))
		return cli_fail(&e);
	print_verified(cli, &verified);
	return verified.wrong ? ERR_FAILED : 0;
}

static int run_gc(struct cli *cli)
{
	struct store *store = NULL;
	struct err e = {0};
	uint64_t max_bytes;
	int status;

	if (cli->word_count)
		return cli_usage("`gc` takes no words");
	if (cli->verify && cli->max_size)
		return cli_usage("--verify removes only what is damaged: it takes no --max-size");
	status = choose_size(cli, &max_bytes);
	if (status)
		return status;
	if (store_open(NULL, &store, &e))
		return cli_fail(&e);
	status = cli->verify ? verify(cli, store) : collect(cli, store, max_bytes);
	store_close(store);
	return status;
}

const struct command cmd_gc = {
    .name = "gc",
    .words = "",
    .options = "max-size verify dry-run",
    .summary = "keep the store within a size, or read it back to find what is damaged",
    .is_for_anywhere = true,
    .run = run_gc,
};
