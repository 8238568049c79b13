/*
 * minsys list, minsys graph: what the project's files say.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "plan/draw.h"

#include <stdio.h>

static int show(struct cli *cli, void (*draw)(const struct plan *plan, struct buf *ret_text))
{
	_cleanup_buf_ struct buf text = {0};
	struct plan *plan = NULL;
	int status;

	if (cli->word_count)
		return cli_usage("it takes no `%s`", cli->words[0]);
	status = cli_plan(cli, &plan);
	if (status)
		return status;
	draw(plan, &text);
	fputs(buf_text(&text), stdout);
	plan_free(plan);
	return 0;
}

static int run_list(struct cli *cli)
{
	return show(cli, plan_list);
}

static int run_graph(struct cli *cli)
{
	return show(cli, cli->dot ? plan_draw_dot : plan_draw_tree);
}

const struct command cmd_list = {
    .name = "list",
    .words = "",
    .summary = "list the stages",
    .run = run_list,
};

const struct command cmd_graph = {
    .name = "graph",
    .words = "[--dot]",
    .options = "dot",
    .summary = "draw which stage needs which, as a tree or for Graphviz",
    .run = run_graph,
};
