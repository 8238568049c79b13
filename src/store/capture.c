#include "store/tree.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/words.h"

#include <pthread.h>
#include <string.h>

#define LARGE (1UL << 20) /* bytes, for which a thread is worth its start */

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

/*
 * A walk through a folder, and then the reading of its files, by several threads at once. With
 * `into` -1 they only look. What an entry was when the walk came by decides nothing: each file is
 * opened beneath `from`, and its descriptor is asked again.
 */
struct walk {
	struct tree *tree;
	struct tree_limits limits;
	bool opens_up; /* what forbids reading */
	int from, into;
	unsigned depth;
	struct buf path; /* of the entry at hand, from the root of the walk */
	size_t *files;	 /* the numbers of the entries that are files */
	size_t file_count;
	/* Of all threads, by `lock`: */
	pthread_mutex_t lock;
	uint64_t bytes;
	bool failed;
	struct err *error;
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

/* Count the bytes of a file, or those by which it has grown since. */
static int count_bytes(struct walk *w, uint64_t more, struct err *e)
{
	uint64_t bytes;

	pthread_mutex_lock(&w->lock);
	bytes = w->bytes += more;
	pthread_mutex_unlock(&w->lock);
	return bytes <= w->limits.bytes ? 0
					: err_set(e, "it holds more than %llu bytes",
					      (unsigned long long)w->limits.bytes);
}

/* It is read when all have been found. */
static int visit_file(struct walk *w, const struct stat *status, struct err *e)
{
	struct tree_entry *entry =
	    tree_add(w->tree, status->st_mode & S_IXUSR ? 'x' : 'f', w->path.data);

	entry->size = (uint64_t)status->st_size;
	w->files = xgrow(w->files, w->file_count, sizeof(*w->files));
	w->files[w->file_count++] = w->tree->count - 1;
	return count_bytes(w, entry->size, e);
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

/* A build may forbid entry even to its owner. */
static void open_up(int folder, const char *name, mode_t mode)
{
	if (S_ISDIR(mode) && (mode & 0500) != 0500)
		mode_try(folder, name, (mode & 0777) | 0500);
	else if (S_ISREG(mode) && !(mode & S_IRUSR))
		mode_try(folder, name, mode | S_IRUSR);
}

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
	if (w->opens_up)
		open_up(folder, name, status.st_mode);
	if (S_ISREG(status.st_mode))
		return visit_file(w, &status, e);
	fd = folder_open(folder, name, e);
	return fd < 0 ? -1 : visit_folder(w, fd, into, name, e);
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
	int more;

	if (!folder)
		return err_errno(e, "read the folder %s", buf_text(&w->path));
	rewinddir(folder);
	while ((more = folder_next(folder, buf_text(&w->path), &entry, e)) > 0) {
		if (include && !is_included(entry->d_name, include))
			continue;
		buf_printf(&w->path, "%s%s", length ? "/" : "", entry->d_name);
		if (visit(w, fd, entry->d_name, into, e))
			return -1;
		w->path.length = length;
		w->path.data[length] = 0;
	}
	return more;
}

#define PAGE 4096

static bool is_zero(const char *bytes, size_t length)
{
	return !*bytes && !memcmp(bytes, bytes + 1, length - 1);
}

/* Pages of zeros stay holes: an image of a disk is mostly empty, and need not be written so.
 * *ret_is_hole: the file's size has to be set, as it ends in one so far. */
static int write_sparsely(
    int fd, const char *bytes, size_t length, bool *ret_is_hole, const char *path, struct err *e)
{
	size_t start = 0, end;
	bool is_hole = *ret_is_hole;

	for (; start < length; start = end) {
		is_hole = length - start >= PAGE && is_zero(bytes + start, PAGE);
		for (end = start + PAGE; end < length; end += PAGE)
			if ((length - end >= PAGE && is_zero(bytes + end, PAGE)) != is_hole)
				break;
		if (end > length)
			end = length;
		if (is_hole ? lseek(fd, (off_t)(end - start), SEEK_CUR) < 0
			    : file_write_all(fd, bytes + start, end - start, path, e))
			return is_hole ? err_errno(e, "skip a hole in %s", path) : -1;
	}
	*ret_is_hole = is_hole;
	return 0;
}

/* Read a file to its end, hashing it, and write it to `to` unless that is -1. */
static int read_through(struct walk *w, int from, int to, struct tree_entry *entry, struct err *e)
{
	static _Thread_local char chunk[1 << 18];
	struct digest_stream stream;
	bool ends_in_hole = false;
	uint64_t size = 0;
	ssize_t got;

	digest_begin(&stream);
	while ((got = read(from, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read %s", entry->path);
		size += (uint64_t)got;
		if (size > entry->size) {
			if (count_bytes(w, size - entry->size, e))
				return -1;
			entry->size = size;
		}
		digest_add(&stream, chunk, (size_t)got);
		if (to >= 0 &&
		    write_sparsely(to, chunk, (size_t)got, &ends_in_hole, entry->path, e))
			return -1;
	}
	if (ends_in_hole && ftruncate(to, (off_t)size))
		return err_errno(e, "set the size of %s", entry->path);
	entry->size = size;
	entry->digest = digest_end(&stream);
	return 0;
}

static int read_file(struct walk *w, struct tree_entry *entry, struct err *e)
{
	_cleanup_close_ int from =
	    file_open_beneath(w->from, entry->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, e);
	_cleanup_close_ int to = -1;
	struct stat status;

	if (from < 0)
		return -1;
	if (fstat(from, &status) || !S_ISREG(status.st_mode))
		return err_set(e, "%s changed while it was read", entry->path);
	if (w->into >= 0) {
		to = file_create_beneath(w->into, entry->path, entry->type == 'x' ? 0755 : 0644, e);
		if (to < 0) {
			errno = e->errnum;
			return err_errno(e, "create the copy of %s", entry->path);
		}
	}
	if (read_through(w, from, to, entry, e))
		return -1;
	if (to >= 0 && futimens(to, tree_times))
		return err_errno(e, "set the time of %s", entry->path);
	return 0;
}

static bool has_failed(struct walk *w)
{
	bool failed;

	pthread_mutex_lock(&w->lock);
	failed = w->failed;
	pthread_mutex_unlock(&w->lock);
	return failed;
}

static void read_one(void *context, size_t i)
{
	struct walk *w = context;
	struct err e = {0};

	if (has_failed(w) || !read_file(w, &w->tree->entries[w->files[i]], &e))
		return;
	pthread_mutex_lock(&w->lock);
	if (!w->failed)
		*w->error = e;
	w->failed = true;
	pthread_mutex_unlock(&w->lock);
}

/* Large ones first, so that no thread is left with one at the end; the others as they lie. */
static int in_order(const void *a, const void *b, void *context)
{
	const size_t one = *(const size_t *)a, other = *(const size_t *)b;
	const struct walk *w = context;
	uint64_t size = w->tree->entries[one].size, other_size = w->tree->entries[other].size;

	if ((size >= LARGE || other_size >= LARGE) && size != other_size)
		return size > other_size ? -1 : 1;
	return one < other ? -1 : one > other;
}

static int read_files(struct walk *w, struct err *e)
{
	w->error = e;
	if (w->bytes < LARGE)
		for (size_t i = 0; i < w->file_count; i++)
			read_one(w, i);
	else {
		qsort_r(w->files, w->file_count, sizeof(*w->files), in_order, w);
		parallel_for(w->file_count, read_one, w);
	}
	return w->failed ? -1 : 0;
}

/* When nothing is put into them any more. */
static int set_folder_times(struct walk *w, struct err *e)
{
	for (size_t i = 0; i < w->tree->count; i++)
		if (w->tree->entries[i].type == 'd' &&
		    folder_set_times(w->into, w->tree->entries[i].path, tree_times, e))
			return -1;
	return futimens(w->into, tree_times) ? err_errno(e, "set the time of the folder") : 0;
}

static int walk_all(struct walk walk, int from_fd, const char *const *include, int into_fd,
    struct tree *ret_tree, struct err *e)
{
	struct tree tree = {0};
	int result;

	walk.tree = &tree;
	walk.from = from_fd;
	walk.into = into_fd;
	pthread_mutex_init(&walk.lock, NULL);
	result = walk_folder(&walk, from_fd, include, into_fd, e);
	if (!result)
		result = read_files(&walk, e);
	if (!result && into_fd >= 0)
		result = set_folder_times(&walk, e);
	pthread_mutex_destroy(&walk.lock);
	buf_free(&walk.path);
	free(walk.files);
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
