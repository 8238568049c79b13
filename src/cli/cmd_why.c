/*
 * minsys why: what made a stage build, or would make it.
 */
#include "cli/cli.h"

#include "base/memory.h"
#include "build/why.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MOST_PARTS 1000 /* files or packages of a cause in JSON; all are counted */

/* --- As text --- */

static const char *show_time(uint64_t milliseconds, char ret_text[32])
{
	time_t seconds = (time_t)(milliseconds / 1000);
	struct tm local;

	localtime_r(&seconds, &local);
	strftime(ret_text, 32, "%Y-%m-%d %H:%M:%S", &local);
	return ret_text;
}

static void print_run(const struct why *why)
{
	const struct why_build *build = why->build;
	char began[32];

	printf("%s was %s by the build of %s (%s)", why->stage,
	    build->state == TASK_STOPPED ? "begun" : "built", show_time(build->began, began),
	    build->name);
	if (build->state == TASK_FAILED)
		printf(", and failed");
	else if (build->state == TASK_STOPPED)
		printf(", and stopped");
	printf("%s%llu.%u s\n", build->state == TASK_DONE ? " in " : " after ",
	    (unsigned long long)build->milliseconds / 1000,
	    (unsigned)(build->milliseconds / 100 % 10));
}

static void print_cached(const struct why *why)
{
	char began[32];

	printf("%s was not built by the build of %s (%s): its result was there\n", why->stage,
	    show_time(why->build->began, began), why->build->name);
	for (size_t i = 0; i < why->unchanged_count; i++)
		printf("%s, which it needs, was built again and came out the same\n",
		    why->unchanged[i]);
}

static void print_verdict(const struct why *why)
{
	char began[32];

	switch (why->verdict) {
	case WHY_BUILT:
		print_run(why);
		break;
	case WHY_CACHED:
		print_cached(why);
		break;
	case WHY_UNREACHED:
		printf("%s was not reached by the build of %s (%s), which had ended before\n",
		    why->stage, show_time(why->build->began, began), why->build->name);
		break;
	case WHY_UNKNOWN:
		printf("no build of %s is recorded for this project and target\n", why->stage);
		break;
	case WHY_UP_TO_DATE:
		printf("%s is up to date\n", why->stage);
		break;
	case WHY_WOULD_BUILD:
		printf("%s would be built\n", why->stage);
		break;
	case WHY_MIGHT_BUILD:
		printf("%s would be built if the output of what it needs changes\n", why->stage);
		break;
	}
}

static size_t count_roots(const struct why *why)
{
	size_t roots = 0;

	for (size_t i = 0; i < why->cause_count; i++)
		roots += why->causes[i].is_root;
	return roots;
}

/* One line for all stages that something is the cause of; nothing for any but the first of them. */
static void print_cause(const struct why *why, char *const *texts, size_t index)
{
	_cleanup_buf_ struct buf stages = {0};

	for (size_t i = 0; i < why->cause_count; i++) {
		if (why->causes[i].is_root != why->causes[index].is_root ||
		    strcmp(texts[i], texts[index]))
			continue;
		if (i < index)
			return;
		buf_printf(&stages, "%s%s", i > index ? ", " : "", why->causes[i].stage);
	}
	printf("  %s: %s\n", stages.data, texts[index]);
}

static void print_causes(
    const struct why *why, char *const *texts, bool is_root, const char *heading)
{
	size_t roots = count_roots(why);

	if (!(is_root ? roots : why->cause_count - roots))
		return;
	printf("%s:\n", heading);
	for (size_t i = 0; i < why->cause_count; i++)
		if (why->causes[i].is_root == is_root)
			print_cause(why, texts, i);
}

static void print_all_causes(const struct why *why)
{
	_cleanup_free_ char **texts = xcalloc(why->cause_count + 1, sizeof(*texts));

	for (size_t i = 0; i < why->cause_count; i++) {
		struct buf text = {0};

		cause_describe(&why->causes[i], &text);
		texts[i] = text.data;
	}
	print_causes(why, texts, true, count_roots(why) == 1 ? "root cause" : "root causes");
	print_causes(why, texts, false, "what followed");
	for (size_t i = 0; i < why->cause_count; i++)
		free(texts[i]);
}

static void print_why(const struct why *why)
{
	char began[32];

	print_verdict(why);
	if (why->before)
		printf("compared with the build of %s (%s)\n", show_time(why->before->began, began),
		    why->before->name);
	print_all_causes(why);
	if (why->built && why->built->verdict == WHY_UNKNOWN)
		puts("no build of what it is now is recorded: it was built before builds were "
		     "recorded, by another project, or elsewhere");
	else if (why->built)
		print_why(why->built);
}

static void print_now(const struct why *now)
{
	if (now->verdict == WHY_UP_TO_DATE)
		puts("now: up to date");
	else
		printf("now: it %s; `minsys why %s --dry-run` says why\n",
		    now->verdict == WHY_WOULD_BUILD
			? "would be built again"
			: "would be built again if the output of what it needs changes",
		    now->stage);
}

/* --- As JSON --- */

static void set_text(json_t *object, const char *name, const char *text)
{
	if (text)
		json_object_set_new(object, name, json_string(text));
}

static void set_number(json_t *object, const char *name, uint64_t number)
{
	if (number)
		json_object_set_new(object, name, json_integer((json_int_t)number));
}

static json_t *json_parts(const struct cause *cause)
{
	json_t *parts = json_array();

	for (size_t i = 0; i < cause->part_count && i < MOST_PARTS; i++) {
		json_t *part = json_object();

		set_text(part, "name", cause->parts[i].name);
		set_text(part, "change", cause->parts[i].change);
		set_text(part, "before", cause->parts[i].before);
		set_text(part, "after", cause->parts[i].after);
		json_array_append_new(parts, part);
	}
	return parts;
}

static json_t *json_cause(const struct cause *cause)
{
	_cleanup_buf_ struct buf text = {0};
	json_t *object = json_object();

	cause_describe(cause, &text);
	set_text(object, "stage", cause->stage);
	set_text(object, "kind", cause_kind_name(cause->kind));
	json_object_set_new(object, "root", json_boolean(cause->is_root));
	if (cause->is_pending)
		json_object_set_new(object, "pending", json_true());
	set_text(object, "text", text.data);
	set_text(object, "subject", cause->subject);
	set_text(object, "before", cause->before);
	set_text(object, "after", cause->after);
	set_number(object, "line", cause->line);
	set_number(object, "removed", cause->removed);
	set_number(object, "added", cause->added);
	set_text(object, "detail", cause->detail);
	set_number(object, "part_count", cause->part_count);
	if (cause->part_count)
		json_object_set_new(object, "parts", json_parts(cause));
	return object;
}

static void set_build(json_t *object, const char *name, const struct why_build *build)
{
	json_t *described;

	if (!build)
		return;
	described = json_object();
	set_text(described, "name", build->name);
	set_number(described, "began", build->began);
	set_text(described, "state", history_state_name(build->state));
	set_number(described, "milliseconds", build->milliseconds);
	json_object_set_new(object, name, described);
}

static json_t *json_why(const struct why *why)
{
	json_t *object = json_object(), *causes = json_array(), *unchanged = json_array();

	set_text(object, "stage", why->stage);
	set_text(object, "verdict", why_verdict_name(why->verdict));
	set_build(object, "build", why->build);
	set_build(object, "compared_with", why->before);
	for (size_t i = 0; i < why->cause_count; i++)
		json_array_append_new(causes, json_cause(&why->causes[i]));
	json_object_set_new(object, "causes", causes);
	for (size_t i = 0; i < why->unchanged_count; i++)
		json_array_append_new(unchanged, json_string(why->unchanged[i]));
	json_object_set_new(object, "unchanged", unchanged);
	if (why->built)
		json_object_set_new(object, "built", json_why(why->built));
	return object;
}

static void print_json(const struct why *why, const struct why *now)
{
	json_t *object = json_why(why);
	_cleanup_free_ char *text = NULL;

	if (now)
		set_text(object, "now", why_verdict_name(now->verdict));
	text = json_dumps(object, JSON_INDENT(2));
	json_decref(object);
	puts(text);
}

/* --- The command --- */

static void print(const struct cli *cli, const struct why *why, const struct why *now)
{
	if (cli->json) {
		print_json(why, now);
		return;
	}
	print_why(why);
	if (now)
		print_now(now);
}

/* What happened last, and how that stands now. A stage that is no more is known by its past. */
static int answer_last(const struct cli *cli, const struct why_question *question,
    const struct plan *plan, struct err *e)
{
	bool is_planned = plan_stage(plan, question->stage) != NULL;
	struct why why = {0}, now = {0};
	int result = why_last(question, &why, e);

	if (!result && (is_planned || why.verdict == WHY_UNKNOWN))
		result = why_now(question, plan, &now, e);
	if (!result)
		print(cli, &why, is_planned ? &now : NULL);
	why_free(&why);
	why_free(&now);
	return result;
}

static int answer(const struct cli *cli, const struct why_question *question,
    const struct plan *plan, struct err *e)
{
	_cleanup_free_ char *name = NULL;
	struct why why = {0};
	int result;

	if (!cli->dry_run && !cli->build)
		return answer_last(cli, question, plan, e);
	if (cli->dry_run)
		result = why_now(question, plan, &why, e);
	else
		result = history_find(question->store, cli->build, &name, e) ||
				 why_build(question, name, &why, e)
			     ? -1
			     : 0;
	if (!result)
		print(cli, &why, NULL);
	why_free(&why);
	return result;
}

static int run_why(struct cli *cli)
{
	struct plan *plan = NULL;
	struct store *store = NULL;
	struct why_question question;
	struct err e = {0};
	int status;

	if (cli->word_count != 1)
		return cli_usage("`why` takes one stage");
	if (cli->dry_run && cli->build)
		return cli_usage(
		    "--dry-run is about a build to come, and --build about one that was");
	status = cli_plan(cli, &plan);
	if (status)
		return status;
	if (store_open(NULL, &store, &e)) {
		status = cli_fail(&e);
	} else {
		question =
		    (struct why_question){store, plan->project, plan->target.name, cli->words[0]};
		status = answer(cli, &question, plan, &e) ? cli_fail(&e) : 0;
	}
	store_close(store);
	plan_free(plan);
	return status;
}

const struct command cmd_why = {
    .name = "why",
    .words = "STAGE [--dry-run]",
    .options = "json build dry-run",
    .summary = "what made a stage build, or would make it: down to the line that changed",
    .run = run_why,
};
