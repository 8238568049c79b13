#include "sandbox/options.h"

#include "base/memory.h"
#include "sandbox/isolation.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TIME_LIMIT (30UL * 24 * 3600) /* seconds */
#define VALUE_LIMIT (1ULL << 60)

const char options_help[] =
    "Usage: minsys-sandbox --root FOLDER [OPTION]... -- COMMAND [ARGUMENT]...\n"
    "\n"
    "Run one command where FOLDER is `/` and only what is named here can be seen, with no\n"
    "network, no privilege, and nothing left running afterwards. All paths are absolute.\n"
    "\n"
    "  --root FOLDER       becomes `/`, read-only; it holds proc/, dev/, tmp/ and minsys/\n"
    "                      as empty folders\n"
    "  --ro SOURCE:PLACE   show a file or folder read-only at PLACE, below /minsys\n"
    "  --rw SOURCE:PLACE   the same, writable; started by root, the folder itself (not what\n"
    "                      is in it) is given to the user that the command runs as\n"
    "  --rw-all SOURCE:PLACE  the same, and all that is in it is given too\n"
    "  --setenv KEY=VALUE  one variable of the environment, which has no others\n"
    "  --chdir PLACE       where the command starts; default /\n"
    "  --timeout SECONDS   end everything after so long\n"
    "  --limit NAME=NUMBER what all of it together may use: cpu (seconds of processors), memory\n"
    "                      (bytes; without --cgroup each process alone), processes; or each\n"
    "                      process: files\n"
    "  --cgroup FOLDER     run it in a cgroup (version 2) of its own, made in that one, which\n"
    "                      must be the caller's and give on the controllers memory and pids\n"
    "  --isolation NAME    userns (namespaces; the default), or landlock: where `/` already is\n"
    "                      the tools root, and each SOURCE stands at its PLACE\n"
    "  --trial             only try whether the isolation works here\n"
    "  --jobserver R,W     let the command keep the two ends of this pipe, as GNU make's\n"
    "                      jobserver needs it\n"
    "  --stdin             give the command standard input too, which must be a pipe\n"
    "  --terminal FD       the terminal open as FD is the command's standard input, output and\n"
    "                      error, and controls it; it must be no other session's\n"
    "  --report-fd N       say how it went on this descriptor, for programs\n"
    "  --help              show this\n"
    "\n"
    "Exit status: the command's; 128 + N when signal N ended it; 2 for wrong usage; 3 when\n"
    "the sandbox could not be set up.\n";

enum {
	OPTION_ROOT = 256,
	OPTION_RO,
	OPTION_RW,
	OPTION_RW_ALL,
	OPTION_SETENV,
	OPTION_CHDIR,
	OPTION_TIMEOUT,
	OPTION_LIMIT,
	OPTION_CGROUP,
	OPTION_ISOLATION,
	OPTION_TRIAL,
	OPTION_JOBSERVER,
	OPTION_STDIN,
	OPTION_TERMINAL,
	OPTION_REPORT_FD,
	OPTION_HELP,
};

static const struct option long_options[] = {
    {"root", required_argument, NULL, OPTION_ROOT},
    {"ro", required_argument, NULL, OPTION_RO},
    {"rw", required_argument, NULL, OPTION_RW},
    {"rw-all", required_argument, NULL, OPTION_RW_ALL},
    {"setenv", required_argument, NULL, OPTION_SETENV},
    {"chdir", required_argument, NULL, OPTION_CHDIR},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"cgroup", required_argument, NULL, OPTION_CGROUP},
    {"isolation", required_argument, NULL, OPTION_ISOLATION},
    {"trial", no_argument, NULL, OPTION_TRIAL},
    {"jobserver", required_argument, NULL, OPTION_JOBSERVER},
    {"stdin", no_argument, NULL, OPTION_STDIN},
    {"terminal", required_argument, NULL, OPTION_TERMINAL},
    {"report-fd", required_argument, NULL, OPTION_REPORT_FD},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* Below /minsys, absolute, nothing in it that a path walk would interpret. */
static bool place_is_plain(const char *place)
{
	static const char prefix[] = "/minsys/";

	if (strncmp(place, prefix, strlen(prefix)))
		return false;
	for (const char *part = place + 1; part;
	     part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL) {
		size_t length = strcspn(part, "/");

		if (!length || (length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
	}
	return true;
}

static int parse_bind(struct options *o, char *value, int option, struct err *e)
{
	/* The place holds no colon; the source may. */
	char *colon = strrchr(value, ':');
	struct bind bind = {
	    .source = value,
	    .writable = option != OPTION_RO,
	    .is_given = option == OPTION_RW_ALL,
	    .tree_fd = -1,
	};

	if (!colon || colon == value)
		return err_kind(e, ERR_INPUT, "`%s` is not SOURCE:PLACE", value);
	if (*value != '/')
		return err_kind(e, ERR_INPUT, "the source in `%s` is not absolute", value);
	*colon = 0;
	bind.destination = colon + 1;
	if (!place_is_plain(bind.destination))
		return err_kind(e, ERR_INPUT,
		    "the place `%s` is not a plain path below /minsys (no `.`, `..`, `//` or `/` "
		    "at the end)",
		    bind.destination);
	o->binds = xgrow(o->binds, o->bind_count, sizeof(*o->binds));
	o->binds[o->bind_count++] = bind;
	return 0;
}

static int parse_number(
    const char *option, const char *text, unsigned long limit, unsigned *ret_number, struct err *e)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number > limit)
		return err_kind(
		    e, ERR_INPUT, "%s takes a number from 0 to %lu, not `%s`", option, limit, text);
	*ret_number = (unsigned)number;
	return 0;
}

static int parse_setenv(struct options *o, size_t *count, char *value, struct err *e)
{
	if (!strchr(value, '=') || *value == '=')
		return err_kind(e, ERR_INPUT, "`%s` is not KEY=VALUE", value);
	o->env = xrealloc(o->env, (*count + 2) * sizeof(*o->env));
	o->env[(*count)++] = value;
	o->env[*count] = NULL;
	return 0;
}

static int parse_limit(struct options *o, const char *text, struct err *e)
{
	static const enum limit known[] = {LIMIT_CPU, LIMIT_MEMORY, LIMIT_PROCESSES, LIMIT_FILES};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const char *name = limit_name(known[i]);
		size_t length = strlen(name);
		unsigned long long value;
		char *end;

		if (strncmp(text, name, length) || text[length] != '=')
			continue;
		value = strtoull(text + length + 1, &end, 10);
		if (text[length + 1] < '0' || text[length + 1] > '9' || *end || !value ||
		    value > (known[i] == LIMIT_CPU ? VALUE_LIMIT / 1000000 : VALUE_LIMIT))
			break;
		o->limits.most[known[i]] = value;
		return 0;
	}
	return err_kind(e, ERR_INPUT,
	    "--limit takes cpu, memory, processes or files, `=` and a number from 1 on, not `%s`",
	    text);
}

/* Nothing but a pipe: any other descriptor would be a way out. */
static int parse_jobserver(struct options *o, const char *text, struct err *e)
{
	char end;

	/* NOLINTNEXTLINE(cert-err34-c): what is no number here is no pipe below */
	if (sscanf(text, "%d,%d%c", &o->jobserver[0], &o->jobserver[1], &end) != 2)
		return err_kind(e, ERR_INPUT, "--jobserver takes R,W, not `%s`", text);
	for (size_t i = 0; i < 2; i++) {
		struct stat status;

		if (o->jobserver[i] < 3 || fstat(o->jobserver[i], &status) ||
		    !S_ISFIFO(status.st_mode))
			return err_kind(e, ERR_INPUT,
			    "--jobserver %s: descriptor %d is no pipe above standard error", text,
			    o->jobserver[i]);
	}
	return 0;
}

/* Anything but a pipe may be more than a stream of bytes: a terminal, a file to write to. */
static int keep_input(struct options *o, struct err *e)
{
	struct stat status;

	if (fstat(0, &status) || !S_ISFIFO(status.st_mode))
		return err_kind(e, ERR_INPUT, "--stdin: standard input is no pipe");
	o->input_fd = fcntl(0, F_DUPFD_CLOEXEC, 3);
	return o->input_fd < 0 ? err_errno(e, "keep standard input") : 0;
}

static int parse_terminal(struct options *o, const char *text, struct err *e)
{
	unsigned number;

	if (parse_number("--terminal", text, 1 << 20, &number, e))
		return -1;
	if (number < 3 || !isatty((int)number))
		return err_kind(e, ERR_INPUT,
		    "--terminal %u: that descriptor is no terminal above standard error", number);
	o->terminal_fd = (int)number;
	return 0;
}

static int parse_option(struct options *o, int option, size_t *env_count, struct err *e)
{
	unsigned number = 0;

	switch (option) {
	case OPTION_ROOT:
		o->root = optarg;
		return 0;
	case OPTION_RO:
	case OPTION_RW:
	case OPTION_RW_ALL:
		return parse_bind(o, optarg, option, e);
	case OPTION_SETENV:
		return parse_setenv(o, env_count, optarg, e);
	case OPTION_CHDIR:
		o->directory = optarg;
		return 0;
	case OPTION_TIMEOUT:
		if (parse_number("--timeout", optarg, TIME_LIMIT, &number, e))
			return -1;
		o->limits.most[LIMIT_TIME] = number;
		return 0;
	case OPTION_LIMIT:
		return parse_limit(o, optarg, e);
	case OPTION_CGROUP:
		o->cgroup = optarg;
		return 0;
	case OPTION_ISOLATION:
		o->isolation = optarg;
		return 0;
	case OPTION_TRIAL:
		o->trial = true;
		return 0;
	case OPTION_JOBSERVER:
		return parse_jobserver(o, optarg, e);
	case OPTION_STDIN:
		return keep_input(o, e);
	case OPTION_TERMINAL:
		return parse_terminal(o, optarg, e);
	case OPTION_REPORT_FD:
		if (parse_number("--report-fd", optarg, 1 << 20, &number, e))
			return -1;
		o->report_fd = (int)number;
		return 0;
	case OPTION_HELP:
		fputs(options_help, stdout);
		exit(0);
	default:
		return err_kind(
		    e, ERR_INPUT, "wrong usage; `minsys-sandbox --help` shows the options");
	}
}

/* A bind inside another would change what that one shows, or be hidden by it. */
static int check_places(const struct options *o, struct err *e)
{
	for (size_t i = 0; i < o->bind_count; i++)
		for (size_t j = 0; j < o->bind_count; j++) {
			const char *outer = o->binds[i].destination;
			const char *inner = o->binds[j].destination;
			size_t length = strlen(outer);

			if (i != j && !strncmp(inner, outer, length) &&
			    (!inner[length] || inner[length] == '/'))
				return err_kind(e, ERR_INPUT,
				    "the place `%s` is taken: something else is shown at `%s`",
				    inner, outer);
		}
	return 0;
}

static int options_check(const struct options *o, struct err *e)
{
	if (!isolation_find(o->isolation))
		return err_kind(e, ERR_INPUT,
		    "there is no isolation `%s`; there are userns and landlock", o->isolation);
	if (o->trial)
		return 0;
	if (!o->root)
		return err_kind(
		    e, ERR_INPUT, "--root is missing: name the folder that is to be `/`");
	if (*o->root != '/')
		return err_kind(e, ERR_INPUT, "the root `%s` is not absolute", o->root);
	if (*o->directory != '/')
		return err_kind(
		    e, ERR_INPUT, "the folder to start in, `%s`, is not absolute", o->directory);
	if (o->cgroup && *o->cgroup != '/')
		return err_kind(e, ERR_INPUT, "the cgroup `%s` is not absolute", o->cgroup);
	if (!*o->command)
		return err_kind(e, ERR_INPUT, "there is no command to run; it follows `--`");
	if (!strchr(*o->command, '/'))
		return err_kind(e, ERR_INPUT,
		    "the command `%s` is not a path; it is looked up nowhere", *o->command);
	return check_places(o, e);
}

int options_parse(int argc, char **argv, struct options *ret_options, struct err *e)
{
	struct options *o = ret_options;
	size_t env_count = 0;
	int option;

	optind = 0; /* getopt starts anew */
	*o = (struct options){
	    .isolation = "userns",
	    .directory = "/",
	    .report_fd = -1,
	    .jobserver = {-1, -1},
	    .input_fd = -1,
	    .terminal_fd = -1,
	};
	o->env = xcalloc(1, sizeof(*o->env));
	/* The kernel puts argv's strings behind each other; so must a test. */
	o->words = argv[0];
	o->word_bytes = (size_t)(argv[argc - 1] + strlen(argv[argc - 1]) - argv[0]);
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) >= 0)
		if (parse_option(o, option, &env_count, e))
			return -1;
	o->command = argv + optind;
	return options_check(o, e);
}

void options_forget(struct options *options)
{
	options->directory = xstrdup(options->directory);
	for (char **word = options->command; *word; word++)
		*word = xstrdup(*word);
	for (char **variable = options->env; *variable; variable++)
		*variable = xstrdup(*variable);
	for (size_t i = 0; i < options->bind_count; i++)
		options->binds[i].destination = xstrdup(options->binds[i].destination);
	memset(options->words, 0, options->word_bytes);
}
