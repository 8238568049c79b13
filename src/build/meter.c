#include "build/meter.h"

#include "base/cleanup.h"
#include "base/human.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define INTERVAL 500	 /* milliseconds */
#define PART 50		 /* a look takes at most so small a part of the time */
#define DEEPEST 64	 /* as in what is captured */
#define ROOM (1UL << 20) /* bytes; with less, a script fails for want of them */

const struct meter meter_none = {.out_fd = -1, .folder_fd = -1};

struct sum {
	uint64_t bytes, entries;
	uint64_t most_bytes, most_entries;
};

static bool is_beyond(const struct sum *sum)
{
	return sum->bytes > sum->most_bytes || sum->entries > sum->most_entries;
}

static void add_folder(struct sum *sum, int fd, unsigned depth);

/* Whatever it becomes meanwhile: no link is followed, nothing but a folder is opened. */
static void add_entry(struct sum *sum, int folder, const char *name, unsigned depth)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return;
	sum->entries++;
	if (S_ISREG(status.st_mode))
		sum->bytes += (uint64_t)status.st_size;
	if (S_ISDIR(status.st_mode) && depth < DEEPEST)
		add_folder(sum,
		    openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		    depth + 1);
}

/* What cannot be read is not counted now. Takes `fd`. */
static void add_folder(struct sum *sum, int fd, unsigned depth)
{
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (!is_beyond(sum) && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			add_entry(sum, dirfd(folder), entry->d_name, depth);
}

bool meter_is_full(int folder_fd)
{
	struct statvfs status;

	return !fstatvfs(folder_fd, &status) &&
	       ((uint64_t)status.f_bavail * status.f_frsize < ROOM ||
		   (status.f_files && !status.f_favail));
}

int meter_open(
    struct meter *meter, const struct store_temp *temp, const struct limits *limits, struct err *e)
{
	int out = openat(temp->fd, "out", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (out < 0)
		return err_errno(e, "open %s/out", temp->name);
	*meter = (struct meter){
	    .out_fd = out,
	    .folder_fd = temp->fd,
	    .limits = limits,
	    .next = clock_milliseconds() + INTERVAL,
	};
	return 0;
}

void meter_close(struct meter *meter)
{
	if (meter->out_fd >= 0)
		close(meter->out_fd);
	*meter = meter_none;
}

int meter_wait(const struct meter *meter)
{
	uint64_t now = clock_milliseconds();

	return now < meter->next ? (int)(meter->next - now) : 0;
}

enum limit meter_measure(const struct meter *meter)
{
	struct sum sum = {
	    .most_bytes = limit_of(meter->limits, LIMIT_OUTPUT),
	    .most_entries = limit_of(meter->limits, LIMIT_ENTRIES),
	};

	add_folder(&sum, openat(meter->out_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	if (sum.bytes > sum.most_bytes)
		return LIMIT_OUTPUT;
	return sum.entries > sum.most_entries ? LIMIT_ENTRIES : LIMIT_NONE;
}

enum limit meter_look(struct meter *meter, bool *ret_is_full)
{
	uint64_t began = clock_milliseconds(), took;
	enum limit exceeded;

	if (began < meter->next)
		return LIMIT_NONE;
	*ret_is_full = meter_is_full(meter->folder_fd);
	exceeded = meter_measure(meter);
	took = clock_milliseconds() - began;
	meter->next = began + took + (took * PART < INTERVAL ? INTERVAL : took * PART);
	return exceeded;
}
