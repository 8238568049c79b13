/*
 * The command line of minsys: one file a command, cmd_<name>.c, each with a `struct command`.
 * Only this folder prints.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/err.h"
#include "build/choice.h"
#include "fetch/fetch.h"
#include "plan/plan.h"
#include "store/store.h"

#include <signal.h>
#include <stdbool.h>

/* What every command is given. */
struct cli {
	const char *project;   /* the project's folder, absolute; NULL: none, see struct command */
	const char *target;    /* NULL: the default one */
	const char *out;       /* --out, or NULL */
	const char *results;   /* --results, or NULL */
	const char *trace;     /* --trace, or NULL */
	const char *isolation; /* auto, or the name of one */
	const char *mirror;
	unsigned jobs;
	bool jobs_are_asked; /* by -j */
	unsigned processors;
	unsigned timeout_seconds; /* of `boot -- COMMAND` */
	bool ccache;
	bool offline;
	bool keeps_going;
	bool verbose;
	bool quiet;
	bool disk;
	bool dot;
	bool json;
	bool follows; /* -f */
	bool watches; /* --watch */
	bool dry_run;
	bool verify;
	bool attacks;	      /* --attack */
	const char *build;    /* --build, or NULL */
	const char *max_size; /* --max-size, or NULL */
	char *sandbox;	      /* path of minsys-sandbox */
	char *preprocessor;   /* path of minsys-cpp */
	char *fetcher;	      /* path of minsys-fetch */
	char *attacker;	      /* path of minsys-attack */
	char **words;	      /* what is left of the command line; NULL-terminated */
	int word_count;
	bool separated;	  /* a `--` stood before the words */
	bool is_for_boot; /* `build` on behalf of `boot`: nothing on standard output */
};

struct command {
	const char *name;
	const char *words;    /* for the usage line */
	const char *options;  /* that are not for all commands: long names with spaces between;
				 NULL: none */
	const char *summary;  /* one line */
	bool is_for_anywhere; /* it does not need a project */
	/* The exit status: 0, or an err_kind after having printed why. */
	int (*run)(struct cli *cli);
};

extern const struct command cmd_build, cmd_fetch, cmd_list, cmd_graph, cmd_boot, cmd_lock,
    cmd_update, cmd_root, cmd_doctor, cmd_why, cmd_check, cmd_report, cmd_shell, cmd_log, cmd_gc,
    cmd_menuconfig;

/* Print on standard error what others may have written: nothing in it commands the terminal. */
void cli_show(const char *bytes, size_t length);
/* Print `minsys: …` on standard error; returns the exit status that fits. */
int cli_fail(const struct err *e);
/* Print why the words are wrong and how to learn the right ones; returns ERR_INPUT. */
int cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* One line of what goes on, for `context`, a struct cli; nothing with --quiet. */
void cli_notice(void *context, const char *text);

/* For the commands that build. */

struct cli_chooser {
	const struct cli *cli;
	const struct digest *lock; /* of the tools root */
};

/* Choose an isolation for a build whose `context` is a struct cli_chooser. */
int cli_choose(void *context, struct choice *ret_choice, struct err *e);

/* Have `handler` called on SIGINT, SIGTERM and SIGHUP, once; a second one ends the program. What a
 * parent has ignored, as nohup does, stays so. */
void cli_catch_stops(void (*handler)(int number));
/* A handler that notes which it was. */
void cli_note_stop(int number);
extern volatile sig_atomic_t cli_stop;
/* End by the one that was noted, so that a shell sees what it expects. */
void cli_end_by_signal(void);

/* Load the project's plan, printing all its problems. Returns 0 or the exit status. */
int cli_plan(const struct cli *cli, struct plan **ret_plan);
/* The same for a plan of the tools root only: plan_load_tools(). */
int cli_plan_tools(const struct cli *cli, bool with_lock, struct plan **ret_plan);

/* The options of downloads into a store. */
struct fetch_options cli_fetch_options(
    const struct cli *cli, const struct plan *plan, const struct store *store);

/* Build all and write it to where `boot` looks, telling only of what has to be done. Returns 0 or
 * the exit status. */
int cli_build_for_boot(const struct cli *cli);

/* Where this target's result goes: --out, else out/minsys, or out/minsys-<target> for one that
 * is not the default. The caller frees it. */
char *cli_out(const struct cli *cli, const struct plan *plan);

#endif
