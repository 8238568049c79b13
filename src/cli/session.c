#include "cli/session.h"

#include "base/file.h"
#include "base/memory.h"
#include "cli/relay.h"

#include <linux/openat2.h>
#include <string.h>

#define ANY_TERMINAL "xterm-256color"

/* Which isolation it is stands in what a session begins with. */
static void show_event(void *context, const struct build *build, const struct event *event)
{
	if (event->kind != EVENT_ISOLATION)
		progress_event(context, build, event);
}

static void make_options(struct session *s, const char *const *stages)
{
	struct cli *cli = s->cli;

	s->chooser = (struct cli_chooser){cli, &s->plan->tools.lock_digest};
	s->fetch = cli_fetch_options(cli, s->plan, s->store);
	s->watch = (struct build_watch){&s->progress, show_event};
	s->options = (struct build_options){
	    .plan = s->plan,
	    .store = s->store,
	    .fetch = &s->fetch,
	    .sandbox = cli->sandbox,
	    .preprocessor = cli->preprocessor,
	    .choose = cli_choose,
	    .context = &s->chooser,
	    .stop = &cli_stop,
	    .stages = stages,
	    .needs_only = true,
	    .jobs = cli->jobs,
	    .ccache = cli->ccache,
	    .is_output_told = progress_wants_output(&s->progress),
	    .watch = &s->watch,
	};
}

static int make_ready(struct session *s, const char *stage, struct err *e)
{
	cli_catch_stops(cli_note_stop);
	if (build_run(&s->options, &s->build, e) || cli_stop)
		return -1;
	cli_catch_stops(SIG_DFL);
	s->stage = plan_stage(s->plan, stage);
	return perform_open(&s->build, s->stage, &s->action, e) ||
		       build_provide(&s->build, s->stage, e)
		   ? -1
		   : 0;
}

/* Returns 0, or the exit status after having printed why. */
static int open_build(struct session *s, const char *const *stages)
{
	struct err e = {0};
	struct progress_outcome outcome = {.e = &e};
	int status;

	if (store_open(NULL, &s->store, &e))
		return cli_fail(&e);
	progress_begin(&s->progress, s->cli, s->plan);
	make_options(s, stages);
	if (make_ready(s, stages[0], &e))
		outcome.status = (int)e.kind;
	outcome.is_stopped = cli_stop;
	status = progress_finish(&s->progress, &outcome);
	if (cli_stop)
		cli_end_by_signal();
	return status;
}

/* That there is no menu is known before anything is built. */
static int check_menu(const struct session *s, const char *name)
{
	const struct stage *stage = plan_stage(s->plan, name);
	struct err e;

	if (!s->is_menu || !stage || stage->menu)
		return 0;
	err_kind(
	    &e, ERR_INPUT, "the stage %s has no menu: its stage.yaml has no `menuconfig`", name);
	return cli_fail(&e);
}

int session_open(struct session *s, struct cli *cli, const char *stage, bool is_menu)
{
	const char *const stages[] = {stage, NULL};
	int status;

	*s = (struct session){.cli = cli, .is_menu = is_menu};
	status = cli_plan(cli, &s->plan);
	if (!status)
		status = check_menu(s, stage);
	return status ? status : open_build(s, stages);
}

/* Does the tools root know a terminal of that name? */
static bool is_known(const struct session *s, const char *terminal)
{
	static const char *const folders[] = {
	    "etc/terminfo", "lib/terminfo", "usr/lib/terminfo", "usr/share/terminfo"};
	char tools[96];
	struct err ignored;
	_cleanup_close_ int root = -1;

	store_tree_path(&s->action.tools, tools);
	root = s->build.choice.kind->in_place ? folder_open(AT_FDCWD, "/", &ignored)
					      : folder_open(s->store->fd, tools, &ignored);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && root >= 0; i++) {
		_cleanup_free_ char *path = xasprintf("%s/%c/%s", folders[i], *terminal, terminal);
		_cleanup_close_ int fd = -1;

		fd = file_open_resolved(
		    root, path, O_PATH, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, &ignored);
		if (fd >= 0)
			return true;
	}
	return false;
}

/* What programs there cannot know is mostly much like one that they do. */
static char *terminal_name(const struct session *s)
{
	const char *own = getenv("TERM");

	if (!own || !*own || strchr(own, '/'))
		own = "dumb";
	if (!is_known(s, own) && is_known(s, ANY_TERMINAL))
		own = ANY_TERMINAL;
	return xasprintf("TERM=%s", own);
}

/* The caller's environment and, for a terminal, `name`; the array is to be freed. */
static const char **make_env(const struct session *s, const char *name)
{
	const char *const *more = s->visit.env;
	const char **env;
	size_t count = 0;

	while (more && more[count])
		count++;
	env = xcalloc(count + 2, sizeof(*env));
	for (size_t i = 0; i < count; i++)
		env[i] = more[i];
	env[count] = s->has_terminal ? name : NULL;
	return env;
}

static int run(struct session *s, struct relay *relay, const char *const *command, struct err *e)
{
	struct step_visit visit = s->visit;
	_cleanup_free_ char *name = terminal_name(s);
	_cleanup_free_ const char **env = make_env(s, name);
	int status;

	visit.command = command;
	visit.env = env;
	visit.terminal_fd = relay->terminal_fd;
	visit.input_fd = relay->input_fd;
	visit.output_fd = relay->output_fd;
	visit.error_fd = relay->error_fd;
	visit.attend = relay_attend;
	visit.context = relay;
	status = perform_visit(&s->build, &s->action, s->is_menu, &visit, e);
	s->visit.ret_result = visit.ret_result;
	return status;
}

int session_run(struct session *s, const char *const *words, size_t count)
{
	_cleanup_free_ const char **command = xcalloc(count + 5, sizeof(*command));
	struct relay relay;
	struct err e = {0};
	int status;

	command[0] = "/bin/sh";
	command[1] = "-c";
	command[2] = "exec \"$@\"";
	command[3] = "sh";
	memcpy(command + 4, words, count * sizeof(*words));
	status = relay_open(&relay, s->has_terminal, &e) ? -1 : run(s, &relay, command, &e);
	relay_close(&relay);
	if (relay.signal)
		return 128 + relay.signal;
	return status < 0 ? cli_fail(&e) : status;
}

void session_close(struct session *s)
{
	action_free(&s->action);
	if (s->build.options)
		build_free(&s->build);
	buf_free(&s->visit.ret_result);
	store_close(s->store);
	plan_free(s->plan);
}
