#include "build/log.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/history.h"

#include <string.h>
#include <sys/file.h>

#define RECORDS_READ 256 /* at most, to learn whose an action is */

/* A log in the store. */
struct candidate {
	struct digest key;
	struct timespec written;
};

struct candidates {
	struct candidate *items;
	size_t count;
};

static int newest_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct candidate *)a)->written;
	const struct timespec *y = &((const struct candidate *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? 1 : -1;
	return x->tv_nsec < y->tv_nsec ? 1 : x->tv_nsec > y->tv_nsec ? -1 : 0;
}

static void add_candidate(struct candidates *candidates, int folder, const char *name)
{
	char hex[DIGEST_HEX_SIZE];
	struct candidate candidate;
	struct stat status;
	struct err ignored;

	if (strlen(name) != DIGEST_HEX_SIZE - 1 + strlen(".log"))
		return;
	snprintf(hex, sizeof(hex), "%.64s", name);
	if (digest_parse(hex, &candidate.key, &ignored) || fstatat(folder, name, &status, 0))
		return;
	candidate.written = status.st_mtim;
	candidates->items = xgrow(candidates->items, candidates->count, sizeof(*candidates->items));
	candidates->items[candidates->count++] = candidate;
}

static int list_logs(struct store *store, struct candidates *ret_candidates, struct err *e)
{
	int fd = folder_open(store->fd, "logs", e);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct candidates candidates = {0};
	struct dirent *entry;

	if (!folder)
		return fd < 0 ? err_wrap(e, "%s", store->path) : err_errno(e, "read logs");
	while ((entry = readdir(folder)))
		add_candidate(&candidates, fd, entry->d_name);
	if (candidates.count)
		qsort(candidates.items, candidates.count, sizeof(*candidates.items), newest_first);
	*ret_candidates = candidates;
	return 0;
}

/* Is it an action of this stage? Its text says so on the second line. */
static int is_of_stage(
    struct store *store, const struct digest *key, const char *stage, bool *ret_is, struct err *e)
{
	_cleanup_free_ char *line = xasprintf("\nstage %s\n", stage);
	_cleanup_buf_ struct buf text = {0};
	const char *first_end;

	if (store_record_read(store, "actions", key, &text, ret_is, e))
		return -1;
	first_end = strchr(buf_text(&text), '\n');
	*ret_is = *ret_is && first_end && !strncmp(first_end, line, strlen(line));
	return 0;
}

enum owner {
	OWNER_UNKNOWN,
	OWNER_THIS,
	OWNER_OTHER,
};

/* Whose builds was this action of a stage part of? Of one that runs nothing is recorded yet. */
static int find_owner(struct store *store, const struct history_names *names, const char *project,
    const char *stage, const struct digest *key, enum owner *ret_owner, struct err *e)
{
	*ret_owner = OWNER_UNKNOWN;
	for (size_t i = 0; i < names->count && i < RECORDS_READ && *ret_owner != OWNER_THIS; i++) {
		_cleanup_history_ struct history history = {0};
		const struct history_task *task;
		bool found;

		if (history_read(store, names->items[i], &history, &found, e))
			return -1;
		task = found ? history_stage(&history, stage) : NULL;
		if (task && task->has_key && digest_equal(&task->key, key))
			*ret_owner = strcmp(history.project, project) ? OWNER_OTHER : OWNER_THIS;
	}
	return 0;
}

int log_find(struct store *store, const char *project, const char *stage, struct digest *ret_key,
    struct err *e)
{
	_cleanup_history_names_ struct history_names names = {0};
	struct candidates candidates = {0};
	enum owner owner = OWNER_OTHER;
	int result = 0;
	size_t i;

	if (history_list(store, &names, e) || list_logs(store, &candidates, e))
		return -1;
	for (i = 0; i < candidates.count && !result; i++) {
		const struct digest *key = &candidates.items[i].key;
		bool is;

		result = is_of_stage(store, key, stage, &is, e);
		if (!result && is)
			result = find_owner(store, &names, project, stage, key, &owner, e);
		if (!result && is && owner != OWNER_OTHER)
			break;
	}
	if (!result && i < candidates.count)
		*ret_key = candidates.items[i].key;
	else if (!result)
		result = err_kind(e, ERR_INPUT,
		    "there is no log of a stage `%s` in the store %s: it was not built here yet "
		    "(`minsys list` shows the stages)",
		    stage, store->path);
	free(candidates.items);
	return result;
}

/* Has another build run the same action since? Its log is in the place of the first one. */
static bool is_later(struct store *store, const struct history *history, const struct digest *key)
{
	uint64_t end = history->began + history->milliseconds + 1000;
	char hex[DIGEST_HEX_SIZE], path[96];
	struct stat status;

	snprintf(path, sizeof(path), "logs/%s.log", digest_format(key, hex));
	return !fstatat(store->fd, path, &status, 0) &&
	       (uint64_t)status.st_mtim.tv_sec * 1000 > end;
}

int log_find_of(struct store *store, const char *stage, const char *build, struct digest *ret_key,
    char **ret_note, struct err *e)
{
	_cleanup_history_ struct history history = {0};
	_cleanup_free_ char *name = NULL;
	const struct history_task *task;
	bool found;

	if (history_find(store, build, &name, e) || history_read(store, name, &history, &found, e))
		return -1;
	if (!found)
		return err_set(e, "the record %s/builds/%s was damaged", store->path, name);
	task = history_stage(&history, stage);
	if (!task)
		return err_kind(
		    e, ERR_INPUT, "build %s was not about a stage `%s`", history.name, stage);
	if (!task->has_key)
		return err_kind(
		    e, ERR_INPUT, "build %s did not come to the stage %s", history.name, stage);
	*ret_key = task->key;
	*ret_note =
	    !task->has_run
		? xasprintf("build %s did not run it; this is from the one that did", history.name)
	    : is_later(store, &history, &task->key)
		? xstrdup("the same was run again later; this is from that time")
		: NULL;
	return 0;
}

int log_open(struct store *store, const struct digest *key, struct err *e)
{
	char hex[DIGEST_HEX_SIZE], path[96];
	int fd;

	snprintf(path, sizeof(path), "logs/%s.log", digest_format(key, hex));
	fd = openat(store->fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_kind(e, ERR_INPUT, "its log is no longer in the store %s", store->path);
	return fd < 0 ? err_errno(e, "open %s/%s", store->path, path) : fd;
}

bool log_is_growing(struct store *store, const struct digest *key)
{
	char hex[DIGEST_HEX_SIZE], path[96];
	_cleanup_close_ int fd = -1;

	snprintf(path, sizeof(path), "locks/%s", digest_format(key, hex));
	fd = openat(store->fd, path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
}
