#include "cli/cli.h"

#include "base/human.h"
#include "base/memory.h"
#include "base/process.h"
#include "build/check.h"
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES_SHOWN 20
#define DIFFOSCOPE_SECONDS 60
#define DIFFOSCOPE_BYTES 20000
#define DIFFOSCOPE_LIMIT "--max-text-report-size=20000"

static const char *const kinds[] = {
    [TREE_ADDED] = "added",
    [TREE_REMOVED] = "missing",
    [TREE_CONTENT] = "changed",
    [TREE_EXECUTABLE] = "changed (whether it is executable)",
    [TREE_TARGET] = "changed (where the link leads)",
    [TREE_TYPE] = "changed (file, link or folder)",
};

/* Names are the stage's words too. */
static void show_change(const struct check *check, const struct tree_change *change)
{
	_cleanup_buf_ struct buf text = {0};

	buf_printf(&text, "  %s: %s", kinds[change->kind], change->path);
	if (change->path == check->first)
		buf_printf(&text, ", first at offset %llu", (unsigned long long)check->offset);
	buf_printf(&text, "\n");
	cli_show(text.data, text.length);
}

static bool is_installed(const char *program)
{
	_cleanup_free_ char *path = xstrdup(getenv("PATH") ? getenv("PATH") : "");
	char *next = NULL;

	for (char *folder = strtok_r(path, ":", &next); folder;
	     folder = strtok_r(NULL, ":", &next)) {
		_cleanup_free_ char *file = xasprintf("%s/%s", folder, program);

		if (!access(file, X_OK))
			return true;
	}
	return false;
}

static void show_report(const struct process_result *result)
{
	const struct buf *report = &result->output;
	bool is_cut = report->length > DIFFOSCOPE_BYTES;

	cli_show(buf_text(report), is_cut ? (size_t)DIFFOSCOPE_BYTES : report->length);
	if (is_cut)
		fputs("\n  (the rest is left out)\n", stderr);
}

/* 1 is its status when there are differences. */
static void show_end(struct process_result *result)
{
	const char *words = process_last_words(result);

	if (result->timed_out)
		fprintf(stderr, "  (it was ended after %d s)\n", DIFFOSCOPE_SECONDS);
	if (result->timed_out || result->status <= 1)
		return;
	cli_show(words, strlen(words));
	fprintf(stderr, "\n  (it failed: exit status %d)\n", result->status);
}

static int run_diffoscope(const struct check *check, const char *folder, struct err *e)
{
	_cleanup_free_ char *temporary = xasprintf("TMPDIR=%s", folder);
	const char *const argv[] = {"diffoscope", "--no-progress", "--text-color=never",
	    "--exclude-directory-metadata=yes", DIFFOSCOPE_LIMIT, check->recorded_path,
	    check->again_path, NULL};
	const char *const env[] = {temporary, NULL};
	const struct process process = {
	    .argv = argv, .env = env, .timeout_seconds = DIFFOSCOPE_SECONDS, .stop = &cli_stop};
	_cleanup_process_result_ struct process_result result = {0};

	if (process_run(&process, &result, e))
		return -1;
	show_report(&result);
	show_end(&result);
	return 0;
}

/* It and the programs that it starts read what a stage made, as the user and in no sandbox: so that
 * is said, and its time and its words have an end. */
static void show_diffoscope(struct store *store, const struct check *check)
{
	_cleanup_free_ char *folder = NULL;
	struct store_temp temp;
	struct err e = {0};

	fputs("  diffoscope, which runs outside of the sandbox on what the stage made:\n", stderr);
	if (store_temp_make(store, &temp, &e)) {
		cli_fail(&e);
		return;
	}
	folder = xasprintf("%s/%s", store->path, temp.name);
	if (run_diffoscope(check, folder, &e))
		cli_fail(&e);
	store_temp_remove(store, &temp);
}

static void show_difference(
    struct store *store, const struct stage *stage, const struct check *check)
{
	printf("%s: different\n", stage->name);
	fflush(stdout);
	for (size_t i = 0; i < check->change_count && i < CHANGES_SHOWN; i++)
		show_change(check, &check->changes[i]);
	if (check->change_count > CHANGES_SHOWN)
		fprintf(stderr, "  and %zu more\n", check->change_count - CHANGES_SHOWN);
	fprintf(stderr, "  as it was built: %s\n  built again:     %s\n", check->recorded_path,
	    check->again_path);
	if (is_installed("diffoscope") && !cli_stop)
		show_diffoscope(store, check);
}

/* Returns the exit status. */
static int show(const struct cli *cli, const struct build *build, const struct checks *checks)
{
	size_t same = 0, different = 0, failed = 0;

	for (size_t i = 0; i < checks->count; i++) {
		const struct check *check = &checks->items[i];
		const struct stage *stage = build->options->plan->stages[i];

		same += check->is_done && check->is_same;
		different += check->is_done && !check->is_same;
		failed += check->is_asked && !check->is_done;
		if (check->is_done && !check->is_same)
			show_difference(build->host.store, stage, check);
		else if (check->is_done && !cli->quiet)
			printf("%s: the same with -j %u\n", stage->name, checks->jobs);
	}
	if (!different && !failed)
		return 0;
	fflush(stdout);
	fprintf(stderr,
	    "minsys: built again: %zu the same, %zu different, %zu failed; the results stay as "
	    "they are\n",
	    same, different, failed);
	return ERR_FAILED;
}

/* Run the checks, and show how that goes. A stage that fails is no reason not to show the others.
 */
static int check(struct cli *cli, struct build_options *options, struct build *build)
{
	struct progress progress;
	const struct build_watch watch = {&progress, progress_event};
	struct progress_outcome outcome = {0};
	struct checks checks = {0};
	struct err e = {0};
	int shown = 0;

	progress_begin(&progress, cli, options->plan);
	options->watch = &watch;
	options->is_output_told = progress_wants_output(&progress);
	if (checks_run(build, cli->jobs_are_asked ? cli->jobs : 0, cli->processors, &checks, &e))
		outcome = (struct progress_outcome){.status = (int)e.kind, .e = &e};
	outcome.is_stopped = build->has_stopped;
	progress_finish(&progress, &outcome);
	if (build->has_stopped)
		return outcome.status;
	shown = show(cli, build, &checks);
	checks_free(&checks);
	return outcome.status ? outcome.status : shown;
}

static int build_and_check(struct cli *cli, const struct plan *plan, struct store *store)
{
	const struct fetch_options fetch = cli_fetch_options(cli, plan, store);
	struct progress progress;
	const struct build_watch watch = {&progress, progress_event};
	struct cli_chooser chooser = {cli, &plan->tools.lock_digest};
	struct build_options options = {
	    .plan = plan,
	    .store = store,
	    .fetch = &fetch,
	    .sandbox = cli->sandbox,
	    .choose = cli_choose,
	    .context = &chooser,
	    .stop = &cli_stop,
	    .stages = (const char *const *)cli->words,
	    /* What is missing is not built as it will be checked. */
	    .jobs = cli->processors,
	    .watch = &watch,
	};
	struct progress_outcome outcome = {0};
	struct build build = {0};
	struct err e = {0};
	int status;

	progress_begin(&progress, cli, plan);
	options.is_output_told = progress_wants_output(&progress);
	if (build_run(&options, &build, &e))
		outcome = (struct progress_outcome){.status = (int)e.kind, .e = &e};
	outcome.is_stopped = build.has_stopped;
	status = progress_finish(&progress, &outcome);
	if (!status && !cli_stop)
		status = check(cli, &options, &build);
	if (cli_stop)
		cli_end_by_signal();
	build_free(&build);
	return status;
}

static int run_check(struct cli *cli)
{
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct err e = {0};
	int status = cli_plan(cli, &plan);

	cli->ccache = false; /* whoever always builds with one */
	if (status)
		return status;
	cli_catch_stops(cli_note_stop);
	status = store_open(NULL, &store, &e) ? cli_fail(&e) : build_and_check(cli, plan, store);
	store_close(store);
	plan_free(plan);
	return status;
}

const struct command cmd_check = {
    .name = "check",
    .words = "[STAGE]...",
    .summary = "build all stages again, or those, and compare; 1 when one comes out different",
    .run = run_check,
};
