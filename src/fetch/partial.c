#include "fetch/partial.h"
#include "base/buf.h"
#include "base/file.h"

#include <string.h>
#include <sys/file.h>

#define FLUSH_STEP (8 << 20)

bool download_is_there(int folder_fd, const struct digest *digest)
{
	char name[DIGEST_HEX_SIZE];
	struct stat status;

	return !fstatat(folder_fd, digest_format(digest, name), &status, AT_SYMLINK_NOFOLLOW) &&
	       S_ISREG(status.st_mode);
}

static void partial_name(const struct digest *expected, char ret_name[DIGEST_HEX_SIZE + 8])
{
	digest_format(expected, ret_name);
	strcat(ret_name, ".part");
}

uint64_t partial_size(int folder_fd, const struct digest *expected)
{
	char name[DIGEST_HEX_SIZE + 8];
	struct stat status;

	partial_name(expected, name);
	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode))
		return 0;
	return (uint64_t)status.st_size;
}

bool partial_lacks_space(const struct err *e)
{
	return e->errnum == ENOSPC || e->errnum == EDQUOT || e->errnum == EFBIG;
}

/* Another user's file can be locked but not written: then it is to be replaced. */
static int open_name(const struct partial *partial, bool make, bool *ret_foreign)
{
	int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int fd =
	    openat(partial->folder_fd, partial->name, O_RDWR | (make ? O_CREAT : 0) | flags, 0644);

	*ret_foreign = fd < 0 && errno == EACCES;
	return *ret_foreign ? openat(partial->folder_fd, partial->name, O_RDONLY | flags) : fd;
}

/* With the lock held, does the name still lead to this file? */
static bool name_leads_to(const struct partial *partial, int fd)
{
	struct stat ours, there;

	return !fstat(fd, &ours) && ours.st_nlink &&
	       !fstatat(partial->folder_fd, partial->name, &there, AT_SYMLINK_NOFOLLOW) &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* Take the name's file with its lock. The state, or -1 with errno. */
static int take(struct partial *partial, bool make)
{
	for (;;) {
		bool foreign;
		_cleanup_close_ int fd = open_name(partial, make, &foreign);

		if (fd < 0)
			return !make && errno == ENOENT ? PARTIAL_MISSING : -1;
		if (flock(fd, LOCK_EX | LOCK_NB))
			return errno == EWOULDBLOCK ? PARTIAL_BUSY : -1;
		if (!name_leads_to(partial, fd))
			continue;
		if (!foreign) {
			partial->fd = steal_fd(&fd);
			return PARTIAL_OPEN;
		}
		if (unlinkat(partial->folder_fd, partial->name, 0))
			return -1;
	}
}

/* Take what is there into the digest. */
static int read_back(struct partial *partial, struct err *e)
{
	char bytes[65536];
	ssize_t got;

	digest_begin(&partial->stream);
	while ((got = read(partial->fd, bytes, sizeof(bytes)))) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read %s", partial->name);
		digest_add(&partial->stream, bytes, (size_t)got);
		partial->length += (uint64_t)got;
	}
	partial->flushed = partial->length;
	return 0;
}

static int take_pinned(
    struct partial *partial, const struct digest *expected, bool make, struct err *e)
{
	int state;

	partial->pinned = true;
	partial->expected = *expected;
	partial_name(expected, partial->name);
	state = take(partial, make);
	if (state < 0)
		return err_errno(e, "open %s in the download folder", partial->name);
	/* Whoever held the lock before may have finished the file. */
	if ((state == PARTIAL_OPEN || state == PARTIAL_MISSING) &&
	    download_is_there(partial->folder_fd, expected)) {
		if (state == PARTIAL_OPEN)
			partial_discard(partial);
		return PARTIAL_WHOLE;
	}
	if (state == PARTIAL_OPEN && read_back(partial, e)) {
		partial_close(partial);
		return -1;
	}
	return state;
}

static int take_unpinned(struct partial *partial, struct err *e)
{
	int state = PARTIAL_BUSY;

	for (int i = 0; state == PARTIAL_BUSY; i++) {
		snprintf(partial->name, sizeof(partial->name), "unpinned-%d.part", i);
		state = take(partial, true);
	}
	if (state < 0)
		return err_errno(e, "open %s in the download folder", partial->name);
	if (partial_restart(partial, e)) {
		partial_discard(partial);
		return -1;
	}
	return state;
}

int partial_open(int folder_fd, const struct digest *expected, bool make,
    struct partial *ret_partial, struct err *e)
{
	struct partial partial = {.folder_fd = folder_fd, .fd = -1};
	int state =
	    expected ? take_pinned(&partial, expected, make, e) : take_unpinned(&partial, e);

	if (state == PARTIAL_OPEN)
		*ret_partial = partial;
	return state;
}

int partial_add(struct partial *partial, const void *bytes, size_t length, struct err *e)
{
	if (file_write_all(partial->fd, bytes, length, partial->name, e))
		return -1;
	digest_add(&partial->stream, bytes, length);
	partial->length += length;
	/* Have the disk write along, so that the flush at the end is short. */
	if (partial->length - partial->flushed >= FLUSH_STEP) {
		sync_file_range(partial->fd, (off_t)partial->flushed,
		    (off_t)(partial->length - partial->flushed), SYNC_FILE_RANGE_WRITE);
		partial->flushed = partial->length;
	}
	return 0;
}

int partial_restart(struct partial *partial, struct err *e)
{
	if (ftruncate(partial->fd, 0) || lseek(partial->fd, 0, SEEK_SET))
		return err_errno(e, "empty %s", partial->name);
	partial->length = 0;
	partial->flushed = 0;
	digest_begin(&partial->stream);
	return 0;
}

struct digest partial_digest(const struct partial *partial)
{
	struct digest_stream stream = partial->stream;

	return digest_end(&stream);
}

int partial_finish(struct partial *partial, struct digest *ret_digest, struct err *e)
{
	struct digest digest = partial_digest(partial);
	char name[DIGEST_HEX_SIZE];

	digest_format(&digest, name);
	if (fsync(partial->fd) || fchmod(partial->fd, 0644))
		return err_errno(e, "flush %s", partial->name);
	if (renameat(partial->folder_fd, partial->name, partial->folder_fd, name))
		return err_errno(e, "rename %s to %s", partial->name, name);
	if (fsync(partial->folder_fd))
		return err_errno(e, "flush the download folder");
	partial_close(partial);
	*ret_digest = digest;
	return 0;
}

void partial_discard(struct partial *partial)
{
	unlinkat(partial->folder_fd, partial->name, 0);
	close(steal_fd(&partial->fd));
}

void partial_close(struct partial *partial)
{
	struct stat status;

	if (partial->fd < 0)
		return;
	/* An empty one, or one without a digest, is no use to anybody. */
	if (name_leads_to(partial, partial->fd) &&
	    (!partial->pinned || (!fstat(partial->fd, &status) && !status.st_size)))
		unlinkat(partial->folder_fd, partial->name, 0);
	close(steal_fd(&partial->fd));
}
