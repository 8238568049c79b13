/*
 * minsys lock: resolve the packages of toolchain/root.yaml and write toolchain/root.lock.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/memory.h"
#include "fetch/lock.h"

#include <stdio.h>
#include <string.h>

#define LOCK "toolchain/root.lock"
#define LOCK_LIMIT ((size_t)16 << 20)

/* The lock that is there; none is an empty one. */
static int read_old(const char *path, struct buf *ret_text, struct err *e)
{
	if (access(path, F_OK) && errno == ENOENT)
		return 0;
	return file_read(AT_FDCWD, path, LOCK_LIMIT, ret_text, e);
}

static void report(const char *old, const char *new)
{
	struct lock_changes changes = lock_compare(old, new);

	if (!strcmp(old, new))
		printf(LOCK ": unchanged, %zu packages\n", changes.packages);
	else
		printf(LOCK ": %zu packages: %zu added, %zu removed, %zu changed\n",
		    changes.packages, changes.added, changes.removed, changes.changed);
}

static int renew(const struct cli *cli, const struct plan *plan, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/" LOCK, plan->project);
	_cleanup_buf_ struct buf old = {0}, new = {0};
	const struct lock_request request = {
	    .suite = plan->tools.suite,
	    .packages = (const char *const *)plan->tools.packages.items,
	    .package_count = plan->tools.packages.count,
	    .mirror = cli->mirror,
	};

	if (read_old(path, &old, e))
		return -1;
	if (lock_resolve(&request, &new, e))
		return err_wrap(e, "resolve the packages of toolchain/root.yaml");
	if (strcmp(buf_text(&old), buf_text(&new)) &&
	    file_replace(AT_FDCWD, path, new.data, new.length, 0644, e))
		return -1;
	if (!cli->quiet)
		report(buf_text(&old), buf_text(&new));
	return 0;
}

static int run_lock(struct cli *cli)
{
	struct plan *plan = NULL;
	struct err e = {0};
	int status;

	if (cli->word_count)
		return cli_usage("it takes no `%s`", cli->words[0]);
	if (cli->offline)
		return cli_usage(
		    "`lock` reads an archive's package lists, so it cannot be offline");
	status = cli_plan_tools(cli, false, &plan);
	if (status)
		return status;
	if (renew(cli, plan, &e))
		status = cli_fail(&e);
	plan_free(plan);
	return status;
}

const struct command cmd_lock = {
    .name = "lock",
    .words = "",
    .summary = "resolve the packages of toolchain/root.yaml anew; write toolchain/root.lock",
    .run = run_lock,
};
