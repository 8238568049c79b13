#include "build/export.h"
#include "build/manifest.h"

#include "base/file.h"
#include "base/memory.h"

#include <inttypes.h>
#include <string.h>

/* The folder being brought up to date: `name` in the folder `parent`. */
struct folder {
	int parent;
	const char *name;
	int64_t mtime; /* that every file and folder in it was given */
	bool any_edited;
	int kept; /* where edited files go; -1: only look */
};

static int split(const char *path, struct folder *folder, char **ret_parent, struct err *e)
{
	const char *slash = strrchr(path, '/');

	*ret_parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	folder->name = slash ? slash + 1 : path;
	folder->parent = folder_make(AT_FDCWD, **ret_parent ? *ret_parent : "/", 0755, e);
	return folder->parent < 0 ? -1 : 0;
}

/* Move an edited file below folder->kept, to where it was: `path`, relative. */
static int keep_file(
    struct folder *folder, int dirfd, const char *name, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	_cleanup_close_ int fd = folder_make(folder->kept, parent, 0755, e);

	if (fd < 0)
		return -1;
	if (renameat(dirfd, name, fd, name))
		return err_errno(e, "keep the edited file %s", path);
	return 0;
}

static int look_at(
    struct folder *folder, int dirfd, const char *name, const char *path, struct err *e);

/* Everything was given one time when it was written: another says "edited". */
static int look_into(struct folder *folder, int fd, const char *path, struct err *e)
{
	_cleanup_closedir_ DIR *entries = fdopendir(fd);
	struct dirent *entry;
	struct stat status;

	if (!entries)
		return err_errno(e, "read %s", path);
	if (!fstat(dirfd(entries), &status) && status.st_mtime != folder->mtime)
		folder->any_edited = true;
	while ((entry = readdir(entries))) {
		_cleanup_free_ char *below = NULL;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		below = xasprintf("%s%s%s", path, *path ? "/" : "", entry->d_name);
		if (look_at(folder, dirfd(entries), entry->d_name, below, e))
			return -1;
	}
	return 0;
}

static int look_at(
    struct folder *folder, int dirfd, const char *name, const char *path, struct err *e)
{
	struct stat status;
	int fd;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", path);
	if (S_ISDIR(status.st_mode)) {
		fd = folder_open(dirfd, name, e);
		return fd < 0 ? -1 : look_into(folder, fd, path, e);
	}
	if (status.st_mtime == folder->mtime)
		return 0;
	folder->any_edited = true;
	return folder->kept < 0 ? 0 : keep_file(folder, dirfd, name, path, e);
}

/* Has anything below folder->name been edited? With folder->kept, move it there. */
static int find_edits(struct folder *folder, const char *name, struct err *e)
{
	int fd = folder_open(folder->parent, name, e);

	return fd < 0 ? -1 : look_into(folder, fd, "", e);
}

static int copy_export(const struct build *build, const struct exported *exported, int into_fd,
    int64_t mtime, struct err *e)
{
	_cleanup_close_ int tree = -1, from = -1, parent = -1;
	_cleanup_free_ char *folder = NULL;
	char path[96];
	struct stat status;
	const char *slash = strrchr(exported->path, '/');

	store_tree_path(exported->tree, path);
	tree = folder_open(build->host.store->fd, path, e);
	if (tree < 0 || (from = file_open_beneath(tree, exported->from, O_RDONLY, e)) < 0)
		return -1;
	if (fstat(from, &status))
		return err_errno(e, "look at %s", exported->from);
	folder = slash ? xstrndup(exported->path, (size_t)(slash - exported->path)) : xstrdup(".");
	parent = folder_make(into_fd, folder, 0755, e);
	if (parent < 0)
		return -1;
	slash = slash ? slash + 1 : exported->path;
	return S_ISDIR(status.st_mode) ? tree_copy(from, parent, slash, mtime, e)
				       : tree_copy_file(from, parent, slash, mtime, e);
}

static int write_folder(const struct build *build, const struct exported *exports, size_t count,
    const struct buf *manifest, struct folder *folder, const char *name, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = folder->mtime}, {.tv_sec = folder->mtime}};
	_cleanup_close_ int fd = -1;

	if (tree_remove(folder->parent, name, e) ||
	    (fd = folder_make(folder->parent, name, 0755, e)) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (copy_export(build, &exports[i], fd, folder->mtime, e))
			return err_wrap(e, "export %s", exports[i].path);
	if (file_replace(fd, "manifest.json", manifest->data, manifest->length, 0644, e))
		return -1;
	if (utimensat(fd, "manifest.json", times, 0) || futimens(fd, times))
		return err_errno(e, "set the time of manifest.json");
	if (syncfs(fd))
		return err_errno(e, "flush %s", name);
	return 0;
}

/* A folder "<name>.edited-<n>" that is not there yet. */
static int make_kept(
    struct folder *folder, const char *path, char *ret_path, size_t size, struct err *e)
{
	for (unsigned n = 1; n < 10000; n++) {
		_cleanup_free_ char *name = xasprintf("%s.edited-%u", folder->name, n);

		if (!mkdirat(folder->parent, name, 0755)) {
			snprintf(ret_path, size, "%s.edited-%u", path, n);
			folder->kept = folder_open(folder->parent, name, e);
			return folder->kept < 0 ? -1 : 0;
		}
		if (errno != EEXIST)
			return err_errno(e, "make %s", name);
	}
	return err_set(e, "there are 9,999 folders of edited files beside %s; remove some", path);
}

/* The old folder stands at `name` now: keep what was edited in it, remove the rest. */
static int retire(struct folder *folder, const char *name, const char *path,
    struct export_outcome *outcome, struct err *e)
{
	folder->any_edited = false;
	folder->kept = -1;
	if (find_edits(folder, name, e))
		return -1;
	if (folder->any_edited) {
		if (make_kept(folder, path, outcome->kept, sizeof(outcome->kept), e) ||
		    find_edits(folder, name, e))
			return -1;
		/* Only folders had changed: nothing went there. */
		close(steal_fd(&folder->kept));
		if (!rmdir(outcome->kept))
			outcome->kept[0] = 0;
	}
	return tree_remove(folder->parent, name, e);
}

static int put_in_place(struct folder *folder, const char *fresh, const char *path,
    struct export_outcome *outcome, struct err *e)
{
	outcome->replaced = true;
	if (!renameat2(folder->parent, fresh, folder->parent, folder->name, RENAME_NOREPLACE))
		return 0;
	if (errno != EEXIST ||
	    renameat2(folder->parent, fresh, folder->parent, folder->name, RENAME_EXCHANGE))
		return err_errno(e, "put %s in its place", path);
	if (retire(folder, fresh, path, outcome, e))
		return err_wrap(
		    e, "the new one is in place, and what the old one held is in %s", fresh);
	return 0;
}

/* Is the manifest in the folder this one, with everything exported still there? What is missing
 * further down counts as an edit. */
static bool is_current(
    struct folder *folder, const struct exported *exports, size_t count, const struct buf *manifest)
{
	_cleanup_free_ char *path = xasprintf("%s/manifest.json", folder->name);
	_cleanup_buf_ struct buf present = {0};
	struct err ignored;

	for (size_t i = 0; i < count; i++) {
		_cleanup_free_ char *exported = xasprintf("%s/%s", folder->name, exports[i].path);

		if (faccessat(folder->parent, exported, F_OK, AT_SYMLINK_NOFOLLOW))
			return false;
	}
	return !file_read(folder->parent, path, 64UL << 20, &present, &ignored) &&
	       present.length == manifest->length &&
	       !memcmp(present.data, manifest->data, manifest->length);
}

static int64_t epoch_of(const struct build *build)
{
	const char *text = target_fact(&build->options->plan->target, "SOURCE_DATE_EPOCH");

	return text ? strtoll(text, NULL, 10) : TREE_MTIME;
}

static int update(const struct build *build, const struct exported *exports, size_t count,
    struct folder *folder, const char *path, struct export_outcome *outcome, struct err *e)
{
	_cleanup_free_ char *fresh = xasprintf(".%s.new-%d", folder->name, (int)getpid());
	_cleanup_buf_ struct buf manifest = {0};
	struct err ignored;

	if (manifest_write(build, exports, count, &manifest, e))
		return -1;
	if (is_current(folder, exports, count, &manifest)) {
		if (find_edits(folder, folder->name, e))
			return -1;
		outcome->edited = folder->any_edited;
		return 0;
	}
	if (write_folder(build, exports, count, &manifest, folder, fresh, e)) {
		tree_remove(folder->parent, fresh, &ignored);
		return -1;
	}
	return put_in_place(folder, fresh, path, outcome, e);
}

int export_build(
    const struct build *build, const char *path, struct export_outcome *ret_outcome, struct err *e)
{
	struct folder folder = {.parent = -1, .kept = -1, .mtime = epoch_of(build)};
	_cleanup_free_ struct exported *exports = NULL;
	_cleanup_free_ char *parent = NULL;
	size_t count;
	int result;

	*ret_outcome = (struct export_outcome){0};
	if (split(path, &folder, &parent, e))
		return -1;
	exports = manifest_exports(build, &count);
	result = update(build, exports, count, &folder, path, ret_outcome, e);
	close(folder.parent);
	return result ? err_wrap(e, "write %s", path) : 0;
}
