#include "build/reuse.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/state.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "minsys reuse 1"

/*
 * The note: FORMAT, the digest of all states, the one time that all of it has, and a line for each
 * export:
 *
 *   <tree>	<where in the tree>	<where in the folder>
 */

/* Of a folder by its path, whichever project is built to it. */
static char *note_path(const char *folder)
{
	_cleanup_free_ char *whole = realpath(folder, NULL);
	_cleanup_free_ char *text = xasprintf(FORMAT "\n%s", whole ? whole : folder);
	struct digest key = digest_of(text, strlen(text));
	char hex[DIGEST_HEX_SIZE];

	return xasprintf("exports/%s", digest_format(&key, hex));
}

static char *export_line(const struct exported *exported)
{
	char hex[DIGEST_HEX_SIZE];

	return xasprintf(
	    "\n%s\t%s\t%s\n", digest_format(exported->tree, hex), exported->from, exported->path);
}

/* --- States --- */

struct walk {
	struct digest_stream states;
	const struct timespec *settled; /* all was changed before this; NULL: whenever */
	const int64_t *mtime;		/* all has this time, in seconds; NULL: any */
};

static bool walk_entry(struct walk *walk, const struct stat *status)
{
	if ((walk->settled && !state_is_settled(status, walk->settled)) ||
	    (walk->mtime && status->st_mtim.tv_sec != *walk->mtime))
		return false;
	state_add(&walk->states, status);
	return true;
}

/* A folder and all in it, in the order in which the folder has it. It takes the descriptor. */
static bool walk_folder(struct walk *walk, int fd)
{
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat status;
	struct err ignored;
	int more;

	if (!folder || fstat(fd, &status) || !walk_entry(walk, &status))
		return false;
	while ((more = folder_next(folder, "", &entry, &ignored)) > 0) {
		digest_add(&walk->states, entry->d_name, strlen(entry->d_name) + 1);
		if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			return false;
		if (S_ISDIR(status.st_mode)
			? !walk_folder(walk, folder_open(fd, entry->d_name, &ignored))
			: !walk_entry(walk, &status))
			return false;
	}
	return !more;
}

static bool find_state(struct walk *walk, int folder, struct digest *ret_state)
{
	struct err ignored;

	digest_begin(&walk->states);
	if (!walk_folder(walk, folder_open(folder, ".", &ignored)))
		return false;
	*ret_state = digest_end(&walk->states);
	return true;
}

/* --- Using the last one --- */

/* Not every file system has more than one name for a file. */
static bool can_link(int from, int into)
{
	static const char name[] = "manifest.json", tried[] = ".linked";

	return !linkat(from, name, into, tried, 0) && !unlinkat(into, tried, 0);
}

/* All of a note but its exports. */
static void write_head(struct buf *text, const struct digest *state, int64_t mtime)
{
	char hex[DIGEST_HEX_SIZE];

	buf_printf(text, FORMAT "\n%s\n%lld", digest_format(state, hex), (long long)mtime);
}

static bool note_holds(const struct buf *note, int folder, int64_t mtime)
{
	_cleanup_buf_ struct buf head = {0};
	struct walk walk = {0};
	struct digest state;

	if (!note->length || !find_state(&walk, folder, &state))
		return false;
	write_head(&head, &state, mtime);
	buf_puts(&head, "\n");
	return !strncmp(note->data, head.data, head.length);
}

void reuse_open(
    const struct build *build, const char *path, int fd, int into, struct reuse *ret_reuse)
{
	_cleanup_free_ char *note = note_path(path);
	struct err ignored;
	bool found;

	*ret_reuse = (struct reuse){.folder = fd};
	if (fd >= 0 &&
	    !store_text_read(build->options->store, note, &ret_reuse->lines, &found, &ignored) &&
	    found && note_holds(&ret_reuse->lines, fd, manifest_time(build)) && can_link(fd, into))
		return;
	buf_free(&ret_reuse->lines);
}

void reuse_close(struct reuse *reuse)
{
	buf_free(&reuse->lines);
}

bool reuse_has(const struct reuse *reuse, const struct exported *exported)
{
	_cleanup_free_ char *line = export_line(exported);

	return strstr(buf_text(&reuse->lines), line);
}

static int link_entry(
    int from, const char *old, int into, const char *name, int64_t mtime, struct err *e);

/* It takes the first descriptor. */
static int link_content(int from, int into, int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	_cleanup_closedir_ DIR *folder = from < 0 ? NULL : fdopendir(from);
	struct dirent *entry;
	int more;

	if (!folder)
		return from < 0 ? -1 : err_errno(e, "read the last result");
	while ((more = folder_next(folder, "of the last result", &entry, e)) > 0)
		if (link_entry(from, entry->d_name, into, entry->d_name, mtime, e))
			return -1;
	if (more < 0)
		return -1;
	return futimens(into, times) ? err_errno(e, "set the time of a folder") : 0;
}

static int link_entry(
    int from, const char *old, int into, const char *name, int64_t mtime, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (fstatat(from, old, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s of the last result", old);
	if (!S_ISDIR(status.st_mode))
		return linkat(from, old, into, name, 0)
			   ? err_errno(e, "link to %s of the last result", old)
			   : 0;
	if (mkdirat(into, name, 0755))
		return err_errno(e, "make the folder %s", name);
	fd = folder_open(into, name, e);
	if (fd < 0 || link_content(folder_open(from, old, e), fd, mtime, e))
		return -1;
	return fchmod(fd, status.st_mode & 0777) ? err_errno(e, "set the mode of %s", name) : 0;
}

int reuse_link(const struct reuse *reuse, const struct exported *exported, int into,
    const char *name, int64_t mtime, struct err *e)
{
	return link_entry(reuse->folder, exported->path, into, name, mtime, e);
}

/* --- The note for the next one --- */

/* What is changed from now on has a later time than what was changed before. */
static struct timespec next_tick(void)
{
	const struct timespec moment = {.tv_nsec = 500000};
	struct timespec began = state_now(), now = began;

	while (now.tv_sec == began.tv_sec && now.tv_nsec == began.tv_nsec) {
		nanosleep(&moment, NULL);
		now = state_now();
	}
	return now;
}

void reuse_note(const struct build *build, const struct exported *exports, size_t count,
    const char *path, int fd, int64_t mtime)
{
	_cleanup_free_ char *note = note_path(path);
	struct timespec settled = next_tick();
	struct walk walk = {.settled = &settled, .mtime = &mtime};
	_cleanup_buf_ struct buf text = {0};
	struct digest state;
	struct err ignored;

	if (!find_state(&walk, fd, &state))
		return;
	write_head(&text, &state, mtime);
	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *line = export_line(&exports[i]);

		buf_puts(&text, line);
	}
	store_text_put(build->options->store, note, text.data, text.length, &ignored);
}
