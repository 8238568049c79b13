#include "fetch/fetch.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/memory.h"
#include "fetch/news.h"

#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ANSWER_LIMIT (64 << 20)
#define TEXT_LIMIT 1800 /* of struct err's text: the rest is for what callers put before it */
#define FOLDER_FD "3"
#define EXIT_NOT_RUN 127

static bool is_there(int downloads_fd, const struct digest *digest)
{
	char name[DIGEST_HEX_SIZE];
	struct stat status;

	return !fstatat(downloads_fd, digest_format(digest, name), &status, AT_SYMLINK_NOFOLLOW) &&
	       S_ISREG(status.st_mode);
}

size_t fetch_look(int downloads_fd, struct fetch_item *items, size_t count)
{
	size_t missing = 0;

	for (size_t i = 0; i < count; i++) {
		struct fetch_item *item = &items[i];

		item->ret_present = false;
		for (size_t o = 0; o < item->origin_count && !item->ret_present; o++) {
			item->ret_present = is_there(downloads_fd, &item->origins[o].sha256);
			item->ret_digest = item->origins[o].sha256;
		}
		missing += !item->ret_present;
	}
	return missing;
}

static json_t *describe_origin(const struct fetch_origin *origin, bool pinned)
{
	char digest[DIGEST_HEX_SIZE];

	return json_pack("{s:s, s:s?}", origin->in_pool ? "pool" : "url", origin->location,
	    "sha256", pinned ? digest_format(&origin->sha256, digest) : NULL);
}

static json_t *describe_item(const struct fetch_item *item, bool pinned)
{
	json_t *origins = json_array();

	for (size_t i = 0; i < item->origin_count; i++)
		json_array_append_new(origins, describe_origin(&item->origins[i], pinned));
	return json_pack("{s:s, s:I, s:o}", "name", item->name, "size", (json_int_t)item->size,
	    "origins", origins);
}

/* The request, for those that are missing; see request.h. The caller's to free. */
static char *describe(
    const struct fetch_options *options, const struct fetch_item *items, size_t count, bool pinned)
{
	json_t *files = json_array();
	json_t *request = json_pack("{s:s*, s:o}", "snapshot", options->snapshot, "files", files);
	char *text;

	for (size_t i = 0; i < count; i++)
		if (!items[i].ret_present)
			json_array_append_new(files, describe_item(&items[i], pinned));
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	return text;
}

/* In a file without a name, so that neither side ever waits for the other. */
static int request_file(const char *text, struct err *e)
{
	_cleanup_close_ int fd = memfd_create("minsys-fetch request", MFD_CLOEXEC);

	if (!text)
		return err_kind(
		    e, ERR_INPUT, "ask for downloads: a name, URL or path is not valid UTF-8");
	if (fd < 0)
		return err_errno(e, "make a file in memory for the request to minsys-fetch");
	if (file_write_all(fd, text, strlen(text), "the request to minsys-fetch", e))
		return -1;
	if (lseek(fd, 0, SEEK_SET))
		return err_errno(e, "rewind the request to minsys-fetch");
	return steal_fd(&fd);
}

/* Where a child writes, or where this side reads it; -1: nowhere. */
struct ends {
	int answer; /* its standard output */
	int news;   /* its standard error, when that is to be read */
};

static void ends_close(struct ends *ends)
{
	cleanup_close(&ends->answer);
	cleanup_close(&ends->news);
	*ends = (struct ends){-1, -1};
}

static int pipe_make(int *ret_ours, int *ret_theirs, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe");
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return 0;
}

/* In the child, between fork and exec. */
static void exec_child(pid_t parent, const char *const *argv, int downloads_fd, int request_fd,
    const struct ends *ends)
{
	struct child_fd fds[] = {{request_fd, 0}, {ends->answer, 1},
	    {ends->news < 0 ? 2 : ends->news, 2}, {downloads_fd, 3}};

	if (child_begin(parent, fds, sizeof(fds) / sizeof(*fds)))
		_exit(EXIT_NOT_RUN);
	execv(argv[0], (char *const *)argv);
	_exit(EXIT_NOT_RUN);
}

static int start(const struct fetch_options *options, int request_fd, pid_t *ret_pid,
    struct ends *ret_ends, struct err *e)
{
	_cleanup_(ends_close) struct ends ours = {-1, -1}, theirs = {-1, -1};
	const char *argv[8] = {options->program, "--folder-fd", FOLDER_FD};
	pid_t parent = getpid(), pid;
	size_t count = 3;

	if (options->mirror) {
		argv[count++] = "--mirror";
		argv[count++] = options->mirror;
	}
	if (options->quiet)
		argv[count++] = "--quiet";
	if (options->tell)
		argv[count++] = "--json";
	if (pipe_make(&ours.answer, &theirs.answer, e) ||
	    (options->tell && pipe_make(&ours.news, &theirs.news, e)))
		return -1;
	pid = children_fork();
	if (!pid)
		exec_child(parent, argv, options->downloads_fd, request_fd, &theirs);
	if (pid < 0)
		return err_errno(e, "start %s", options->program);
	children_add(options->children, pid);
	*ret_pid = pid;
	*ret_ends = (struct ends){steal_fd(&ours.answer), steal_fd(&ours.news)};
	return 0;
}

/* How it ended, when it gave no answer. Why, it has said: in `words`, or, unless these were read,
 * on standard error. */
static int judge_status(const char *program, int status, const struct buf *words, struct err *e)
{
	if (WIFSIGNALED(status))
		return err_set(e, "%s was killed by signal %d", program, WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_NOT_RUN)
		return err_set(e, "%s could not be started", program);
	if (WEXITSTATUS(status) > 1 && words->length)
		return err_set(e, "%s could not do its work (exit status %d): %s", program,
		    WEXITSTATUS(status), buf_text(words));
	if (WEXITSTATUS(status) > 1)
		return err_set(e, "%s could not do its work (exit status %d); its message is above",
		    program, WEXITSTATUS(status));
	return 0;
}

/* Read what has come, if anything has, and close it at its end. */
static int read_some(int *fd, const struct pollfd *polled, struct buf *ret_bytes, struct err *e)
{
	ssize_t got;

	ret_bytes->length = 0;
	if (!polled->revents)
		return 0;
	got = read(*fd, buf_reserve(ret_bytes, 65536), 65536);
	if (got < 0 && errno != EINTR && errno != EAGAIN)
		return err_errno(e, "read what minsys-fetch says");
	if (!got)
		close(steal_fd(fd));
	ret_bytes->length = got > 0 ? (size_t)got : 0;
	return 0;
}

/* Read the answer, and tell the news as they come, until both have ended. */
static int listen_to(
    struct ends *ends, struct news_reader *news, struct buf *ret_answer, struct err *e)
{
	_cleanup_buf_ struct buf bytes = {0};

	while (ends->answer >= 0 || ends->news >= 0) {
		struct pollfd polled[] = {{ends->answer, POLLIN, 0}, {ends->news, POLLIN, 0}};

		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return err_errno(e, "wait for minsys-fetch");
		if (read_some(&ends->answer, &polled[0], &bytes, e))
			return -1;
		buf_add(ret_answer, buf_text(&bytes), bytes.length);
		if (ret_answer->length > ANSWER_LIMIT)
			return err_set(e, "the answer of minsys-fetch is larger than %d MiB",
			    ANSWER_LIMIT >> 20);
		if (read_some(&ends->news, &polled[1], &bytes, e))
			return -1;
		news_read(news, buf_text(&bytes), bytes.length);
	}
	return 0;
}

static int converse(
    const struct fetch_options *options, int request_fd, struct buf *ret_answer, struct err *e)
{
	_cleanup_(news_free) struct news_reader news = {.options = options};
	_cleanup_(ends_close) struct ends ends = {-1, -1};
	int status, result;
	pid_t pid = -1;

	if (access(options->program, X_OK))
		return err_errno(e, "run %s", options->program);
	if (start(options, request_fd, &pid, &ends, e))
		return -1;
	result = listen_to(&ends, &news, ret_answer, e);
	if (result)
		kill(pid, SIGKILL);
	if (children_wait(options->children, pid, &status) < 0)
		return err_errno(e, "wait for %s", options->program);
	return result ? -1 : judge_status(options->program, status, &news.words, e);
}

/* Run the program; the answer is the caller's to release. */
static json_t *ask(const struct fetch_options *options, const struct fetch_item *items,
    size_t count, bool pinned, struct err *e)
{
	_cleanup_free_ char *request = describe(options, items, count, pinned);
	_cleanup_close_ int request_fd = request_file(request, e);
	_cleanup_buf_ struct buf text = {0};
	json_t *answer = NULL;

	if (request_fd < 0)
		return NULL;
	if (converse(options, request_fd, &text, e)) {
		e->kind = ERR_ENVIRONMENT;
		return NULL;
	}
	answer = json_loadb(buf_text(&text), text.length, JSON_REJECT_DUPLICATES, NULL);
	if (!answer)
		err_set(e, "%s gave no answer that can be read", options->program);
	return answer;
}

/* Is it one that was asked for, and there now? */
static bool take_file(int downloads_fd, json_t *file, struct fetch_item *item)
{
	const char *text = json_string_value(json_object_get(file, "sha256"));
	struct digest digest;
	struct err e;

	if (!text || digest_parse(text, &digest, &e) || !is_there(downloads_fd, &digest))
		return false;
	for (size_t o = 0; o < item->origin_count && !item->ret_present; o++)
		item->ret_present = digest_equal(&digest, &item->origins[o].sha256);
	item->ret_digest = digest;
	return item->ret_present;
}

/* The errors of the files that did not come, as many as there is room for, and what to do. */
static int report(json_t *answer, size_t missing, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	const char *advice = json_string_value(json_object_get(answer, "advice"));
	size_t room = TEXT_LIMIT - (advice ? strnlen(advice, 900) : 0);
	size_t told = 0, index;
	bool wrong = false;
	json_t *file;

	json_array_foreach(json_object_get(answer, "files"), index, file)
	{
		const char *error = json_string_value(json_object_get(file, "error"));

		wrong |= json_is_true(json_object_get(file, "wrong"));
		if (!error || (told && text.length + strlen(error) > room))
			continue;
		buf_printf(&text, "%s%.*s", told ? "\n" : "", (int)room, error);
		told++;
	}
	if (missing > told)
		buf_printf(&text, "%s%zu %s could not be downloaded", told ? "\nand " : "",
		    missing - told, told ? "more" : "of the files");
	if (advice)
		buf_printf(&text, "\n%.900s", advice);
	return err_kind(e, wrong ? ERR_FAILED : ERR_ENVIRONMENT, "%s", buf_text(&text));
}

static int refuse_offline(const struct fetch_item *items, size_t count, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	char digest[DIGEST_HEX_SIZE];
	size_t left_out = 0;

	for (size_t i = 0; i < count; i++) {
		if (items[i].ret_present)
			continue;
		if (text.length > TEXT_LIMIT - 600) {
			left_out++;
			continue;
		}
		buf_printf(&text, "\n  %.100s (sha256 %s)", items[i].name,
		    digest_format(&items[i].origins[0].sha256, digest));
	}
	if (left_out)
		buf_printf(&text, "\n  and %zu more", left_out);
	return err_kind(e, ERR_ENVIRONMENT,
	    "not in the download folder, and --offline forbids downloading:%s\n"
	    "Download them with `minsys fetch` while there is a network, or put each into the "
	    "folder `downloads` of the store with its sha256 as its name.",
	    buf_text(&text));
}

int fetch_items(
    const struct fetch_options *options, struct fetch_item *items, size_t count, struct err *e)
{
	size_t missing = fetch_look(options->downloads_fd, items, count), next = 0;
	json_t *answer, *files;

	if (!missing)
		return 0;
	if (options->offline)
		return refuse_offline(items, count, e);
	answer = ask(options, items, count, true, e);
	if (!answer)
		return -1;
	files = json_object_get(answer, "files");
	for (size_t i = 0; i < count; i++)
		if (!items[i].ret_present)
			missing -= take_file(
			    options->downloads_fd, json_array_get(files, next++), &items[i]);
	if (missing)
		report(answer, missing, e);
	json_decref(answer);
	return missing ? -1 : 0;
}

/* The digest of the only file of an answer, which must be there. */
static int take_unpinned(const struct fetch_options *options, const char *name, json_t *answer,
    struct digest *ret_digest, struct err *e)
{
	json_t *file = json_array_get(json_object_get(answer, "files"), 0);
	const char *text = json_string_value(json_object_get(file, "sha256"));
	struct digest digest;

	if (!text)
		return report(answer, 1, e);
	if (digest_parse(text, &digest, e))
		return err_wrap(e, "the answer of %s", options->program);
	if (!is_there(options->downloads_fd, &digest))
		return err_kind(e, ERR_ENVIRONMENT,
		    "%s: %s says that it came, but the download folder does not have it; run it "
		    "again",
		    name, options->program);
	*ret_digest = digest;
	return 0;
}

int fetch_unpinned(const struct fetch_options *options, const char *name,
    const struct fetch_origin *origin, struct digest *ret_digest, struct err *e)
{
	const struct fetch_item item = {.name = name, .origins = origin, .origin_count = 1};
	json_t *answer;
	int result;

	if (options->offline)
		return err_kind(e, ERR_ENVIRONMENT, "%s: --offline forbids downloading it", name);
	answer = ask(options, &item, 1, false, e);
	if (!answer)
		return -1;
	result = take_unpinned(options, name, answer, ret_digest, e);
	json_decref(answer);
	return result;
}
