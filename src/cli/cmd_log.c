/*
 * minsys log STAGE: what that stage printed when it was run.
 */
#include "base/buf.h"
#include "base/memory.h"
#include "base/words.h"
#include "build/log.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_AGAIN 100 /* milliseconds */

/* A terminal gets what does not command it; anyone else gets every byte. */
static void print(const char *bytes, size_t length)
{
	_cleanup_buf_ struct buf text = {0};

	if (!isatty(1)) {
		fwrite(bytes, 1, length, stdout);
		return;
	}
	add_visible(&text, bytes, length);
	fputs(buf_text(&text), stdout);
}

/* All that is there now; the file may grow later. */
static int print_rest(int fd, bool *ret_any, struct err *e)
{
	char chunk[65536];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0) {
		print(chunk, (size_t)got);
		*ret_any = true;
	}
	if (fflush(stdout))
		return err_errno(e, "write standard output");
	return got < 0 ? err_errno(e, "read the log") : 0;
}

static int print_log(struct cli *cli, struct store *store, const struct digest *key, struct err *e)
{
	const struct timespec pause = {.tv_nsec = LOOK_AGAIN * 1000000L};
	_cleanup_close_ int fd = log_open(store, key, e);
	bool any = false, grows;

	if (fd < 0)
		return -1;
	do {
		/* Before reading: what it prints last is not to be missed. */
		grows = log_is_growing(store, key);
		if (print_rest(fd, &any, e))
			return -1;
		if (grows && cli->follows)
			nanosleep(&pause, NULL);
	} while (grows && cli->follows);
	if (!any && !cli->quiet)
		fprintf(stderr, "it %s nothing\n", grows ? "has printed" : "printed");
	return 0;
}

static int show(struct cli *cli, struct store *store, struct err *e)
{
	const char *stage = cli->words[0];
	_cleanup_free_ char *note = NULL;
	struct digest key;

	if (cli->build ? log_find_of(store, stage, cli->build, &key, &note, e)
		       : log_find(store, cli->project, stage, &key, e))
		return -1;
	if (note)
		cli_notice(cli, note);
	return print_log(cli, store, &key, e) ? err_wrap(e, "stage %s", stage) : 0;
}

static int run_log(struct cli *cli)
{
	struct store *store = NULL;
	struct err e = {0};
	int status = 0;

	if (cli->word_count != 1)
		return cli_usage("`log` takes one stage");
	if (store_open(NULL, &store, &e) || show(cli, store, &e))
		status = cli_fail(&e);
	store_close(store);
	return status;
}

const struct command cmd_log = {
    .name = "log",
    .words = "[-f] STAGE",
    .options = "build follow",
    .summary = "what a stage printed; -f goes on while it is being built",
    .run = run_log,
};
