#include "cli/cli.h"

#include "base/memory.h"
#include "build/build.h"
#include "build/changes.h"
#include "build/choice.h"
#include "build/export.h"
#include "build/memo.h"
#include "build/pack.h"
#include "build/trace.h"
#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *result_word(const struct build *build, const struct export_outcome *exported)
{
	size_t built = 0;

	for (size_t i = 0; i < build->options->plan->stage_count; i++)
		built += build->results[i].built;
	return exported->replaced ? "written" : built ? "unchanged" : "up to date";
}

int cli_choose(void *context, struct choice *ret_choice, struct err *e)
{
	const struct cli_chooser *chooser = context;
	const struct cli *cli = chooser->cli;

	return choice_make(cli->isolation, cli->sandbox, chooser->lock, ret_choice, e);
}

volatile sig_atomic_t cli_stop;

void cli_note_stop(int number)
{
	cli_stop = number;
}

void cli_catch_stops(void (*handler)(int number))
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	/* A second one ends the program at once. */
	struct sigaction action = {.sa_handler = handler, .sa_flags = (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct sigaction before;

		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
}

void cli_end_by_signal(void)
{
	signal(cli_stop, SIG_DFL);
	raise(cli_stop);
}

/* Was the result found as it should be, in the place that was named? */
static bool is_as_it_was(const struct cli *cli, const struct plan *plan, const char *out,
    const struct export_outcome *exported)
{
	_cleanup_free_ char *named = cli_out(cli, plan);

	return !out || (!exported->replaced && !exported->edited && !exported->kept.length &&
			   !strcmp(out, named));
}

/* `out` is NULL when nothing is to be written there. */
static int build_and_export(struct cli *cli, const struct plan *plan, struct store *store,
    const char *out, const struct memo *memo)
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
	    .preprocessor = cli->preprocessor,
	    .choose = cli_choose,
	    .context = &chooser,
	    .keeps_going = cli->keeps_going,
	    .stop = &cli_stop,
	    .stages = (const char *const *)cli->words,
	    .jobs = cli->jobs,
	    .ccache = cli->ccache,
	    .watch = &watch,
	};
	struct build build = {0};
	struct export_outcome exported = {0};
	struct err e = {0};
	struct progress_outcome outcome = {.e = &e, .out = out};
	_cleanup_free_ char *trace = NULL;
	int status;

	progress_begin(&progress, cli, plan);
	options.is_output_told = progress_wants_output(&progress);
	status = build_run(&options, &build, &e);
	outcome.record = build.record;
	outcome.trace = trace = *build.record ? trace_path(store, build.record) : NULL;
	if (cli_stop) {
		outcome.is_stopped = true;
		progress_finish(&progress, &outcome);
		cli_end_by_signal();
	}
	/* What is left to do may be cut short anywhere. */
	cli_catch_stops(SIG_DFL);
	if (status || (cli->results && pack_results(&build, cli->results, &e)) ||
	    (out && export_build(&build, out, &exported, &e)))
		outcome.status = (int)e.kind;
	else if (out && !cli->is_for_boot)
		outcome.result = result_word(&build, &exported);
	outcome.kept = exported.kept.data;
	outcome.is_edited = exported.edited;
	status = progress_finish(&progress, &outcome);
	if (!status && is_as_it_was(cli, plan, out, &exported))
		memo_write(memo, &build, out);
	build_free(&build);
	buf_free(&exported.kept);
	return status;
}

/* Where the result goes, or NULL when only stages are asked for. Whether it may go there is known
 * before an hour of building. */
static int choose_out(const struct cli *cli, const struct plan *plan, char **ret_out)
{
	_cleanup_free_ char *out = cli_out(cli, plan);
	struct err e = {0};

	*ret_out = NULL;
	if (cli->word_count && !cli->out)
		return 0;
	return export_check(out, ret_out, &e) ? cli_fail(&e) : 0;
}

static void ignore(int number)
{
	(void)number;
}

/* What turns out to be damaged in the store when all of it is put together is made again, once. As
 * JSON a build is told once: whoever reads that can start another one. */
static int build_and_mend(struct cli *cli, const struct plan *plan, struct store *store,
    const char *out, const struct memo *memo)
{
	int status = build_and_export(cli, plan, store, out, memo);

	if (!status || !store->has_discarded || cli->json)
		return status;
	cli_notice(cli, "building again what was damaged");
	cli_catch_stops(cli_note_stop);
	return build_and_export(cli, plan, store, out, memo);
}

/* Does a memo say so? */
static bool is_up_to_date(const struct cli *cli, const struct memo *memo)
{
	struct err ignored;
	_cleanup_free_ char *path = store_default_path(&ignored), *out = NULL;
	struct store *store;
	bool holds;

	if (cli->results || cli->json || !path || !memo_exists(memo, path) ||
	    store_open(path, &store, &ignored))
		return false;
	holds = memo_holds(memo, store, cli->project, &out) && (!out || export_is_tidy(out));
	store_close(store);
	if (holds && out && !cli->quiet && !cli->is_for_boot)
		printf("%s: up to date\n", out);
	return holds;
}

/* `changes` is NULL when nobody waits for any. */
static int build_once(struct cli *cli, struct changes *changes)
{
	_cleanup_free_ char *out = NULL;
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct memo memo;
	struct err e = {0};
	int status;

	memo_begin(cli->project, cli->target, cli->out, (const char *const *)cli->words, &memo);
	if (!changes && is_up_to_date(cli, &memo))
		return 0;
	status = cli_plan(cli, &plan);
	if (!status && changes && changes_narrow(changes, plan, &e))
		status = cli_fail(&e);
	if (status)
		return status;
	/* Nobody reading what it says must not end a build. What is caught, other than what is
	 * ignored, is as always again in the programs that are run. */
	signal(SIGPIPE, ignore);
	cli_catch_stops(cli_note_stop);
	status = choose_out(cli, plan, &out);
	if (!status)
		status = store_open(NULL, &store, &e)
			     ? cli_fail(&e)
			     : build_and_mend(cli, plan, store, out, &memo);
	store_close(store);
	plan_free(plan);
	return status;
}

/* What changes while it builds is built next: it is waited for from before it is read. */
static int build_and_wait(struct cli *cli, struct changes *changes, struct err *e)
{
	_cleanup_buf_ struct buf what = {0};

	if (changes_begin(changes, e))
		return -1;
	build_once(cli, changes);
	if (cli_stop)
		cli_end_by_signal();
	cli_catch_stops(SIG_DFL);
	fflush(stdout);
	cli_notice(cli, "waiting for a change; Ctrl-c ends");
	buf_puts(&what, "changed: ");
	if (changes_wait(changes, &what, e))
		return -1;
	cli_notice(cli, buf_text(&what));
	return 0;
}

static int run_build(struct cli *cli)
{
	struct changes *changes;
	struct err e = {0};

	if (!cli->watches)
		return build_once(cli, NULL);
	changes = changes_open(cli->project);
	while (!build_and_wait(cli, changes, &e))
		;
	changes_close(changes);
	return cli_fail(&e);
}

const struct command cmd_build = {
    .name = "build",
    .words = "[--watch] [STAGE]...",
    .options = "out results keep-going json watch",
    .summary = "build all stages and write out/minsys; or only those, and what they need",
    .run = run_build,
};

int cli_build_for_boot(const struct cli *cli)
{
	char *no_words[] = {NULL};
	struct cli build = *cli;

	build.words = no_words;
	build.word_count = 0;
	build.watches = false;
	build.is_for_boot = true;
	build.json = false;
	return run_build(&build);
}

static int download(struct cli *cli, const struct plan *plan, struct store *store)
{
	const struct fetch_options fetch = cli_fetch_options(cli, plan, store);
	struct progress progress;
	const struct build_watch watch = {&progress, progress_event};
	const struct build_options options = {
	    .plan = plan,
	    .store = store,
	    .fetch = &fetch,
	    .stages = (const char *const *)cli->words,
	    .watch = &watch,
	};
	struct build build = {0};
	struct err e = {0};
	struct progress_outcome outcome = {.e = &e};
	int status;

	progress_begin(&progress, cli, plan);
	if (build_download(&options, &build, &e) ||
	    (cli->results && pack_downloads(&build, cli->results, &e)))
		outcome.status = (int)e.kind;
	status = progress_finish(&progress, &outcome);
	if (!status && !cli->quiet && !cli->json)
		puts("everything is downloaded");
	build_free(&build);
	return status;
}

static int run_fetch(struct cli *cli)
{
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct err e = {0};
	int status = cli_plan(cli, &plan);

	if (status)
		return status;
	status = store_open(NULL, &store, &e) ? cli_fail(&e) : download(cli, plan, store);
	store_close(store);
	plan_free(plan);
	return status;
}

const struct command cmd_fetch = {
    .name = "fetch",
    .words = "[STAGE]...",
    .options = "results keep-going json",
    .summary = "only download what a build needs",
    .run = run_fetch,
};
