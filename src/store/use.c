#include "store/use.h"

#include "base/file.h"
#include "store/store.h"

#include <time.h>

/* Offsets in locks/store; those of runners come behind. Not side by side, so that the kernel does
 * not join two locks of one runner. */
#define GATE 0
#define HOLDS_ALL 16

static uint64_t milliseconds_of(struct timespec time)
{
	return time.tv_sec < 0 ? 0
			       : (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	return milliseconds_of(time);
}

uint64_t use_time(const struct stat *status)
{
	return milliseconds_of(status->st_mtim);
}

static int lock_bytes(int fd, short type, uint64_t start, uint64_t length)
{
	struct flock lock = {
	    .l_type = type,
	    .l_whence = SEEK_SET,
	    .l_start = (off_t)start,
	    .l_len = (off_t)length,
	};
	int result;

	while ((result = fcntl(fd, F_OFD_SETLKW, &lock)) && errno == EINTR)
		;
	return result;
}

void use_begin(struct store *store)
{
	int fd = openat(store->fd, "locks/store", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		fd = openat(store->fd, "locks/store", O_RDONLY | O_CLOEXEC);
	store->use_fd = fd;
	if (fd < 0 || lock_bytes(fd, F_RDLCK, GATE, 1))
		return;
	store->began = now();
	lock_bytes(fd, F_RDLCK, store->began, 1);
	lock_bytes(fd, F_UNLCK, GATE, 1);
}

void use_end(struct store *store)
{
	if (store->use_fd >= 0)
		lock_bytes(store->use_fd, F_UNLCK, HOLDS_ALL, 0);
}

/* Set the time of use, with the gate held; is it there? */
static bool set_time(struct store *store, const char *path, uint64_t milliseconds)
{
	const struct timespec time = {
	    .tv_sec = (time_t)(milliseconds / 1000),
	    .tv_nsec = (long)(milliseconds % 1000) * 1000000,
	};
	const struct timespec times[2] = {time, time};

	if (!utimensat(store->fd, path, times, AT_SYMLINK_NOFOLLOW))
		return true;
	if (errno == EROFS || errno == EACCES || errno == EPERM)
		lock_bytes(store->use_fd, F_RDLCK, HOLDS_ALL, 1);
	return !faccessat(store->fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

/* Threads of one runner have its lock on the gate in common, so one at a time takes it. */
static bool use_old(struct store *store, const char *path, uint64_t milliseconds)
{
	bool is_there;

	pthread_mutex_lock(&store->use_lock);
	lock_bytes(store->use_fd, F_RDLCK, GATE, 1);
	is_there = set_time(store, path, milliseconds);
	lock_bytes(store->use_fd, F_UNLCK, GATE, 1);
	pthread_mutex_unlock(&store->use_lock);
	return is_there;
}

bool use_status(struct store *store, const char *path, struct stat *ret_status)
{
	uint64_t time = now();

	/* The clock may have been set back. */
	if (time < store->began)
		time = store->began;
	if (fstatat(store->fd, path, ret_status, AT_SYMLINK_NOFOLLOW))
		return false;
	return use_time(ret_status) + USE_FRESH >= time || use_old(store, path, time);
}

bool store_use(struct store *store, const char *path)
{
	struct stat status;

	return use_status(store, path, &status);
}

int use_gate_close(struct store *store, struct err *e)
{
	if (!lock_bytes(store->use_fd, F_WRLCK, GATE, 1))
		return 0;
	err_errno(e, "lock %s/locks/store", store->path);
	return store_explain(store, e);
}

void use_gate_open(struct store *store)
{
	lock_bytes(store->use_fd, F_UNLCK, GATE, 1);
}

/* Of the locks in a range, the kernel names any one: what comes before it is asked for again. */
int use_oldest(struct store *store, uint64_t *ret_milliseconds, struct err *e)
{
	uint64_t oldest = UINT64_MAX;

	while (store->use_fd >= 0) {
		struct flock lock = {
		    .l_type = F_WRLCK,
		    .l_whence = SEEK_SET,
		    .l_start = HOLDS_ALL,
		    .l_len = oldest == UINT64_MAX ? 0 : (off_t)(oldest - HOLDS_ALL),
		};

		if (fcntl(store->use_fd, F_OFD_GETLK, &lock))
			return err_errno(e, "look for locks on %s/locks/store", store->path);
		if (lock.l_type != F_UNLCK)
			oldest = (uint64_t)lock.l_start;
		if (lock.l_type == F_UNLCK || oldest <= HOLDS_ALL)
			break;
	}
	*ret_milliseconds = oldest;
	return 0;
}
