/*
 * minsys-fetch: download the files that a request on standard input names into a folder, and say
 * on standard output what came of each. request.h has the form of both, `help` the rest.
 */
#include "base/file.h"
#include "base/human.h"
#include "fetch/downloader.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <string.h>

static const char help[] =
    "Usage: minsys-fetch --folder FOLDER [OPTION]... <REQUEST\n"
    "Download the files that REQUEST (JSON) names; what came of each is on standard output.\n"
    "Each gets its sha256 as its name, and only when it is whole.\n"
    "\n"
    "  --folder FOLDER     where to\n"
    "  --folder-fd N       the same, as an open descriptor\n"
    "  --mirror URL        Debian archive to look in first; or the absolute path of a folder\n"
    "  --quiet             no progress on standard error\n"
    "  --json              progress as JSON, one line an event\n"
    "  --help              this text\n"
    "\n"
    "Environment, each a number:\n"
    "  MINSYS_FETCH_PARALLEL      downloads at once (24)\n"
    "  MINSYS_FETCH_PARALLEL_HOST of them, from one host (8)\n"
    "  MINSYS_FETCH_RETRIES       of what may go better another time (4)\n"
    "  MINSYS_FETCH_RETRY_MS      before the first of them; the next ones wait longer (500)\n"
    "  MINSYS_FETCH_HEDGE_MS      until the next place is asked too (1500)\n"
    "  MINSYS_FETCH_STALL_S       without a byte, until a transfer is given up (30);\n"
    "                             a place that gives less than 1 KiB/s for that time is left\n"
    "                             while there is another one\n"
    "  MINSYS_FETCH_CONNECT_S     until a connection is given up (10)\n"
    "  MINSYS_FETCH_WAIT_S        that a server may ask to wait at most (60)\n"
    "\n"
    "Exit status: 0 all are there, 1 some are not, 2 a wrong option or request, 3 it cannot run.\n";

struct command_line {
	struct settings settings;
	const char *folder; /* NULL: folder_fd */
	int folder_fd;
	bool quiet;
	bool json;
};

static int read_number(
    const char *name, const char *text, unsigned limit, unsigned *ret_number, struct err *e)
{
	char *end;
	unsigned long number;

	errno = 0;
	number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > limit)
		return err_kind(
		    e, ERR_INPUT, "%s=%s: not a number from 0 to %u", name, text, limit);
	*ret_number = (unsigned)number;
	return 0;
}

static int read_environment(struct settings *settings, struct err *e)
{
	const struct {
		const char *name;
		unsigned *value, usual;
	} variables[] = {
	    {"MINSYS_FETCH_PARALLEL", &settings->parallel, 24},
	    {"MINSYS_FETCH_PARALLEL_HOST", &settings->parallel_host, 8},
	    {"MINSYS_FETCH_RETRIES", &settings->retries, 4},
	    {"MINSYS_FETCH_RETRY_MS", &settings->retry_delay_ms, 500},
	    {"MINSYS_FETCH_HEDGE_MS", &settings->hedge_ms, 1500},
	    {"MINSYS_FETCH_STALL_S", &settings->stall_seconds, 30},
	    {"MINSYS_FETCH_CONNECT_S", &settings->connect_seconds, 10},
	    {"MINSYS_FETCH_WAIT_S", &settings->wait_seconds, 60},
	};

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *text = getenv(variables[i].name);

		*variables[i].value = variables[i].usual;
		if (text && *text &&
		    read_number(variables[i].name, text, 1000000, variables[i].value, e))
			return -1;
	}
	settings->parallel += !settings->parallel;
	settings->parallel_host += !settings->parallel_host;
	return 0;
}

static int read_mirror(const char *text, struct settings *settings, struct err *e)
{
	_cleanup_free_ char *shown = url_to_show(text);

	if (*text != '/' && !url_is_http(text))
		return err_kind(e, ERR_INPUT,
		    "--mirror %s: neither an http or https URL nor the absolute path of a folder",
		    shown);
	settings->mirror = text;
	return 0;
}

static int read_option(int option, struct command_line *line, struct err *e)
{
	unsigned number = 0;

	switch (option) {
	case 'f':
		line->folder = optarg;
		return 0;
	case 'd':
		if (read_number("--folder-fd", optarg, INT_MAX, &number, e))
			return -1;
		line->folder_fd = (int)number;
		return 0;
	case 'm':
		return read_mirror(optarg, &line->settings, e);
	case 'q':
		line->quiet = true;
		return 0;
	case 'j':
		line->json = true;
		return 0;
	case 'h':
		fputs(help, stdout);
		exit(0);
	default:
		return err_kind(e, ERR_INPUT, "wrong usage; try minsys-fetch --help");
	}
}

static int read_command_line(int argc, char **argv, struct command_line *line, struct err *e)
{
	static const struct option options[] = {
	    {"folder", required_argument, NULL, 'f'},
	    {"folder-fd", required_argument, NULL, 'd'},
	    {"mirror", required_argument, NULL, 'm'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"json", no_argument, NULL, 'j'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};

	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) >= 0;)
		if (read_option(option, line, e))
			return -1;
	if (optind < argc)
		return err_kind(e, ERR_INPUT, "what is %s? Try minsys-fetch --help", argv[optind]);
	if (!line->folder == (line->folder_fd < 0))
		return err_kind(e, ERR_INPUT, "either --folder or --folder-fd has to be given");
	return 0;
}

/* The folder with a path for messages. */
static int open_folder(const struct command_line *line, char ret_path[PATH_MAX], struct err *e)
{
	int fd = line->folder ? open(line->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
			      : fcntl(line->folder_fd, F_DUPFD_CLOEXEC, 3);
	struct stat status;
	char link[40];
	ssize_t length;

	if (fd < 0 || fstat(fd, &status)) {
		err_errno(e, "open the folder %s", line->folder ? line->folder : "to download to");
		e->kind = ERR_INPUT;
		return -1;
	}
	if (!S_ISDIR(status.st_mode))
		return err_kind(e, ERR_INPUT, "descriptor %d is no folder", line->folder_fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, ret_path, PATH_MAX - 1);
	snprintf(ret_path + (length > 0 ? length : 0), length > 0 ? 1 : PATH_MAX, "%s",
	    length > 0 ? "" : "the download folder");
	return fd;
}

/* What the user can do about files that did not arrive; NULL when nothing is missing. The
 * caller's to free. */
static char *advise(const struct request *request, const char *folder)
{
	struct buf text = {0};
	bool missing = false, wrong = false;

	for (size_t i = 0; i < request->count; i++) {
		missing |= !request->files[i].arrived;
		wrong |= request->files[i].wrong;
	}
	if (!missing)
		return NULL;
	if (wrong)
		buf_puts(&text, "Where the content is wrong, the place has changed its file: trust "
				"it only after a look, and pin it anew. ");
	buf_printf(&text,
	    "Check the network and the space on the disk, name a Debian archive that can be "
	    "reached with --mirror (a URL or a folder), or put the file into %s yourself, with "
	    "its sha256 as its name.",
	    folder);
	return text.data;
}

/* Returns -1, or whether a file is missing. */
static int answer(const struct request *request, const char *folder, struct err *e)
{
	_cleanup_free_ char *advice = advise(request, folder);
	_cleanup_free_ char *text = request_answer(request, advice);

	if (file_write_all(1, text, strlen(text), "the answer", e) ||
	    file_write_all(1, "\n", 1, "the answer", e))
		return -1;
	return advice != NULL;
}

static enum progress_style choose_style(const struct command_line *line)
{
	if (line->quiet)
		return PROGRESS_NONE;
	return line->json ? PROGRESS_JSON : progress_style_of_terminal();
}

/* The exit status, or -1. */
static int fetch(const struct command_line *line, struct err *e)
{
	struct progress progress = {
	    .style = choose_style(line),
	    .begun_at = clock_milliseconds(),
	};
	_cleanup_close_ int folder_fd = -1;
	struct request request;
	char folder[PATH_MAX];
	int result;

	folder_fd = open_folder(line, folder, e);
	if (folder_fd < 0 || request_read(0, &request, e))
		return -1;
	result = download(&line->settings, folder_fd, folder, &request, &progress, e);
	progress_end(&progress);
	if (!result)
		result = answer(&request, folder, e);
	if (result < 0)
		e->kind = ERR_ENVIRONMENT;
	request_free(&request);
	return result;
}

int main(int argc, char **argv)
{
	struct command_line line = {.folder_fd = -1};
	struct err e = {0};
	int result = -1;

	/* A server that hangs up, or a reader that is gone, is an error and not the end. */
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	if (!read_environment(&line.settings, &e) && !read_command_line(argc, argv, &line, &e))
		result = fetch(&line, &e);
	if (result >= 0)
		return result;
	fprintf(stderr, "minsys-fetch: %s\n", e.text);
	return (int)e.kind;
}
