/*
 * minsys shell STAGE: a shell, or a command, where that stage's script would run.
 */
#include "base/memory.h"
#include "cli/relay.h"
#include "cli/session.h"

#include <stdio.h>
#include <string.h>

/* The tools root has bash; one made of fewer packages may not. */
static const char *const shell[] = {
    "/bin/sh", "-c", "if [ -x /bin/bash ]; then exec /bin/bash --norc; fi; exec /bin/sh"};

static void say_where(const struct session *s)
{
	const char *name = s->stage->name, *kept = s->visit.kept;
	char hex[DIGEST_HEX_SIZE];
	bool is_of_now =
	    kept && !strncmp(kept + strlen(kept) - 8, digest_format(&s->action.key, hex), 8);

	fprintf(stderr,
	    "stage %s, in its sandbox (isolation: %s)\n"
	    "  /minsys/build/%s: %s\n"
	    "  sh -eux $TMPDIR/run: its script\n"
	    "Nothing of what happens here is kept; `exit` leaves.\n",
	    name, s->build.choice.kind->name, name,
	    !kept	? "empty"
	    : is_of_now ? "a copy of what its last failure left"
			: "a copy of what its last failure left, before something was changed");
}

/* The kept tree of a failure, unless the stage has been built since. */
static int find_kept(struct session *s, char **ret_kept, struct err *e)
{
	_cleanup_buf_ struct buf result = {0};
	bool found;

	if (store_record_read(s->store, "results", &s->action.key, &result, &found, e))
		return -1;
	*ret_kept = found ? NULL : step_kept(&s->build.host, s->stage->name, &s->action.key);
	return 0;
}

static int visit(struct session *s, const char *const *words, size_t count)
{
	_cleanup_free_ char *prompt = xasprintf("PS1=[%s] \\w \\$ ", s->stage->name);
	const char *const env[] = {prompt, NULL};
	_cleanup_free_ char *kept = NULL;
	struct err e = {0};

	if (find_kept(s, &kept, &e))
		return cli_fail(&e);
	s->visit.kept = kept;
	s->has_terminal = relay_has_person();
	if (count)
		return session_run(s, words, count);
	s->visit.env = s->has_terminal ? env : NULL;
	if (s->has_terminal && !s->cli->quiet)
		say_where(s);
	return session_run(s, shell, sizeof(shell) / sizeof(*shell));
}

static int run_shell(struct cli *cli)
{
	struct session session;
	int status;

	if (!cli->word_count)
		return cli_usage("`shell` takes a stage");
	if (cli->word_count > 1 && !cli->separated)
		return cli_usage("a command for the stage's sandbox follows `--`");
	status = session_open(&session, cli, cli->words[0], false);
	if (!status)
		status = visit(
		    &session, (const char *const *)cli->words + 1, (size_t)cli->word_count - 1);
	session_close(&session);
	return status;
}

const struct command cmd_shell = {
    .name = "shell",
    .words = "STAGE [-- COMMAND]",
    .summary = "a shell, or that command, in the sandbox of a stage",
    .run = run_shell,
};
