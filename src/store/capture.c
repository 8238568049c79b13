#include "store/tree.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/words.h"

#include <string.h>

const struct timespec tree_times[2] = {{.tv_sec = TREE_MTIME}, {.tv_sec = TREE_MTIME}};

static const struct tree_limits defaults = {
    .bytes = 16ULL << 30,
    .entries = 2000000,
    .depth = 64,
    .path = 2048,
};

struct tree_limits tree_limits_or_default(const struct tree_limits *asked)
{
	struct tree_limits limits = defaults;

	if (asked->bytes)
		limits.bytes = asked->bytes;
	if (asked->entries)
		limits.entries = asked->entries;
	if (asked->depth)
		limits.depth = asked->depth;
	if (asked->path)
		limits.path = asked->path;
	return limits;
}

/* A walk through a folder. With `into` -1 it only looks. */
struct walk {
	struct tree *tree;
	struct tree_limits limits;
	bool opens_up; /* what forbids reading */
	uint64_t bytes;
	unsigned depth;
	struct buf path; /* of the entry at hand, from the root of the walk */
};

static const char *type_name(mode_t mode)
{
	if (S_ISFIFO(mode))
		return "a fifo";
	if (S_ISSOCK(mode))
		return "a socket";
	return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "of an unknown type";
}

static int check_entry(struct walk *w, struct err *e)
{
	if (w->path.length > w->limits.path)
		return err_set(
		    e, "the path %.200s… is longer than %u bytes", w->path.data, w->limits.path);
	if (w->tree->count >= w->limits.entries)
		return err_set(e, "there are more than %llu files and folders",
		    (unsigned long long)w->limits.entries);
	return 0;
}

/* Read a file to its end, hashing it, and write it to `to` unless that is -1. */
static int read_through(struct walk *w, int from, int to, struct tree_entry *entry, struct err *e)
{
	static _Thread_local char chunk[1 << 18];
	struct digest_stream stream;
	uint64_t size = 0;
	ssize_t got;

	digest_begin(&stream);
	while ((got = read(from, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read %s", w->path.data);
		size += (uint64_t)got;
		if (w->bytes + size > w->limits.bytes)
			return err_set(e, "it holds more than %llu bytes",
			    (unsigned long long)w->limits.bytes);
		digest_add(&stream, chunk, (size_t)got);
		if (to >= 0 && file_write_all(to, chunk, (size_t)got, w->path.data, e))
			return -1;
	}
	w->bytes += size;
	entry->size = size;
	entry->digest = digest_end(&stream);
	return 0;
}

static int visit_file(
    struct walk *w, int fd, mode_t mode, int into, const char *name, struct err *e)
{
	struct tree_entry *entry = tree_add(w->tree, mode & S_IXUSR ? 'x' : 'f', w->path.data);
	_cleanup_close_ int to = -1;

	if (into >= 0) {
		to = openat(into, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    mode & S_IXUSR ? 0755 : 0644);
		if (to < 0)
			return err_errno(e, "create the copy of %s", w->path.data);
	}
	if (read_through(w, fd, to, entry, e))
		return -1;
	if (to >= 0 && futimens(to, tree_times))
		return err_errno(e, "set the time of %s", w->path.data);
	return 0;
}

static int visit_link(struct walk *w, int folder, int into, const char *name, struct err *e)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(folder, name, target, sizeof(target) - 1);

	if (length < 0)
		return err_errno(e, "read the link %s", w->path.data);
	target[length] = 0;
	tree_add(w->tree, 'l', w->path.data)->target = xstrdup(target);
	if (into < 0)
		return 0;
	if (symlinkat(target, into, name))
		return err_errno(e, "copy the link %s", w->path.data);
	if (utimensat(into, name, tree_times, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "set the time of %s", w->path.data);
	return 0;
}

static int walk_folder(struct walk *w, int fd, const char *const *include, int into, struct err *e);

static int visit_folder(struct walk *w, int fd, int into, const char *name, struct err *e)
{
	_cleanup_close_ int copy = -1;

	tree_add(w->tree, 'd', w->path.data);
	if (++w->depth > w->limits.depth)
		return err_set(
		    e, "folders are nested deeper than %u at %s", w->limits.depth, w->path.data);
	if (into >= 0) {
		if (mkdirat(into, name, 0755))
			return err_errno(e, "make the copy of %s", w->path.data);
		copy = folder_open(into, name, e);
		if (copy < 0)
			return -1;
	}
	if (walk_folder(w, fd, NULL, copy, e))
		return -1;
	w->depth--;
	return 0;
}

/* What an entry is, is asked of the descriptor that is then read: it cannot become something
 * else in between. */
static int visit(struct walk *w, int folder, const char *name, int into, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (check_entry(w, e))
		return -1;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", w->path.data);
	if (S_ISLNK(status.st_mode))
		return visit_link(w, folder, into, name, e);
	if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
		return err_set(e,
		    "%s is %s; only files, folders and links can be kept (device nodes of an image "
		    "come "
		    "from its device table)",
		    w->path.data, type_name(status.st_mode));
	/* A build may forbid entry even to its owner. */
	if (w->opens_up && S_ISDIR(status.st_mode) && (status.st_mode & 0500) != 0500)
		fchmodat(folder, name, (status.st_mode & 0777) | 0500, 0);
	else if (w->opens_up && S_ISREG(status.st_mode) && !(status.st_mode & S_IRUSR))
		fchmodat(folder, name, status.st_mode | S_IRUSR, 0);
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status))
		return err_errno(e, "open %s", w->path.data);
	if (S_ISDIR(status.st_mode))
		return visit_folder(w, fd, into, name, e);
	if (!S_ISREG(status.st_mode))
		return err_set(e, "%s changed while it was read", w->path.data);
	return visit_file(w, fd, status.st_mode, into, name, e);
}

static bool is_included(const char *name, const char *const *include)
{
	for (; include && *include; include++)
		if (!strcmp(name, *include))
			return true;
	return !include;
}

static int walk_folder(struct walk *w, int fd, const char *const *include, int into, struct err *e)
{
	size_t length = w->path.length;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_closedir_ DIR *folder = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (!folder)
		return err_errno(e, "read the folder %s", buf_text(&w->path));
	rewinddir(folder);
	while ((entry = readdir(folder))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    (include && !is_included(entry->d_name, include)))
			continue;
		buf_printf(&w->path, "%s%s", length ? "/" : "", entry->d_name);
		if (visit(w, fd, entry->d_name, into, e))
			return -1;
		w->path.length = length;
		w->path.data[length] = 0;
	}
	if (into >= 0 && futimens(into, tree_times))
		return err_errno(e, "set the time of %s", buf_text(&w->path));
	return 0;
}

static int walk_all(struct walk walk, int from_fd, const char *const *include, int into_fd,
    struct tree *ret_tree, struct err *e)
{
	struct tree tree = {0};
	int result;

	walk.tree = &tree;
	result = walk_folder(&walk, from_fd, include, into_fd, e);
	buf_free(&walk.path);
	if (result) {
		make_printable(e->text); /* names in it are the build's */
		tree_free(&tree);
	} else
		*ret_tree = tree;
	return result;
}

int tree_capture(int from_fd, const char *const *include, int into_fd,
    const struct tree_limits *limits, struct tree *ret_tree, struct err *e)
{
	const struct walk walk = {.limits = tree_limits_or_default(limits), .opens_up = true};

	return walk_all(walk, from_fd, include, into_fd, ret_tree, e);
}

int tree_import(int from_fd, const char *const *include, int into_fd,
    const struct tree_limits *limits, struct tree *ret_tree, struct err *e)
{
	const struct walk walk = {.limits = tree_limits_or_default(limits)};

	return walk_all(walk, from_fd, include, into_fd, ret_tree, e);
}

int tree_scan(int fd, const struct tree_limits *limits, struct tree *ret_tree, struct err *e)
{
	return tree_import(fd, NULL, -1, limits, ret_tree, e);
}

static int copy_entry(int from, int into, const char *name, int64_t mtime, struct err *e);

static int copy_folder(int from, int into, const char *name, int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	_cleanup_close_ int fd = -1;
	int again = fcntl(from, F_DUPFD_CLOEXEC, 0);
	_cleanup_closedir_ DIR *folder = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!folder)
		return err_errno(e, "read %s", name);
	rewinddir(folder); /* the descriptor may have been read before */
	if (mkdirat(into, name, 0755))
		return err_errno(e, "make the folder %s", name);
	fd = folder_open(into, name, e);
	if (fd < 0)
		return -1;
	while ((entry = readdir(folder))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (copy_entry(from, fd, entry->d_name, mtime, e))
			return err_wrap(e, "%s", name);
	}
	return futimens(fd, times) ? err_errno(e, "set the time of %s", name) : 0;
}

int tree_copy_link(
    int from_fd, const char *from_name, int into_fd, const char *name, int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	char target[PATH_MAX];
	ssize_t length = readlinkat(from_fd, from_name, target, sizeof(target) - 1);

	if (length < 0)
		return err_errno(e, "read the link %s", name);
	target[length] = 0;
	if (symlinkat(target, into_fd, name) ||
	    utimensat(into_fd, name, times, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "copy the link %s", name);
	return 0;
}

int tree_copy_file(int from_fd, int into_fd, const char *name, int64_t mtime, struct err *e)
{
	const struct timespec times[2] = {{.tv_sec = mtime}, {.tv_sec = mtime}};
	_cleanup_close_ int fd = -1;
	struct stat status;

	if (fstat(from_fd, &status))
		return err_errno(e, "look at %s", name);
	fd = openat(into_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    status.st_mode & 0777);
	if (fd < 0)
		return err_errno(e, "create %s", name);
	if (file_copy(from_fd, fd, name, e))
		return -1;
	/* The caller's umask had its say. */
	if (fchmod(fd, status.st_mode & 0777) || futimens(fd, times))
		return err_errno(e, "set mode and time of %s", name);
	return 0;
}

static int copy_entry(int from, int into, const char *name, int64_t mtime, struct err *e)
{
	_cleanup_close_ int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd < 0 && errno == ELOOP)
		return tree_copy_link(from, name, into, name, mtime, e);
	if (fd < 0 || fstat(fd, &status))
		return err_errno(e, "open %s", name);
	return S_ISDIR(status.st_mode) ? copy_folder(fd, into, name, mtime, e)
				       : tree_copy_file(fd, into, name, mtime, e);
}

int tree_copy(int from_fd, int into_fd, const char *name, int64_t mtime, struct err *e)
{
	return copy_folder(from_fd, into_fd, name, mtime, e);
}
