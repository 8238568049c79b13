#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/report.h"
#include "build/trace.h"
#include "cli/page.h"

#include <stdio.h>
#include <string.h>

static bool is_of(const struct cli *cli, const struct history *history)
{
	return !strcmp(history->project, cli->project) &&
	       (!cli->target || !strcmp(history->target, cli->target));
}

/* Read the record that was asked for, of whichever project it is. */
static int read_named(
    const struct cli *cli, struct store *store, struct history *ret_history, struct err *e)
{
	_cleanup_free_ char *name = NULL;
	bool found;

	if (history_find(store, cli->build, &name, e) ||
	    history_read(store, name, ret_history, &found, e))
		return -1;
	return found ? 0 : err_set(e, "the record %s/builds/%s was damaged", store->path, name);
}

/* Read the newest record of this project, and of the target if one was asked for. */
static int read_newest(
    const struct cli *cli, struct store *store, struct history *ret_history, struct err *e)
{
	_cleanup_history_names_ struct history_names names = {0};

	if (history_list(store, &names, e))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct history history;
		bool found;

		if (history_read(store, names.items[i], &history, &found, e))
			return -1;
		if (found && is_of(cli, &history)) {
			*ret_history = history;
			return 0;
		}
		if (found)
			history_free(&history);
	}
	return err_kind(e, ERR_INPUT,
	    "the store %s has no record of a build of %s%s%s; run `minsys build` first",
	    store->path, cli->project, cli->target ? " for " : "", cli->target ? cli->target : "");
}

static int write_file(
    const struct cli *cli, const char *path, const struct buf *content, struct err *e)
{
	if (file_replace(AT_FDCWD, path, content->data, content->length, 0644, e))
		return -1;
	if (!cli->quiet)
		printf("%s: written\n", path);
	return 0;
}

static int write_page(const struct cli *cli, const struct buf *page, struct err *e)
{
	_cleanup_free_ char *folder = xasprintf("%s/out", cli->project);
	_cleanup_free_ char *path = xasprintf("%s/report.html", folder);
	_cleanup_close_ int fd = -1;

	if (cli->out)
		return write_file(cli, cli->out, page, e);
	fd = folder_make(AT_FDCWD, folder, 0755, e);
	return fd < 0 ? -1 : write_file(cli, path, page, e);
}

static int report(
    const struct cli *cli, struct store *store, const struct history *history, struct err *e)
{
	_cleanup_buf_ struct buf trace = {0};
	_cleanup_buf_ struct buf data = {0};
	_cleanup_buf_ struct buf page = {0};

	if (report_format(store, history, &data, e))
		return -1;
	page_format(buf_text(&data), &page);
	if (write_page(cli, &page, e))
		return -1;
	if (!cli->trace)
		return 0;
	trace_format(history, &trace);
	return write_file(cli, cli->trace, &trace, e);
}

static int run_report(struct cli *cli)
{
	_cleanup_history_ struct history history = {0};
	struct store *store = NULL;
	struct err e = {0};
	int status = 0;

	if (cli->word_count)
		return cli_usage(
		    "report takes no words; --build names another build than the last");
	if (store_open(NULL, &store, &e) ||
	    (cli->build ? read_named : read_newest)(cli, store, &history, &e) ||
	    report(cli, store, &history, &e))
		status = cli_fail(&e);
	store_close(store);
	return status;
}

const struct command cmd_report = {
    .name = "report",
    .words = "",
    .options = "out trace build",
    .summary = "write out/report.html: what a build did, when and why, and what it made",
    .run = run_report,
};
