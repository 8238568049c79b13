#include "suite.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/memory.h"
#include "ground.h"
#include "table.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define TIME_LIMIT 300 /* seconds, for one attack */
#define MOST_OUTPUT (1 << 20)

static volatile sig_atomic_t stopped;

static void stop(int number)
{
	(void)number;
	stopped = 1;
}

static void catch_stops(void)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = stop};

	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		sigaction(stops[i], &action, NULL);
}

/* --- One attack --- */

struct arguments {
	char *items[96];
	size_t count;
};

static void add(struct arguments *a, char *owned)
{
	if (a->count + 1 < sizeof(a->items) / sizeof(*a->items))
		a->items[a->count++] = owned;
	else
		free(owned);
}

static void add_two(struct arguments *a, const char *option, char *owned)
{
	add(a, xstrdup(option));
	add(a, owned);
}

static void add_bind(
    struct arguments *a, const struct ground *g, const char *option, const char *path)
{
	add_two(a, option, xasprintf("%s%s:%s", g->place, path, path));
}

static void add_sandbox(struct arguments *a, const struct ground *g, const char *sandbox)
{
	add(a, xstrdup(sandbox));
	add_two(a, "--isolation", xstrdup(g->column == USERNS ? "userns" : "landlock"));
	add_two(a, "--root", xstrdup(*g->root ? g->root : "/"));
	add_bind(a, g, "--ro", "/minsys/in");
	add_bind(a, g, "--ro", "/minsys/attack");
	add_bind(a, g, "--rw", "/minsys/out");
	add_bind(a, g, "--rw", "/minsys/more");
	add_two(a, "--chdir", xstrdup("/minsys/out"));
	add_two(a, "--timeout", xasprintf("%d", TIME_LIMIT));
	for (int i = 0; i < g->host_count; i++)
		add_two(a, "--setenv", xstrdup(g->hosts[i]));
	add(a, xstrdup("--"));
	add(a, xstrdup("/minsys/attack"));
}

static void make_arguments(
    struct arguments *a, const struct ground *g, const char *sandbox, const char *words)
{
	_cleanup_free_ char *copy = xstrdup(words);
	char *rest = copy, *word;

	if (g->column == NONE)
		add(a, xasprintf("%s/minsys/attack", g->base));
	else
		add_sandbox(a, g, sandbox);
	while ((word = strsep(&rest, " ")))
		add(a, xstrdup(word));
	a->items[a->count] = NULL;
}

/* Left on purpose, for the sandbox to take away: descriptors, an umask, ignored signals, something
 * to read, secrets in the environment. */
static int leave_things(const struct ground *g)
{
	static const int descriptors[] = {0, 3, 7};
	_cleanup_free_ char *input = xasprintf("%s/minsys/in/file", g->place);

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	setenv("TOKEN", "canary", 1);
	setenv("SSH_AUTH_SOCK", "canary", 1);
	setenv("HOME", "/canary", 1);
	for (size_t i = 0; i < sizeof(descriptors) / sizeof(*descriptors); i++) {
		int fd = open(input, O_RDONLY); /* and this one */

		if (fd < 0 || dup2(fd, descriptors[i]) < 0)
			return -1;
	}
	return 0;
}

/* Outside of a sandbox, as the victim, with the same names for things. */
static int be_ordinary(const struct ground *g)
{
	for (int i = 0; i < g->host_count; i++)
		putenv(g->hosts[i]);
	alarm(TIME_LIMIT);
	if (g->victim == geteuid())
		return 0;
	return setgroups(0, NULL) || setresgid(g->victim, g->victim, g->victim) ||
		       setresuid(g->victim, g->victim, g->victim)
		   ? -1
		   : 0;
}

static void become(const struct ground *g, char *const *argv, int output)
{
	if (dup2(output, 1) == 1 && dup2(output, 2) == 2 && !leave_things(g) &&
	    (g->column != NONE || !be_ordinary(g)))
		execv(argv[0], argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(1);
}

/* Lines and columns are what the result is told in. */
static void flatten(char *text)
{
	size_t length = strlen(text);

	while (length && text[length - 1] == '\n')
		text[--length] = 0;
	for (; *text; text++)
		*text = *text == '|' ? '/' : (unsigned char)*text < ' ' ? ' ' : *text;
}

static int try(const struct ground *g, const char *sandbox, const struct row *row, char **ret_came,
    struct err *e)
{
	struct arguments a = {.count = 0};
	_cleanup_buf_ struct buf output = {0};
	int ends[2], result;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	make_arguments(&a, g, sandbox, row->words);
	pid = fork();
	if (!pid)
		become(g, a.items, ends[1]);
	close(ends[1]);
	result = pid < 0 ? err_errno(e, "start a process")
			 : file_read_fd(ends[0], "what an attack prints", MOST_OUTPUT, &output, e);
	close(ends[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	while (a.count)
		free(a.items[--a.count]);
	if (result)
		return -1;
	*ret_came = xstrdup(buf_text(&output));
	flatten(*ret_came);
	return 0;
}

/* --- All of them --- */

static void tell(
    enum verdict verdict, const char *words, const char *wanted, const char *came, const char *gap)
{
	printf("%s|%s|%s|%s|%s\n", verdict_names[verdict], words, wanted, came, gap ? gap : "");
	fflush(stdout);
}

static int try_row(struct ground *g, const char *sandbox, const struct row *row, struct err *e)
{
	const struct cell *cell = &row->cells[g->column];
	_cleanup_free_ char *came = NULL;

	if (!cell->wanted)
		return 0;
	if (ground_renew(g, e) || try(g, sandbox, row, &came, e))
		return err_wrap(e, "%s", row->words);
	tell(verdict_of(cell, came), row->words, cell->wanted, came, cell->gap);
	return 0;
}

static void tell_gaps(const struct table *table, enum column column)
{
	for (size_t i = 0; i < table->gap_count; i++)
		for (size_t k = 0; k < table->row_count; k++)
			if (table->rows[k].cells[column].gap == table->gaps[i].name) {
				printf("gap|%s|%s\n", table->gaps[i].name, table->gaps[i].text);
				break;
			}
}

static int try_all(struct ground *g, const struct table *table, const char *sandbox,
    const char *begin, struct err *e)
{
	const char *harm;

	for (size_t i = 0; i < table->row_count && !stopped; i++)
		if (!strncmp(table->rows[i].words, begin, strlen(begin)) &&
		    try_row(g, sandbox, &table->rows[i], e))
			return -1;
	if (stopped)
		return err_set(e, "it was told to stop");
	harm = g->column == NONE ? NULL : ground_harm(g);
	tell(harm ? OUT : SAME, "unharmed", "unharmed", harm ? harm : "unharmed", NULL);
	tell_gaps(table, g->column);
	return 0;
}

int suite_run(const char *isolation, const char *sandbox, const char *begin, struct err *e)
{
	int column = column_find(isolation), result;
	struct ground ground = {0};
	struct table table;
	struct err ignored;

	if (column < 0)
		return err_kind(e, ERR_INPUT,
		    "there is no isolation `%s`: it is none, userns, landlock or landlock-own",
		    isolation);
	if (table_read(&table, e))
		return -1;
	catch_stops();
	result = ground_make(&ground, (enum column)column, e);
	if (!result)
		result = try_all(&ground, &table, sandbox, begin ? begin : "", e);
	if (ground_remove(&ground, result ? &ignored : e))
		result = -1;
	table_free(&table);
	return result;
}
