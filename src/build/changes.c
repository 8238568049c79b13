#include "build/changes.h"

#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"

#include <fnmatch.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>

#define QUIET 100     /* milliseconds without a change */
#define PATIENCE 3000 /* milliseconds to wait for that */
#define NAMES_TOLD 3

#define EVENTS                                                                                     \
	(IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |        \
	    IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK)

struct paths {
	char **items;
	size_t count;
};

struct changes {
	const char *project;
	int fd;
	char **folders; /* by the number of the watch; relative to the project */
	size_t folder_count;
	struct paths sources; /* of the last plan: trees */
	struct paths matter;  /* with what is in them, and what they are in */
	struct paths changed;
};

static void add_path(struct paths *paths, char *owned)
{
	paths->items = xgrow(paths->items, paths->count, sizeof(*paths->items));
	paths->items[paths->count++] = owned;
}

static void paths_free(struct paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->items[i]);
	free(paths->items);
	*paths = (struct paths){0};
}

/* --- Which folders are watched --- */

static int refuse(const char *path, struct err *e)
{
	struct err cause;

	err_errno(&cause, "watch the folder %s", path);
	return err_kind(e, ERR_ENVIRONMENT, "%s%s", cause.text,
	    cause.errnum == ENOSPC ? "; raise the limit: sysctl fs.inotify.max_user_watches" : "");
}

/* One folder, by itself. What is not there is seen to come by what it is to come in. */
static int watch_folder(
    struct changes *changes, const char *path, bool *ret_is_there, struct err *e)
{
	_cleanup_free_ char *absolute = xasprintf("%s/%s", changes->project, path);
	int number = inotify_add_watch(changes->fd, absolute, EVENTS);

	*ret_is_there = number >= 0;
	if (number < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES
			   ? 0
			   : refuse(path, e);
	while (changes->folder_count <= (size_t)number) {
		changes->folders =
		    xgrow(changes->folders, changes->folder_count, sizeof(*changes->folders));
		changes->folders[changes->folder_count++] = NULL;
	}
	if (!changes->folders[number])
		changes->folders[number] = xstrdup(path);
	return 0;
}

static int watch_below(struct changes *changes, const char *path, struct err *e)
{
	_cleanup_free_ char *absolute = xasprintf("%s/%s", changes->project, path);
	_cleanup_closedir_ DIR *folder = NULL;
	struct dirent *entry;
	bool is_there;

	if (watch_folder(changes, path, &is_there, e))
		return -1;
	folder = is_there ? opendir(absolute) : NULL;
	while (folder && (entry = readdir(folder))) {
		_cleanup_free_ char *below = xasprintf("%s/%s", path, entry->d_name);

		if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
			continue;
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
		    watch_below(changes, below, e))
			return -1;
	}
	return 0;
}

/* A tree that matters, and the folders on the way to it, in which it may come or go. */
static int watch_tree(struct changes *changes, const char *path, struct err *e)
{
	bool is_there;

	add_path(&changes->matter, xstrdup(path));
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_free_ char *way = xstrndup(path, (size_t)(slash - path));

		if (watch_folder(changes, way, &is_there, e))
			return -1;
	}
	return watch_below(changes, path, e);
}

struct changes *changes_open(const char *project)
{
	struct changes *changes = xcalloc(1, sizeof(*changes));

	changes->project = project;
	changes->fd = -1;
	return changes;
}

/* All but the sources. */
static void forget(struct changes *changes)
{
	if (changes->fd >= 0)
		close(steal_fd(&changes->fd));
	for (size_t i = 0; i < changes->folder_count; i++)
		free(changes->folders[i]);
	free(changes->folders);
	changes->folders = NULL;
	changes->folder_count = 0;
	paths_free(&changes->matter);
	paths_free(&changes->changed);
}

void changes_close(struct changes *changes)
{
	forget(changes);
	paths_free(&changes->sources);
	free(changes);
}

int changes_begin(struct changes *changes, struct err *e)
{
	static const char *const trees[] = {"stages", "targets", "toolchain"};
	bool is_there;

	forget(changes);
	changes->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (changes->fd < 0) {
		err_errno(e, "watch files (inotify)");
		e->kind = ERR_ENVIRONMENT;
		return -1;
	}
	if (watch_folder(changes, ".", &is_there, e))
		return -1;
	for (size_t i = 0; i < sizeof(trees) / sizeof(*trees); i++)
		if (watch_tree(changes, trees[i], e))
			return -1;
	for (size_t i = 0; i < changes->sources.count; i++)
		if (watch_tree(changes, changes->sources.items[i], e))
			return -1;
	return 0;
}

/* --- What matters --- */

static void add_source(struct changes *changes, const struct source *source)
{
	for (size_t i = 0; i < source->include.count; i++)
		add_path(
		    &changes->sources, xasprintf("%s/%s", source->path, source->include.items[i]));
	if (!source->include.count)
		add_path(&changes->sources, xstrdup(source->path));
}

static void add_stage_files(struct changes *changes, const struct stage *stage)
{
	for (size_t i = 0; i < stage->files.count; i++)
		add_path(&changes->matter,
		    xasprintf("stages/%s/%s", stage->name, stage->files.items[i]));
	/* A target that is not built for has to have its files too. */
	for (size_t i = 0; i < stage->target_files.count; i++)
		add_path(&changes->matter, xasprintf("targets/*/%s", stage->target_files.items[i]));
}

int changes_narrow(struct changes *changes, const struct plan *plan, struct err *e)
{
	static const char *const always[] = {
	    "stages/sources.yaml", "stages/*/stage.yaml", "targets/*/target.yaml", "toolchain"};

	paths_free(&changes->matter);
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		add_path(&changes->matter, xstrdup(always[i]));
	for (size_t i = 0; i < plan->stage_count; i++)
		add_stage_files(changes, plan->stages[i]);
	paths_free(&changes->sources);
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].path)
			add_source(changes, &plan->sources[i]);
	for (size_t i = 0; i < changes->sources.count; i++)
		if (watch_tree(changes, changes->sources.items[i], e))
			return -1;
	return 0;
}

/* Is one of the two the other, or in it? A part of `pattern` that is `*` is any one. */
static bool meets(const char *pattern, const char *path)
{
	while (*pattern && *path) {
		size_t length = strcspn(pattern, "/"), other = strcspn(path, "/");

		if ((length != 1 || *pattern != '*') &&
		    (length != other || strncmp(pattern, path, length)))
			return false;
		pattern += length + (pattern[length] == '/');
		path += other + (path[other] == '/');
	}
	return true;
}

static bool matters(const struct changes *changes, const char *path)
{
	for (size_t i = 0; i < changes->matter.count; i++)
		if (meets(changes->matter.items[i], path))
			return true;
	return false;
}

/* What editors make beside the file that they edit. */
static bool is_of_editor(const char *name)
{
	static const char *const patterns[] = {".*.sw?", ".*.sw??", "*~", "#*#", ".#*", "4913"};

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	return false;
}

/* --- Waiting --- */

/* Returns whether it matters. Of a folder nothing does but its name. */
static bool note(struct changes *changes, const struct inotify_event *event)
{
	_cleanup_free_ char *path = NULL;
	const char *folder;

	if (event->mask & IN_Q_OVERFLOW) {
		add_path(&changes->changed, xstrdup("more than could be told apart"));
		return true;
	}
	if (event->wd < 0 || (size_t)event->wd >= changes->folder_count || !event->len ||
	    is_of_editor(event->name))
		return false;
	folder = changes->folders[event->wd];
	path =
	    !strcmp(folder, ".") ? xstrdup(event->name) : xasprintf("%s/%s", folder, event->name);
	if (!matters(changes, path) || (event->mask & IN_ATTRIB && event->mask & IN_ISDIR))
		return false;
	for (size_t i = 0; i < changes->changed.count; i++)
		if (!strcmp(changes->changed.items[i], path))
			return true;
	add_path(&changes->changed, steal_ptr(&path));
	return true;
}

/* Read what has come; returns whether any of it matters. */
static bool read_events(struct changes *changes)
{
	char events[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
	bool any = false;
	ssize_t got;

	while ((got = read(changes->fd, events, sizeof(events))) > 0)
		for (char *next = events; next < events + got;) {
			const struct inotify_event *event = (const struct inotify_event *)next;

			any |= note(changes, event);
			next += sizeof(*event) + event->len;
		}
	return any;
}

static void describe(const struct changes *changes, struct buf *ret_what)
{
	const struct paths *changed = &changes->changed;

	for (size_t i = 0; i < changed->count && i < NAMES_TOLD; i++)
		buf_printf(ret_what, "%s%s", i ? ", " : "", changed->items[i]);
	if (changed->count > NAMES_TOLD)
		buf_printf(ret_what, " and %zu more", changed->count - NAMES_TOLD);
}

int changes_wait(struct changes *changes, struct buf *ret_what, struct err *e)
{
	struct pollfd ready = {.fd = changes->fd, .events = POLLIN};
	uint64_t first = 0;

	for (;;) {
		int count = poll(&ready, 1, first ? QUIET : -1);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return err_errno(e, "wait for a change");
		if (count > 0 && read_events(changes) && !first)
			first = clock_milliseconds();
		if (first && (!count || clock_milliseconds() - first > PATIENCE))
			break;
	}
	describe(changes, ret_what);
	return 0;
}
