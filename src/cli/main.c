/*
 * minsys: reads the options, finds the project, runs a command.
 */
#include "cli/cli.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "build/choice.h"

#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION "0.1"
#define KEPT_MEMORY (4 << 20) /* bytes */
#define DESCRIPTORS 65536

static const struct command *const commands[] = {
    &cmd_build,
    &cmd_boot,
    &cmd_list,
    &cmd_graph,
    &cmd_fetch,
    &cmd_update,
    &cmd_lock,
    &cmd_root,
    &cmd_doctor,
    &cmd_why,
    &cmd_check,
    &cmd_report,
    &cmd_shell,
    &cmd_log,
    &cmd_gc,
    &cmd_menuconfig,
};

static const char options_help[] =
    "Options:\n"
    "  -C, --project FOLDER  the project; default: this folder or the nearest above that has\n"
    "                        a stages/sources.yaml\n"
    "  --target NAME         one of targets/; default: the one marked as default\n"
    "  -o, --out FOLDER      where the result goes; default: out/minsys; with stages named,\n"
    "                        what these export; `report`: a file, default: out/report.html\n"
    "  --trace FILE          `report`: write the build's trace too, for Perfetto\n"
    "  --results FOLDER      `build`, `fetch`, `root`: copy the results, what sources are "
    "unpacked\n"
    "                        from, or what is known of the tools root, into a store of their own\n"
    "  -j, --jobs N          how many compilers at once; default: one a processor\n"
    "  -k, --keep-going      go on with what does not need a stage that failed\n"
    "  --isolation NAME      auto (the strongest that works here), or userns or landlock and no\n"
    "                        less\n"
    "  --ccache              `build`, `boot`: a compiler cache for the stages that can use one;\n"
    "                        MINSYS_CCACHE=1 in the environment says the same\n"
    "  --offline             download nothing\n"
    "  --mirror PLACE        a Debian archive (URL or folder) to look in first\n"
    "  --json                `build`, `fetch`: events as JSON, a line each, on standard output;\n"
    "                        `why`: what it says, for programs\n"
    "  --dot                 `graph`: for Graphviz\n"
    "  --disk                `boot`: from the disk, not the initramfs\n"
    "  --max-size SIZE       `gc`: what may stay, as 5GB; default: $MINSYS_CACHE_SIZE, or 10GB\n"
    "  --verify              `gc`: read everything back, and remove what is damaged\n"
    "  --attack              `doctor`: try every known way out of the sandboxes that work here\n"
    "  --timeout SECONDS     `boot -- COMMAND`: how long it may take; default 120\n"
    "  --build NAME          `why`, `report`, `log`: of this build, not the last; the beginning "
    "of\n"
    "                        its name will do\n"
    "  --watch               `build`: build again whenever a file of the project changes\n"
    "  -f, --follow          `log`: go on printing while the stage is being built\n"
    "  --dry-run             only say what would be done\n"
    "  -v, --verbose         show what the stages print\n"
    "  -q, --quiet           show only what fails\n"
    "  --version, --help\n"
    "\n"
    "The store is $MINSYS_CACHE, or minsys in the user's cache folder. Exit status: 0 done,\n"
    "1 a build failed, 2 wrong usage or input, 3 this machine lacks something.\n";

static void print_help(void)
{
	puts("Usage: minsys COMMAND [OPTION]... [WORD]...\n\n"
	     "A hermetic build pipeline for minimal Linux systems.\n\nCommands:");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		_cleanup_free_ char *usage =
		    xasprintf("%s %s", commands[i]->name, commands[i]->words);

		printf("  %-26s %s\n", usage, commands[i]->summary);
	}
	printf("\n%s", options_help);
}

/* What was printed may still be on its way to a full disk. */
static int finish(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "minsys: write standard output: %s\n", strerror(errno));
	return status ? status : ERR_FAILED;
}

enum {
	OPTION_TARGET = 256,
	OPTION_RESULTS,
	OPTION_ISOLATION,
	OPTION_CCACHE,
	OPTION_OFFLINE,
	OPTION_MIRROR,
	OPTION_DOT,
	OPTION_DISK,
	OPTION_TIMEOUT,
	OPTION_BUILD,
	OPTION_WATCH,
	OPTION_DRY_RUN,
	OPTION_JSON,
	OPTION_VERSION,
	OPTION_TRACE,
	OPTION_MAX_SIZE,
	OPTION_VERIFY,
	OPTION_ATTACK,
};

static const struct option long_options[] = {
    {"project", required_argument, NULL, 'C'},
    {"target", required_argument, NULL, OPTION_TARGET},
    {"out", required_argument, NULL, 'o'},
    {"results", required_argument, NULL, OPTION_RESULTS},
    {"jobs", required_argument, NULL, 'j'},
    {"keep-going", no_argument, NULL, 'k'},
    {"isolation", required_argument, NULL, OPTION_ISOLATION},
    {"ccache", no_argument, NULL, OPTION_CCACHE},
    {"offline", no_argument, NULL, OPTION_OFFLINE},
    {"mirror", required_argument, NULL, OPTION_MIRROR},
    {"dot", no_argument, NULL, OPTION_DOT},
    {"disk", no_argument, NULL, OPTION_DISK},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"build", required_argument, NULL, OPTION_BUILD},
    {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
    {"json", no_argument, NULL, OPTION_JSON},
    {"trace", required_argument, NULL, OPTION_TRACE},
    {"watch", no_argument, NULL, OPTION_WATCH},
    {"follow", no_argument, NULL, 'f'},
    {"max-size", required_argument, NULL, OPTION_MAX_SIZE},
    {"verify", no_argument, NULL, OPTION_VERIFY},
    {"attack", no_argument, NULL, OPTION_ATTACK},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"version", no_argument, NULL, OPTION_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int parse_count(const char *option, const char *text, unsigned *ret_count)
{
	char *end;
	unsigned long count = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || !count || count > 100000)
		return cli_usage("%s takes a number from 1 to 100000, not `%s`", option, text);
	*ret_count = (unsigned)count;
	return 0;
}

static int refuse_isolation(const char *name)
{
	_cleanup_buf_ struct buf known = {0};
	const struct isolation_kind *kind;

	for (size_t i = 0; (kind = isolation_kind_at(i)); i++)
		buf_printf(&known, ", %s", kind->name);
	return cli_usage("there is no isolation `%s`; there are auto%s", name, buf_text(&known));
}

/* What an option without a value sets; NULL when it does more than that. */
static bool *flag_of(struct cli *cli, int option)
{
	switch (option) {
	case 'k':
		return &cli->keeps_going;
	case OPTION_WATCH:
		return &cli->watches;
	case 'f':
		return &cli->follows;
	case 'v':
		return &cli->verbose;
	case 'q':
		return &cli->quiet;
	case OPTION_CCACHE:
		return &cli->ccache;
	case OPTION_OFFLINE:
		return &cli->offline;
	case OPTION_DOT:
		return &cli->dot;
	case OPTION_DISK:
		return &cli->disk;
	case OPTION_DRY_RUN:
		return &cli->dry_run;
	case OPTION_JSON:
		return &cli->json;
	case OPTION_VERIFY:
		return &cli->verify;
	case OPTION_ATTACK:
		return &cli->attacks;
	default:
		return NULL;
	}
}

static int parse_option(struct cli *cli, int option)
{
	bool *flag = flag_of(cli, option);

	if (flag) {
		*flag = true;
		return 0;
	}
	switch (option) {
	case 'C':
		cli->project = optarg;
		return 0;
	case 'j':
		return parse_count("-j", optarg, &cli->jobs);
	case 'h':
		print_help();
		exit(finish(0));
	case OPTION_TARGET:
		cli->target = optarg;
		return 0;
	case 'o':
		cli->out = optarg;
		return 0;
	case OPTION_RESULTS:
		cli->results = optarg;
		return 0;
	case OPTION_ISOLATION:
		cli->isolation = optarg;
		return strcmp(optarg, "auto") && !isolation_kind_find(optarg)
			   ? refuse_isolation(optarg)
			   : 0;
	case OPTION_MIRROR:
		cli->mirror = optarg;
		return 0;
	case OPTION_TIMEOUT:
		return parse_count("--timeout", optarg, &cli->timeout_seconds);
	case OPTION_BUILD:
		cli->build = optarg;
		return 0;
	case OPTION_MAX_SIZE:
		cli->max_size = optarg;
		return 0;
	case OPTION_TRACE:
		cli->trace = optarg;
		return 0;
	case OPTION_VERSION:
		puts("minsys " VERSION);
		exit(finish(0));
	default:
		return cli_usage("wrong usage"); /* getopt has said what is wrong */
	}
}

#define OPTION_COUNT (sizeof(long_options) / sizeof(*long_options) - 1)

/* `given` says which of long_options were. */
static int parse(int argc, char **argv, struct cli *cli, bool given[OPTION_COUNT])
{
	int option;

	while ((option = getopt_long(argc, argv, "C:j:kfo:vqh", long_options, NULL)) >= 0) {
		int status = parse_option(cli, option);

		if (status)
			return status;
		for (size_t i = 0; i < OPTION_COUNT; i++)
			given[i] |= long_options[i].val == option;
	}
	cli->words = argv + optind;
	cli->word_count = argc - optind;
	cli->separated = optind > 1 && !strcmp(argv[optind - 1], "--");
	return 0;
}

static bool takes(const struct command *command, const char *option)
{
	size_t length = strlen(option);

	for (const char *name = command->options; name && *name; name += strspn(name, " ")) {
		size_t size = strcspn(name, " ");

		if (size == length && !strncmp(name, option, size))
			return true;
		name += size;
	}
	return false;
}

/* What no command names is for all of them. */
static bool is_for_all(const char *option)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (takes(commands[i], option))
			return false;
	return true;
}

/* An option that would do nothing is not what the user meant. */
static int check_options(const struct command *command, const bool given[OPTION_COUNT])
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const char *name = long_options[i].name;

		if (given[i] && !takes(command, name) && !is_for_all(name))
			return cli_usage("`minsys %s` has no option --%s%s", command->name, name,
			    strcmp(name, "dry-run")
				? ""
				: "; what a build would do says `minsys why STAGE --dry-run`");
	}
	return 0;
}

static bool is_project(const char *folder)
{
	_cleanup_free_ char *path = xasprintf("%s/stages/sources.yaml", folder);

	return !access(path, F_OK);
}

/* The folder asked for, or the nearest from here upwards that holds a project. */
static int find_project(struct cli *cli, bool is_needed)
{
	static char path[PATH_MAX];
	char *slash;

	if (!realpath(cli->project ? cli->project : ".", path)) {
		fprintf(stderr, "minsys: open the project %s: %s\n",
		    cli->project ? cli->project : "in this folder", strerror(errno));
		return ERR_INPUT;
	}
	while (!is_project(path)) {
		_cleanup_free_ char *named =
		    cli->project ? xasprintf("%s is no", cli->project) : NULL;

		slash = strrchr(path, '/');
		if (!cli->project && !is_needed && slash == path)
			return 0;
		if (cli->project || slash == path || !slash) {
			fprintf(stderr,
			    "minsys: %s minsys project (it has no stages/sources.yaml); go to "
			    "one, or name one with -C\n",
			    named ? named : "neither this folder nor one above it is a");
			return ERR_INPUT;
		}
		*slash = 0;
	}
	cli->project = path;
	return 0;
}

/* The other programs stand beside this one, wherever it is. */
static void find_programs(struct cli *cli)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[length > 0 ? length : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	cli->sandbox = xasprintf("%s/minsys-sandbox", slash ? self : "/usr/local/bin");
	cli->preprocessor = xasprintf("%s/minsys-cpp", slash ? self : "/usr/local/bin");
	cli->fetcher = xasprintf("%s/minsys-fetch", slash ? self : "/usr/local/bin");
	cli->attacker = xasprintf("%s/minsys-attack", slash ? self : "/usr/local/bin");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

/* What stands in it for an option; the option counts. */
static int read_environment(struct cli *cli)
{
	const char *ccache = getenv("MINSYS_CCACHE");

	if (ccache && *ccache && strcmp(ccache, "0") && strcmp(ccache, "1"))
		return cli_usage("MINSYS_CCACHE is 1 or 0, not `%s`", ccache);
	cli->ccache = ccache && !strcmp(ccache, "1");
	return 0;
}

/* What is freed is needed again soon: to return it and have it anew, page by page, costs more than
 * what is done with it. */
static void keep_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, KEPT_MEMORY);
	mallopt(M_MMAP_THRESHOLD, KEPT_MEMORY);
}

/* A stage that runs takes some ten descriptors, and `-j` may ask for hundreds. Steps have limits of
 * their own; for what else is started there is a limit to it, as some programs go through all
 * numbers. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= DESCRIPTORS)
		return;
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct cli cli = {
	    .isolation = "auto",
	    .processors = processor_count(),
	    .timeout_seconds = 120,
	};
	const struct command *command;
	bool given[OPTION_COUNT] = {0};
	int status = read_environment(&cli);

	if (!status)
		status = parse(argc, argv, &cli, given);
	cli.jobs_are_asked = cli.jobs;
	if (!cli.jobs)
		cli.jobs = cli.processors;
	keep_memory();
	raise_descriptors();
	umask(022); /* what is written must not depend on the user's */
	if (status)
		return status;
	if (!cli.word_count || !strcmp(cli.words[0], "help")) {
		print_help();
		return finish(cli.word_count ? 0 : ERR_INPUT);
	}
	command = find_command(cli.words[0]);
	if (!command)
		return cli_usage("there is no command `%s`", cli.words[0]);
	status = check_options(command, given);
	if (status)
		return status;
	cli.words++;
	cli.word_count--;
	find_programs(&cli);
	status = find_project(&cli, !command->is_for_anywhere);
	if (!status)
		status = command->run(&cli);
	free(cli.sandbox);
	free(cli.preprocessor);
	free(cli.fetcher);
	free(cli.attacker);
	return finish(status);
}
