#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/build.h"
#include "build/export.h"
#include "build/pack.h"
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_notice(void *context, const char *text)
{
	const struct cli *cli = context;

	if (!cli->quiet)
		fprintf(stderr, "%s\n", text);
}

static void show_failure(const struct stage *stage, const struct step_failure *failure)
{
	if (failure->log_end.length)
		fprintf(stderr, "%s\n--- the end of the log of %s ---\n%s---\n", "", stage->name,
		    buf_text(&failure->log_end));
	if (failure->folder[0])
		fprintf(stderr, "its build tree is kept: %s\n", failure->folder);
	if (failure->log[0])
		fprintf(stderr, "its whole log: %s\n", failure->log);
}

static void show_stage(void *context, const struct stage *stage, enum stage_state state,
    long long milliseconds, const struct step_failure *failure)
{
	const struct cli *cli = context;

	if (state == STAGE_FAILED)
		show_failure(stage, failure);
	if (cli->quiet || state == STAGE_CACHED)
		return;
	if (state == STAGE_RUNNING)
		fprintf(stderr, "%-14s building\n", stage->name);
	else
		fprintf(stderr, "%-14s %s after %lld.%lld s\n", stage->name,
		    state == STAGE_BUILT ? "done" : "failed", milliseconds / 1000,
		    milliseconds / 100 % 10);
}

/* Is this machine's `/` the tools root that the project asks for? */
static int check_mark(const struct plan *plan, struct err *e)
{
	_cleanup_buf_ struct buf mark = {0};
	char hex[DIGEST_HEX_SIZE];

	digest_format(&plan->tools.lock_digest, hex);
	if (!file_read(AT_FDCWD, "/etc/minsys-tools-root", 4096, &mark, e) &&
	    !strncmp(buf_text(&mark), hex, strlen(hex)))
		return 0;
	return err_kind(e, ERR_ENVIRONMENT,
	    "isolation `landlock` does not work here: `/` is not the tools root that "
	    "toolchain/root.lock describes, as it is in the Dockerfile's builder image");
}

static int try_isolation(
    const struct cli *cli, const struct plan *plan, const char *isolation, struct err *e)
{
	bool in_place = !strcmp(isolation, "landlock");

	if (sandbox_trial(cli->sandbox, isolation, e))
		return -1;
	return in_place ? check_mark(plan, e) : 0;
}

/* Which isolation holds: found out by doing, the strongest first, and never less than what was
 * asked for. */
static int choose_isolation(const struct cli *cli, const struct plan *plan,
    struct build_options *options, struct err *ret_stronger, struct err *e)
{
	static const char *const all[] = {"userns", "landlock"};
	bool any = !strcmp(cli->isolation, "auto");

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (!any && strcmp(cli->isolation, all[i]))
			continue;
		if (!try_isolation(cli, plan, all[i], e)) {
			options->isolation = all[i];
			options->in_place = i > 0;
			if (i > 0)
				options->isolation_reason = any ? ret_stronger->text : "asked for";
			return 0;
		}
		if (i == 0)
			*ret_stronger = *e;
	}
	if (any)
		return err_kind(
		    e, ERR_ENVIRONMENT, "%s\n%s", ret_stronger->text, xasprintf("%s", e->text));
	return -1;
}

static int report(const struct cli *cli, const struct build *build, const char *out,
    const struct export_outcome *outcome)
{
	size_t built = 0;

	for (size_t i = 0; i < build->options->plan->stage_count; i++)
		built += build->results[i].built;
	if (outcome->kept[0])
		fprintf(stderr, "files that had been edited in %s are kept in %s\n", out,
		    outcome->kept);
	if (outcome->edited)
		fprintf(stderr, "%s was edited since it was built; it is left as it is\n", out);
	if (!cli->quiet)
		printf("%s: %s\n", out,
		    outcome->replaced ? "written"
		    : built	      ? "unchanged"
				      : "up to date");
	return 0;
}

static int build_and_export(struct cli *cli, struct plan *plan, struct store *store)
{
	const struct fetch_options fetch = cli_fetch_options(cli, plan, store);
	const struct build_watch watch = {cli, show_notice, show_stage};
	struct build_options options = {
	    .plan = plan,
	    .store = store,
	    .fetch = &fetch,
	    .sandbox = cli->sandbox,
	    .stages = (const char *const *)cli->words,
	    .jobs = cli->jobs,
	    .echo = cli->verbose,
	    .watch = &watch,
	};
	struct build build = {0};
	struct export_outcome outcome = {0};
	struct err e = {0}, stronger = {0};
	bool writes = !cli->word_count || cli->out;
	char *out = cli_out(cli, plan);
	int status = 0;

	if (choose_isolation(cli, plan, &options, &stronger, &e)) {
		status = cli_fail(&e);
	} else {
		if (!cli->quiet)
			fprintf(stderr, "isolation: %s%s%s%s\n", options.isolation,
			    options.isolation_reason ? " (" : "",
			    options.isolation_reason ? options.isolation_reason : "",
			    options.isolation_reason ? ")" : "");
		if (build_run(&options, &build, &e) ||
		    (cli->results && pack_results(&build, cli->results, &e)) ||
		    (writes && export_build(&build, out, &outcome, &e)))
			status = cli_fail(&e);
		else if (writes)
			status = report(cli, &build, out, &outcome);
		build_free(&build);
	}
	free(out);
	return status;
}

static int run_build(struct cli *cli)
{
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct err e = {0};
	int status = cli_plan(cli, &plan);

	if (status)
		return status;
	if (store_open(NULL, &store, &e))
		status = cli_fail(&e);
	else
		status = build_and_export(cli, plan, store);
	store_close(store);
	plan_free(plan);
	return status;
}

const struct command cmd_build = {
    .name = "build",
    .words = "[STAGE]...",
    .summary = "build all stages and write out/minsys; or only those, and what they need",
    .run = run_build,
};

static int run_fetch(struct cli *cli)
{
	const struct build_watch watch = {cli, show_notice, show_stage};
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct err e = {0};
	int status = cli_plan(cli, &plan);

	if (status)
		return status;
	if (store_open(NULL, &store, &e)) {
		status = cli_fail(&e);
	} else {
		const struct fetch_options fetch = cli_fetch_options(cli, plan, store);
		const struct build_options options = {
		    .plan = plan,
		    .store = store,
		    .fetch = &fetch,
		    .stages = (const char *const *)cli->words,
		    .watch = &watch,
		};

		if (build_download(&options, &e))
			status = cli_fail(&e);
		else if (!cli->quiet)
			puts("everything is downloaded");
	}
	store_close(store);
	plan_free(plan);
	return status;
}

const struct command cmd_fetch = {
    .name = "fetch",
    .words = "[STAGE]...",
    .summary = "only download what a build needs",
    .run = run_fetch,
};
