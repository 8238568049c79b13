#include "build/export.h"
#include "build/manifest.h"
#include "build/reuse.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"

#include <string.h>
#include <sys/file.h>

#define MANIFEST "manifest.json"
#define MANIFEST_LIMIT (64UL << 20) /* bytes */
#define RANDOM_DIGITS 16

/*
 * The folder being brought up to date. The new one is put together beside it, as
 * ".<name>.new-<random>", under a lock (flock); after the two have changed places that name is the
 * old one's, until what was edited in it is kept. What stands under such a name with nobody's lock
 * on it is what a killed runner left.
 */
struct folder {
	int parent;
	const char *name; /* in `parent` */
	const char *path;
	struct build *build;
	struct buf *kept; /* paths of the folders where edited files went */
};

/* A look through an old result. */
struct look {
	int64_t mtime; /* that everything in it was given */
	bool any_edited;
	int kept;	 /* where edited files go; -1: only look */
	struct buf path; /* of what is looked at, from the top of the result */
};

/* --- What may be replaced --- */

/* Is there a result of minsys in the folder `fd`? Then everything in it was given one time. */
static bool is_result(int fd, int64_t *ret_mtime)
{
	_cleanup_buf_ struct buf text = {0};
	struct stat status;
	struct err ignored;

	if (fstatat(fd, MANIFEST, &status, 0) ||
	    file_read(fd, MANIFEST, MANIFEST_LIMIT, &text, &ignored))
		return false;
	*ret_mtime = status.st_mtime;
	return manifest_read(&text, ret_mtime);
}

static bool is_empty(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *entries = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	struct err ignored;

	return entries && !folder_next(entries, ".", &entry, &ignored);
}

/* Whatever else stands at `name` is the user's. */
static int check_replaceable(int dirfd, const char *name, const char *path, struct err *e)
{
	_cleanup_close_ int fd =
	    openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int64_t mtime;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_kind(e, ERR_INPUT,
		    "%s is no folder: name a new one with --out, or move it away", path);
	if (fd < 0) {
		err_errno(e, "open the folder %s", path);
		e->kind = ERR_INPUT;
		return -1;
	}
	if (is_result(fd, &mtime) || is_empty(fd))
		return 0;
	return err_kind(e, ERR_INPUT,
	    "%s holds something else than a result of minsys (there is no manifest.json of one), "
	    "and it would be replaced as a whole: name a new folder with --out, or move it away",
	    path);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder that a path is in; the caller frees it. */
static char *parent_of(const char *path)
{
	const char *name = last_part(path);

	return name == path ? xstrdup(".") : xstrndup(path, (size_t)(name - path));
}

int export_check(const char *path, char **ret_path, struct err *e)
{
	_cleanup_free_ char *plain = xstrdup(path), *resolved = NULL;
	struct stat status;
	const char *name;

	for (size_t length = strlen(plain); length && plain[length - 1] == '/';)
		plain[--length] = 0;
	if (!lstat(plain, &status) && S_ISLNK(status.st_mode)) {
		resolved = realpath(plain, NULL);
		if (!resolved)
			return err_kind(e, ERR_INPUT, "%s is a link to nothing", path);
		free(plain);
		plain = steal_ptr(&resolved);
	}
	name = last_part(plain);
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_kind(e, ERR_INPUT,
		    "the result cannot go to `%s`: it needs a folder of its own, which can be "
		    "replaced as a whole",
		    path);
	if (check_replaceable(AT_FDCWD, plain, plain, e))
		return -1;
	*ret_path = steal_ptr(&plain);
	return 0;
}

/* --- Names and locks --- */

/* A new name beside the folder; the caller frees it. Not by process id: runners in different
 * containers may have the same one. */
static char *new_name(const struct folder *folder, struct err *e)
{
	unsigned long long random;

	if (random_get(&random, sizeof(random), e))
		return NULL;
	return xasprintf(".%s.new-%0*llx", folder->name, RANDOM_DIGITS, random);
}

static bool is_new_name(const struct folder *folder, const char *name)
{
	size_t length = strlen(folder->name);
	const char *digits = name + 1 + length + strlen(".new-");

	return name[0] == '.' && !strncmp(name + 1, folder->name, length) &&
	       !strncmp(name + 1 + length, ".new-", strlen(".new-")) &&
	       strlen(digits) == RANDOM_DIGITS &&
	       strspn(digits, "0123456789abcdef") == RANDOM_DIGITS;
}

static bool is_named(int fd, int parent, const char *name)
{
	struct stat held, named;

	return !fstat(fd, &held) && !fstatat(parent, name, &named, AT_SYMLINK_NOFOLLOW) &&
	       held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

/* Open the folder `name` and lock it until the descriptor is closed. -1 when there is none, or
 * when another holds it and we do not `wait`. Where the file system knows no locks, it is only
 * opened. */
static int open_locked(int parent, const char *name, bool wait)
{
	for (;;) {
		_cleanup_close_ int fd =
		    openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		int failed;

		if (fd < 0)
			return -1;
		while ((failed = flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB))) && errno == EINTR)
			;
		if (failed && errno == EWOULDBLOCK)
			return -1;
		/* Another may have put something else there meanwhile. */
		if (is_named(fd, parent, name))
			return steal_fd(&fd);
	}
}

/* Make the new folder, locked. Returns its descriptor. */
static int make_new(const struct folder *folder, char **ret_name, struct err *e)
{
	for (;;) {
		_cleanup_free_ char *name = new_name(folder, e);
		int fd;

		if (!name)
			return -1;
		if (mkdirat(folder->parent, name, 0755)) {
			if (errno == EEXIST)
				continue;
			return err_errno(e, "make %s", name);
		}
		fd = open_locked(folder->parent, name, false);
		/* Another runner took it for left behind before it was locked. */
		if (fd < 0 && (errno == ENOENT || errno == EWOULDBLOCK))
			continue;
		if (fd < 0)
			return err_errno(e, "open %s", name);
		*ret_name = steal_ptr(&name);
		return fd;
	}
}

/* --- What was edited --- */

/* Move an edited file below look->kept, to where it was. */
static int keep_file(struct look *look, int dirfd, const char *name, struct err *e)
{
	const char *path = look->path.data, *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	_cleanup_close_ int fd = folder_make(look->kept, parent, 0755, e);

	if (fd < 0)
		return -1;
	if (renameat(dirfd, name, fd, name))
		return err_errno(e, "keep the edited file %s", path);
	return 0;
}

static int look_into(struct look *look, int fd, struct err *e);

static int look_at(struct look *look, int dirfd, const char *name, bool is_link, struct err *e)
{
	struct stat status;
	int fd;

	/* A link is edited by making another, which shows in the time of its folder. */
	if (look->kept < 0 && is_link)
		return 0;
	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", look->path.data);
	if (S_ISDIR(status.st_mode)) {
		fd = folder_open(dirfd, name, e);
		return fd < 0 ? -1 : look_into(look, fd, e);
	}
	if (status.st_mtime == look->mtime)
		return 0;
	look->any_edited = true;
	return look->kept < 0 ? 0 : keep_file(look, dirfd, name, e);
}

/* If anything in the folder at look->path was kept: that folder as this one was. */
static void set_kept_mode(const struct look *look, mode_t mode)
{
	struct err ignored;
	_cleanup_close_ int fd = folder_open_beneath(look->kept, look->path.data, &ignored);

	if (fd >= 0)
		fchmod(fd, mode & 07777);
}

/* Look into the folder at look->path. Everything was given one time when it was written: another
 * says "edited". */
static int look_into(struct look *look, int fd, struct err *e)
{
	_cleanup_closedir_ DIR *entries = fdopendir(fd);
	size_t length = look->path.length;
	struct dirent *entry;
	struct stat status;
	int more;

	if (!entries || fstat(fd, &status))
		return err_errno(e, "read %s", length ? look->path.data : "the folder");
	if (status.st_mtime != look->mtime)
		look->any_edited = true;
	if (look->kept >= 0 && (status.st_mode & 0700) != 0700)
		fchmod(fd, 0700); /* files are moved out of it */
	while ((more = folder_next(entries, buf_text(&look->path), &entry, e)) > 0) {
		/* The manifest is what says that this is a result: it is moved last. */
		if (!length && look->kept >= 0 && !strcmp(entry->d_name, MANIFEST))
			continue;
		buf_puts(&look->path, length ? "/" : "");
		buf_puts(&look->path, entry->d_name);
		if (look_at(look, fd, entry->d_name, entry->d_type == DT_LNK, e))
			return -1;
		look->path.length = length;
		look->path.data[length] = 0;
	}
	if (!more && look->kept >= 0 && length)
		set_kept_mode(look, status.st_mode);
	return more;
}

/* Look through the result `name`; with look->kept, move there what was edited in it. */
static int find_edits(
    const struct folder *folder, const char *name, struct look *look, struct err *e)
{
	_cleanup_close_ int fd = folder_open(folder->parent, name, e);
	int entries, result;

	if (fd < 0)
		return -1;
	look->mtime = -1;
	look->any_edited = !is_result(fd, &look->mtime);
	entries = folder_open(fd, ".", e);
	result = entries < 0 ? -1 : look_into(look, entries, e);
	if (!result && look->kept >= 0 && !faccessat(fd, MANIFEST, F_OK, AT_SYMLINK_NOFOLLOW)) {
		buf_puts(&look->path, MANIFEST);
		result = look_at(look, fd, MANIFEST, false, e);
	}
	buf_free(&look->path);
	return result;
}

/* Make a folder "<name>.edited-<n>" that is not there yet. Returns its descriptor. */
static int make_kept(const struct folder *folder, char **ret_name, struct err *e)
{
	for (unsigned n = 1; n < 10000; n++) {
		_cleanup_free_ char *name = xasprintf("%s.edited-%u", folder->name, n);
		int fd;

		if (mkdirat(folder->parent, name, 0755)) {
			if (errno == EEXIST)
				continue;
			return err_errno(e, "make %s", name);
		}
		fd = folder_open(folder->parent, name, e);
		if (fd >= 0)
			*ret_name = steal_ptr(&name);
		return fd;
	}
	return err_set(
	    e, "there are 9,999 folders of edited files beside %s; remove some", folder->path);
}

static int keep_edits(const struct folder *folder, const char *old, struct err *e)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_close_ int kept = make_kept(folder, &name, e);
	struct look look = {.kept = kept};
	int result;

	if (kept < 0)
		return -1;
	result = find_edits(folder, old, &look, e);
	/* Were only folders changed, nothing went there. */
	if (unlinkat(folder->parent, name, AT_REMOVEDIR))
		buf_printf(folder->kept, "%s%.*s%s", folder->kept->length ? ", " : "",
		    (int)(last_part(folder->path) - folder->path), folder->path, name);
	return result;
}

/* Keep what was edited in the result that stands at `old`, and remove the rest. */
static int retire(const struct folder *folder, const char *old, struct err *e)
{
	struct look look = {.kept = -1};

	if (find_edits(folder, old, &look, e) || (look.any_edited && keep_edits(folder, old, e)))
		return -1;
	return tree_remove(folder->parent, old, e);
}

/* --- What killed runners left --- */

/* A whole result may be the old one, with somebody's edits. */
static int tidy_one(const struct folder *folder, const char *name, struct err *e)
{
	_cleanup_close_ int fd = open_locked(folder->parent, name, false);
	int64_t mtime;

	/* Without locks nobody knows whose it is. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return 0;
	return is_result(fd, &mtime) ? retire(folder, name, e)
				     : tree_remove(folder->parent, name, e);
}

static void tidy(const struct folder *folder)
{
	int again = openat(folder->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *entries = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;
	struct err e;

	while (entries && (entry = readdir(entries))) {
		if (!is_new_name(folder, entry->d_name) || !tidy_one(folder, entry->d_name, &e))
			continue;
		err_wrap(&e, "%s, left by a build that was killed, stays", entry->d_name);
		build_notice(folder->build, e.text);
	}
}

/* --- The new one --- */

/* Copy `from`, of the folder `tree`, to into/<name>, as like/<name> may be; a link stays one. */
static int copy_entry(
    int tree, const char *from, int like, int into, const char *name, int64_t mtime, struct err *e)
{
	_cleanup_close_ int found = file_open_beneath(tree, from, O_PATH | O_NOFOLLOW, e), fd = -1;
	struct stat status;

	if (found < 0)
		return -1;
	if (fstat(found, &status))
		return err_errno(e, "look at %s", from);
	if (S_ISLNK(status.st_mode))
		return tree_copy_link(found, "", like, into, name, mtime, e);
	fd = file_open_beneath(tree, from, O_RDONLY | O_NOFOLLOW, e);
	if (fd < 0)
		return -1;
	return S_ISDIR(status.st_mode) ? tree_copy(fd, like, into, name, mtime, e)
				       : tree_copy_file(fd, into, name, mtime, e);
}

static int copy_export(const struct build *build, const struct exported *exported, int like,
    int into, const char *name, int64_t mtime, struct err *e)
{
	_cleanup_close_ int tree = -1;
	char path[96];

	store_tree_path(exported->tree, path);
	tree = folder_open(build->host.store->fd, path, e);
	return tree < 0 ? -1 : copy_entry(tree, exported->from, like, into, name, mtime, e);
}

/* Out of the last result or, where that has another or none, of the store. */
static int put_export(const struct build *build, const struct reuse *reuse,
    struct exported *exported, int into_fd, int64_t mtime, struct err *e)
{
	const char *name = last_part(exported->path);
	_cleanup_free_ char *folder =
	    name == exported->path ? xstrdup(".")
				   : xstrndup(exported->path, (size_t)(name - 1 - exported->path));
	_cleanup_close_ int parent = folder_make(into_fd, folder, 0755, e), last = -1;
	struct err none;

	if (parent < 0)
		return -1;
	if (!reuse_has(reuse, exported)) {
		if (reuse->folder >= 0)
			last = folder_open_beneath(reuse->folder, folder, &none);
		return copy_export(build, exported, last, parent, name, mtime, e);
	}
	exported->is_sure = true;
	if (reuse_link(reuse, exported, parent, name, mtime, e)) {
		e->errnum = 0; /* what the store holds is not to blame */
		return -1;
	}
	return 0;
}

static int discard(const struct build *build, const struct exported *damaged, struct err *e)
{
	if (store_tree_discard(build->host.store, damaged->tree, e))
		return err_wrap(e, "%s is damaged in the store", damaged->path);
	return err_kind(e, ERR_ENVIRONMENT,
	    "%s was damaged in the store %s: it is removed there, and has to be made again",
	    damaged->path, build->host.store->path);
}

static int check_copies(
    const struct build *build, const struct exported *exports, size_t count, int fd, struct err *e)
{
	const struct exported *damaged;

	if (manifest_check(build, exports, count, fd, &damaged, e))
		return err_wrap(e, "read back what was written");
	return damaged ? discard(build, damaged, e) : 0;
}

static int fill(const struct build *build, const struct reuse *reuse, struct exported *exports,
    size_t count, const struct buf *manifest, int fd, struct err *e)
{
	int64_t mtime = manifest_time(build);
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};

	for (size_t i = 0; i < count; i++)
		if (put_export(build, reuse, &exports[i], fd, mtime, e))
			return e->errnum == ENOENT ? discard(build, &exports[i], e)
						   : err_wrap(e, "export %s", exports[i].path);
	/* The folders that an export is in have the one time too. */
	for (size_t i = 0; i < count; i++)
		if (folder_set_times_above(fd, exports[i].path, times, e))
			return -1;
	if (check_copies(build, exports, count, fd, e))
		return -1;
	/* Last: only a whole folder has one. */
	if (file_replace(fd, MANIFEST, manifest->data, manifest->length, 0644, e))
		return -1;
	if (utimensat(fd, MANIFEST, times, 0) || futimens(fd, times))
		return err_errno(e, "set the time of " MANIFEST);
	return syncfs(fd) ? err_errno(e, "flush the files") : 0;
}

/* Two renames, for file systems without flags for them (NFS, 9p). A kill in between leaves both
 * folders for tidy(), and the next build makes the new one again. */
static int swap_in_steps(
    const struct folder *folder, const char *fresh, char **ret_old, struct err *e)
{
	_cleanup_free_ char *aside = new_name(folder, e);
	int parent = folder->parent;

	if (!aside)
		return -1;
	if (!renameat(parent, fresh, parent, folder->name))
		return 0; /* there was none */
	if ((errno != EEXIST && errno != ENOTEMPTY) ||
	    renameat(parent, folder->name, parent, aside))
		return err_errno(e, "put %s in its place", folder->path);
	if (renameat(parent, fresh, parent, folder->name)) {
		err_errno(e, "put %s in its place", folder->path);
		renameat(parent, aside, parent, folder->name);
		return -1;
	}
	*ret_old = steal_ptr(&aside);
	return 0;
}

/* Give the folder `fresh` the final name. *ret_old, when there was an old one, is the name that
 * it has now; the caller frees it. */
static int swap(const struct folder *folder, const char *fresh, char **ret_old, struct err *e)
{
	int parent = folder->parent;

	unlinkat(parent, folder->name, AT_REMOVEDIR); /* an empty one is no loss */
	if (!renameat2(parent, fresh, parent, folder->name, RENAME_NOREPLACE))
		return 0;
	if (errno == EEXIST && !renameat2(parent, fresh, parent, folder->name, RENAME_EXCHANGE)) {
		*ret_old = xstrdup(fresh);
		return 0;
	}
	if (errno == EINVAL || errno == ENOSYS)
		return swap_in_steps(folder, fresh, ret_old, e);
	return err_errno(e, "put %s in its place", folder->path);
}

/* Make the new one and give it the name. Returns its descriptor; *ret_old is as of swap(). */
static int put_new(const struct build *build, struct exported *exports, size_t count,
    const struct buf *manifest, const struct folder *folder, int old_fd, char **ret_old,
    struct err *e)
{
	_cleanup_free_ char *fresh = NULL;
	_cleanup_close_ int fd = make_new(folder, &fresh, e);
	struct reuse reuse;
	struct err ignored;
	int result;

	if (fd < 0)
		return -1;
	reuse_open(build, folder->path, old_fd, fd, &reuse);
	result = fill(build, &reuse, exports, count, manifest, fd, e);
	reuse_close(&reuse);
	if (!result && !check_replaceable(folder->parent, folder->name, folder->path, e) &&
	    !swap(folder, fresh, ret_old, e))
		return steal_fd(&fd);
	tree_remove(folder->parent, fresh, &ignored);
	return -1;
}

static int write_new(const struct build *build, struct exported *exports, size_t count,
    const struct buf *manifest, const struct folder *folder, struct err *e)
{
	_cleanup_free_ char *old = NULL;
	/* The old one is locked too, before it gets the other name. */
	_cleanup_close_ int old_fd = open_locked(folder->parent, folder->name, true);
	_cleanup_close_ int fd = put_new(build, exports, count, manifest, folder, old_fd, &old, e);

	if (fd < 0)
		return -1;
	if (old && retire(folder, old, e))
		return err_wrap(e,
		    "the new one is in place; what the old one held is beside it, in %s%s%s", old,
		    folder->kept->length ? " and " : "", buf_text(folder->kept));
	reuse_note(build, exports, count, folder->path, fd, manifest_time(build));
	return 0;
}

/* Is the manifest in the folder this one, with everything exported still there? What is missing
 * further down counts as an edit. */
static bool is_current(const struct folder *folder, const struct exported *exports, size_t count,
    const struct buf *manifest)
{
	_cleanup_free_ char *path = xasprintf("%s/" MANIFEST, folder->name);
	_cleanup_buf_ struct buf present = {0};
	struct err ignored;

	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *exported = xasprintf("%s/%s", folder->name, exports[i].path);

		if (faccessat(folder->parent, exported, F_OK, AT_SYMLINK_NOFOLLOW))
			return false;
	}
	return !file_read(folder->parent, path, MANIFEST_LIMIT, &present, &ignored) &&
	       present.length == manifest->length &&
	       !memcmp(present.data, manifest->data, manifest->length);
}

static int update(const struct build *build, struct exported *exports, size_t count,
    const struct folder *folder, struct export_outcome *outcome, struct err *e)
{
	_cleanup_buf_ struct buf manifest = {0};
	struct look look = {.kept = -1, .mtime = manifest_time(build)};
	int fd, result;

	tidy(folder);
	if (manifest_write(build, exports, count, &manifest, e))
		return -1;
	if (!is_current(folder, exports, count, &manifest)) {
		outcome->replaced = true;
		return write_new(build, exports, count, &manifest, folder, e);
	}
	fd = folder_open(folder->parent, folder->name, e);
	result = fd < 0 ? -1 : look_into(&look, fd, e);
	buf_free(&look.path);
	outcome->edited = look.any_edited;
	return result;
}

int export_build(
    struct build *build, const char *path, struct export_outcome *ret_outcome, struct err *e)
{
	const char *name = last_part(path);
	_cleanup_free_ char *parent = parent_of(path);
	_cleanup_close_ int parent_fd = folder_make(AT_FDCWD, parent, 0755, e);
	_cleanup_free_ struct exported *exports = NULL;
	const struct folder folder = {
	    .parent = parent_fd,
	    .name = name,
	    .path = path,
	    .build = build,
	    .kept = &ret_outcome->kept,
	};
	size_t count;

	*ret_outcome = (struct export_outcome){0};
	if (parent_fd < 0)
		return -1;
	exports = manifest_exports(build, &count);
	return update(build, exports, count, &folder, ret_outcome, e)
		   ? err_wrap(e, "write %s", path)
		   : 0;
}

bool export_is_tidy(const char *path)
{
	const struct folder folder = {.name = last_part(path)};
	_cleanup_free_ char *parent = parent_of(path);
	_cleanup_closedir_ DIR *entries = opendir(parent);
	struct dirent *entry;

	while (entries && (entry = readdir(entries)))
		if (is_new_name(&folder, entry->d_name))
			return false;
	return entries;
}
