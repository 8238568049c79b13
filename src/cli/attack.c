#include "cli/attack.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/words.h"
#include "sandbox/sandbox.h"

#include <stdio.h>
#include <string.h>

struct gap {
	char *name, *text; /* within what was printed */
	size_t met;
};

/* What came of the attacks on one isolation. */
struct tally {
	size_t tried;
	size_t out, closed, other;
	struct buf outs, closes, others; /* a line each */
	struct gap *gaps;
	size_t gap_count;
	size_t gaps_met;
};

static void tally_free(struct tally *tally)
{
	buf_free(&tally->outs);
	buf_free(&tally->closes);
	buf_free(&tally->others);
	free(tally->gaps);
}

static void count_gap(struct tally *tally, char *name)
{
	size_t i = 0;

	while (i < tally->gap_count && strcmp(tally->gaps[i].name, name))
		i++;
	if (i == tally->gap_count) {
		tally->gaps = xgrow(tally->gaps, tally->gap_count, sizeof(*tally->gaps));
		tally->gaps[tally->gap_count++] = (struct gap){.name = name, .text = name};
	}
	tally->gaps[i].met++;
	tally->gaps_met++;
}

static void explain_gap(struct tally *tally, const char *name, char *text)
{
	for (size_t i = 0; i < tally->gap_count; i++)
		if (!strcmp(tally->gaps[i].name, name))
			tally->gaps[i].text = text;
}

/* What an attack has printed may be anything. */
static void add_result(struct buf *list, const char *words, const char *came, const char *wanted)
{
	buf_printf(list, "    %s: ", words);
	add_visible(list, came, strlen(came));
	buf_printf(list, ", not %s\n", wanted);
}

/* VERDICT|WORDS|WANTED|CAME|GAP; false when it is no such line. */
static bool count_line(struct tally *tally, char *line)
{
	char *verdict = strsep(&line, "|"), *words = strsep(&line, "|");
	char *wanted = strsep(&line, "|"), *came = strsep(&line, "|");

	if (!wanted)
		return false;
	if (!strcmp(verdict, "gap")) {
		explain_gap(tally, words, wanted);
		return true;
	}
	if (!line)
		return false;
	tally->tried++;
	if (!strcmp(verdict, "same")) {
		if (*line)
			count_gap(tally, line);
	} else if (!strcmp(verdict, "closed")) {
		tally->closed++;
		add_result(&tally->closes, words, came, wanted);
	} else if (!strcmp(verdict, "other")) {
		tally->other++;
		add_result(&tally->others, words, came, wanted);
	} else {
		tally->out++;
		add_result(&tally->outs, words, came, wanted);
	}
	return true;
}

static void print_gaps(const struct tally *tally)
{
	if (!tally->gaps_met)
		return;
	printf("  %zu allowed, and documented:\n", tally->gaps_met);
	for (size_t i = 0; i < tally->gap_count; i++)
		printf("    %s (%zu): %s\n", tally->gaps[i].name, tally->gaps[i].met,
		    tally->gaps[i].text);
}

static void print_tally(const struct cli *cli, const char *isolation, const struct tally *tally)
{
	if (tally->out)
		printf("isolation %s: of %zu attacks %zu came to what nobody expects:\n%s",
		    isolation, tally->tried, tally->out, buf_text(&tally->outs));
	else if (!cli->quiet)
		printf("isolation %s: %zu attacks, and nothing got out\n", isolation, tally->tried);
	if (!cli->quiet)
		print_gaps(tally);
	if (tally->closed)
		printf("  %zu refused that are documented as allowed: this kernel does better\n%s",
		    tally->closed, buf_text(&tally->closes));
	if (tally->other)
		printf("  %zu refused otherwise than elsewhere\n%s", tally->other,
		    buf_text(&tally->others));
}

/* Have minsys-attack try all; what it printed is `result`'s, and the tally points into it. */
static int collect(const struct cli *cli, const char *column, struct process_result *result,
    struct tally *ret_tally, struct err *e)
{
	const char *const argv[] = {cli->attacker, "run", column, cli->sandbox, NULL};
	const struct process process = {.argv = argv};
	char *rest;

	if (process_run(&process, result, e))
		return -1;
	if (result->status)
		return err_kind(e, ERR_ENVIRONMENT, "run %s: exit status %d: %s", cli->attacker,
		    result->status, process_last_words(result));
	rest = result->output.data;
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		if (*line && !count_line(ret_tally, line))
			return err_set(e, "%s printed what is no result: %s", cli->attacker, line);
	return ret_tally->tried ? 0 : err_set(e, "%s tried nothing", cli->attacker);
}

/* Attack one kind. *ret_tried is left alone where it does not work. */
static int attack_kind(
    const struct cli *cli, const struct isolation_kind *kind, bool *ret_tried, struct err *e)
{
	_cleanup_free_ char *weaker = NULL, *column = NULL;
	_cleanup_process_result_ struct process_result result = {0};
	_cleanup_(tally_free) struct tally tally = {0};
	struct err cause = {0};

	if (isolation_kind_try(kind, cli->sandbox, NULL, &weaker, &cause)) {
		printf("isolation %s: not attacked: %s\n", kind->name, cause.text);
		return 0;
	}
	column = xasprintf("%s%s", kind->name, weaker ? "-own" : "");
	if (collect(cli, column, &result, &tally, e))
		return -1;
	if (weaker && !cli->quiet)
		printf("isolation %s holds in its weaker form: %s\n", kind->name, weaker);
	print_tally(cli, kind->name, &tally);
	*ret_tried = true;
	return tally.out ? 1 : 0;
}

int attack_run(const struct cli *cli)
{
	const struct isolation_kind *kind;
	bool is_tried = false, is_out = false;
	struct err e = {0};

	if (sandbox_check(cli->attacker, &e))
		return cli_fail(&e);
	for (size_t i = 0; (kind = isolation_kind_at(i)); i++) {
		int result;

		if (strcmp(cli->isolation, "auto") && strcmp(cli->isolation, kind->name))
			continue;
		result = attack_kind(cli, kind, &is_tried, &e);
		if (result < 0)
			return cli_fail(&e);
		is_out = is_out || result;
	}
	if (is_out)
		puts("Something got out: SECURITY.md says how to report it.");
	return is_out ? ERR_FAILED : is_tried ? 0 : ERR_ENVIRONMENT;
}
