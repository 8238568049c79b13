#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"

#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#define READ_SIZE 65536 /* bytes at once, of what does not say how many it holds */

int file_write_all(int fd, const void *bytes, size_t length, const char *what, struct err *e)
{
	const char *next = bytes;

	while (length) {
		ssize_t written = write(fd, next, length);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_errno(e, "write %s", what);
		next += written;
		length -= (size_t)written;
	}
	return 0;
}

int file_read(int dirfd, const char *path, size_t limit, struct buf *ret_content, struct err *e)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return err_errno(e, "open %s", path);
	return file_read_fd(fd, path, limit, ret_content, e);
}

/* Append all to the content. */
static int read_all(int fd, const char *path, size_t limit, const struct stat *status,
    struct buf *content, struct err *e)
{
	/* Files of /proc say that they are empty. */
	bool has_size = S_ISREG(status->st_mode) && status->st_size > 0;
	size_t room =
	    has_size && (size_t)status->st_size < limit ? (size_t)status->st_size + 1 : READ_SIZE;
	size_t start = content->length;

	for (;;) {
		ssize_t got = read(fd, buf_reserve(content, room), room);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read %s", path);
		content->length += (size_t)got;
		if (content->length - start > limit)
			return err_kind(
			    e, ERR_INPUT, "read %s: larger than %zu bytes", path, limit);
		/* Of a file with a size, less than was asked for is what was left. */
		if (!got || (has_size && (size_t)got < room))
			return 0;
		room = READ_SIZE;
	}
}

int file_read_status(int fd, const char *path, size_t limit, struct buf *ret_content,
    struct stat *ret_status, struct err *e)
{
	size_t length = ret_content->length;
	struct stat status;
	int result;

	if (fstat(fd, &status))
		return err_errno(e, "look at %s", path);
	result = read_all(fd, path, limit, &status, ret_content, e);
	if (result)
		ret_content->length = length;
	else
		*ret_status = status;
	*buf_reserve(ret_content, 0) = 0;
	return result;
}

int file_read_fd(int fd, const char *path, size_t limit, struct buf *ret_content, struct err *e)
{
	struct stat status;

	return file_read_status(fd, path, limit, ret_content, &status, e);
}

/* Where the kernel copies nothing itself: between file systems, mostly. */
static int copy_by_hand(
    int from_fd, int to_fd, off_t start, off_t end, const char *name, struct err *e)
{
	char chunk[65536];

	while (start < end) {
		size_t wanted =
		    end - start > (off_t)sizeof(chunk) ? sizeof(chunk) : (size_t)(end - start);
		ssize_t got = pread(from_fd, chunk, wanted, start);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read %s", name);
		if (!got)
			return err_set(e, "copy %s: it became shorter meanwhile", name);
		if (lseek(to_fd, start, SEEK_SET) < 0)
			return err_errno(e, "write %s", name);
		if (file_write_all(to_fd, chunk, (size_t)got, name, e))
			return -1;
		start += got;
	}
	return 0;
}

static int copy_range(
    int from_fd, int to_fd, off_t start, off_t end, const char *name, struct err *e)
{
	off_t to = start;

	while (start < end) {
		ssize_t copied =
		    copy_file_range(from_fd, &start, to_fd, &to, (size_t)(end - start), 0);

		if (copied < 0 && errno == EINTR)
			continue;
		if (copied <= 0)
			return copy_by_hand(from_fd, to_fd, start, end, name, e);
	}
	return 0;
}

int file_copy(int from_fd, int to_fd, const char *name, struct err *e)
{
	struct stat status;
	off_t start = 0, end;

	if (!ioctl(to_fd, FICLONE, from_fd))
		return 0;
	if (fstat(from_fd, &status) || ftruncate(to_fd, status.st_size))
		return err_errno(e, "copy %s", name);
	while ((start = lseek(from_fd, start, SEEK_DATA)) >= 0) {
		end = lseek(from_fd, start, SEEK_HOLE);
		if (end < 0 || copy_range(from_fd, to_fd, start, end, name, e))
			return end < 0 ? err_errno(e, "copy %s", name) : -1;
		start = end;
	}
	return errno == ENXIO ? 0 : err_errno(e, "copy %s", name);
}

/* Create a file beside `path` under a name of its own. At random, not by process id: runners in
 * different containers may have the same one. Returns the descriptor. */
static int create_temporary(
    int dirfd, const char *path, mode_t mode, char **ret_temporary, struct err *e)
{
	for (;;) {
		_cleanup_free_ char *name = NULL;
		unsigned long long random;
		int fd;

		if (random_get(&random, sizeof(random), e))
			return -1;
		name = xasprintf("%s.%016llx.tmp", path, random);
		fd =
		    openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return err_errno(e, "create %s", name);
		*ret_temporary = steal_ptr(&name);
		return fd;
	}
}

static int write_new(int fd, const char *path, const void *bytes, size_t length, mode_t mode,
    bool is_flushed, struct err *e)
{
	if (file_write_all(fd, bytes, length, path, e))
		return -1;
	if (fchmod(fd, mode))
		return err_errno(e, "set the mode of %s", path);
	if (is_flushed && fsync(fd))
		return err_errno(e, "flush %s", path);
	return 0;
}

/* A rename is on disk only when the folder that holds the name is. */
static int sync_parent(int dirfd, const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent =
	    slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	_cleanup_close_ int fd = openat(dirfd, parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd))
		return err_errno(e, "flush the folder of %s", path);
	return 0;
}

static int replace(int dirfd, const char *path, const void *bytes, size_t length, mode_t mode,
    bool is_flushed, struct err *e)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = create_temporary(dirfd, path, mode, &temporary, e);

	if (fd < 0)
		return -1;
	if (write_new(fd, temporary, bytes, length, mode, is_flushed, e)) {
		unlinkat(dirfd, temporary, 0);
		return -1;
	}
	if (renameat(dirfd, temporary, dirfd, path)) {
		err_errno(e, "rename %s to %s", temporary, path);
		unlinkat(dirfd, temporary, 0);
		return -1;
	}
	return is_flushed ? sync_parent(dirfd, path, e) : 0;
}

int file_replace(
    int dirfd, const char *path, const void *bytes, size_t length, mode_t mode, struct err *e)
{
	return replace(dirfd, path, bytes, length, mode, true, e);
}

int file_put(
    int dirfd, const char *path, const void *bytes, size_t length, mode_t mode, struct err *e)
{
	return replace(dirfd, path, bytes, length, mode, false, e);
}

int folder_open(int dirfd, const char *path, struct err *e)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "open the folder %s", path) : fd;
}

int folder_next(DIR *folder, const char *name, struct dirent **ret_entry, struct err *e)
{
	struct dirent *entry;

	do {
		errno = 0;
		entry = readdir(folder);
	} while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
	if (!entry)
		return errno ? err_errno(e, "read the folder %s", name) : 0;
	*ret_entry = entry;
	return 1;
}

int folder_make(int dirfd, const char *path, mode_t mode, struct err *e)
{
	_cleanup_free_ char *prefix = xstrdup(path);

	for (char *end = prefix + strspn(prefix, "/"); *end; end += strspn(end, "/")) {
		char kept;

		end += strcspn(end, "/");
		kept = *end;
		*end = 0;
		if (mkdirat(dirfd, prefix, mode) && errno != EEXIST)
			return err_errno(e, "make the folder %s", prefix);
		*end = kept;
	}
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(e, "open the folder %s", path) : fd;
}

/* Folders below each other that are gone down into; deeper ones are moved up first, so that
 * neither the stack nor the descriptors run out, however deep a build has gone. */
#define REMOVE_DEPTH 64

struct removal {
	int top;	 /* the folder that everything is in */
	unsigned serial; /* of the next name for what is moved up into it */
};

static int open_to_empty(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == EACCES && !fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW))
		fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd;
}

void mode_try(int dirfd, const char *name, mode_t mode)
{
	if (fchmodat(dirfd, name, mode, AT_SYMLINK_NOFOLLOW))
		return; /* not the right place to say so */
}

/* Move a folder up, under a name that is not taken there. A plain rename is enough, and all that
 * some file systems know: it replaces nothing but an empty folder. */
static int move_up(struct removal *removal, int dirfd, const char *name, struct err *e)
{
	mode_try(dirfd, name, 0700); /* its `..` is written */
	for (;;) {
		char other[32];

		snprintf(other, sizeof(other), "deep-%u", removal->serial++);
		if (!renameat(dirfd, name, removal->top, other))
			return 0;
		if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)
			return err_errno(e, "move %s up to remove it", name);
	}
}

static int empty_folder(
    struct removal *removal, int fd, unsigned depth, const char *name, struct err *e);

static int remove_entry(
    struct removal *removal, int dirfd, unsigned depth, const char *name, struct err *e)
{
	int fd;

	if (!unlinkat(dirfd, name, 0) || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_errno(e, "remove %s", name);
	if (!unlinkat(dirfd, name, AT_REMOVEDIR))
		return 0;
	if (depth == REMOVE_DEPTH)
		return move_up(removal, dirfd, name, e);
	fd = open_to_empty(dirfd, name);
	if (fd < 0)
		return err_errno(e, "open %s to remove what is in it", name);
	if (empty_folder(removal, fd, depth, name, e))
		return -1;
	if (unlinkat(dirfd, name, AT_REMOVEDIR) && errno != ENOENT)
		return err_errno(e, "remove the folder %s", name);
	return 0;
}

static int empty_once(
    struct removal *removal, DIR *folder, unsigned depth, const char *name, struct err *e)
{
	struct dirent *entry;
	int more;

	while ((more = folder_next(folder, name, &entry, e)) > 0)
		if (remove_entry(removal, dirfd(folder), depth + 1, entry->d_name, e))
			return err_wrap(e, "%s", name);
	return more;
}

/* Takes the descriptor. What is moved up into the first folder may come behind what was read of
 * it: it is read again until nothing more came. */
static int empty_folder(
    struct removal *removal, int fd, unsigned depth, const char *name, struct err *e)
{
	_cleanup_closedir_ DIR *folder = fdopendir(fd);
	struct removal here = {.top = fd};
	unsigned before;

	if (!folder) {
		close(fd);
		return err_errno(e, "read the folder %s", name);
	}
	if (fchmod(fd, 0700) && errno != EPERM)
		return err_errno(e, "open up the folder %s", name);
	if (depth)
		return empty_once(removal, folder, depth, name, e);
	do {
		before = here.serial;
		rewinddir(folder);
		if (empty_once(&here, folder, depth, name, e))
			return -1;
	} while (here.serial != before);
	return 0;
}

int tree_remove(int dirfd, const char *name, struct err *e)
{
	return remove_entry(NULL, dirfd, 0, name, e);
}
