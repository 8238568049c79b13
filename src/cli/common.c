#include "cli/cli.h"

#include "base/memory.h"
#include "base/words.h"

#include <string.h>

void cli_show(const char *bytes, size_t length)
{
	_cleanup_buf_ struct buf text = {0};

	add_visible(&text, bytes, length);
	fputs(buf_text(&text), stderr);
}

int cli_fail(const struct err *e)
{
	fputs("minsys: ", stderr);
	cli_show(e->text, strlen(e->text));
	fputc('\n', stderr);
	return (int)e->kind;
}

void cli_notice(void *context, const char *text)
{
	const struct cli *cli = context;

	if (cli->quiet)
		return;
	cli_show(text, strlen(text));
	fputc('\n', stderr);
}

int cli_usage(const char *format, ...)
{
	va_list arguments;

	fputs("minsys: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("; `minsys --help` shows how to use it\n", stderr);
	return ERR_INPUT;
}

static int report(int result, struct problems *problems, const struct err *e)
{
	for (size_t i = 0; i < problems->count; i++)
		fprintf(stderr, "%s\n", problems->items[i].text);
	problems_free(problems);
	return result ? cli_fail(e) : 0;
}

int cli_plan(const struct cli *cli, struct plan **ret_plan)
{
	struct problems problems = {0};
	struct err e = {0};
	int result = plan_load(cli->project, cli->target, ret_plan, &problems, &e);

	return report(result, &problems, &e);
}

int cli_plan_tools(const struct cli *cli, bool with_lock, struct plan **ret_plan)
{
	struct problems problems = {0};
	struct err e = {0};
	int result = plan_load_tools(cli->project, with_lock, ret_plan, &problems, &e);

	return report(result, &problems, &e);
}

struct fetch_options cli_fetch_options(
    const struct cli *cli, const struct plan *plan, const struct store *store)
{
	return (struct fetch_options){
	    .program = cli->fetcher,
	    .downloads_fd = store->downloads_fd,
	    .mirror = cli->mirror,
	    .snapshot = plan->tools.snapshot,
	    .offline = cli->offline,
	    .quiet = cli->quiet,
	};
}

char *cli_out(const struct cli *cli, const struct plan *plan)
{
	if (cli->out)
		return xstrdup(cli->out);
	if (plan->target.is_default)
		return xasprintf("%s/out/minsys", cli->project);
	return xasprintf("%s/out/minsys-%s", cli->project, plan->target.name);
}
