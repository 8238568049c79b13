/* Files: to read, to list, to look at, to make, to remove, and to reach by links. */
#include "attack.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define NR_listxattrat 465
#define NR_file_getattr 468

#define RACE_TRIES 200000
#define RACE_LIMIT 20 /* seconds, for more of them until there is a race at all */

/* <linux/fs.h> has them too, and clashes with <sys/mount.h>. */
#define RENAME_EXCHANGE_ 2
#define RENAME_WHITEOUT_ 4

static const struct named open_flags[] = {
    {"read", O_RDONLY},
    {"write", O_WRONLY},
    {"readwrite", O_RDWR},
    {"create", O_WRONLY | O_CREAT},
    {"truncate", O_WRONLY | O_TRUNC},
    {"append", O_WRONLY | O_APPEND},
    {"folder", O_RDONLY | O_DIRECTORY},
    {"unnamed", O_RDWR | O_TMPFILE},
    {"path", O_PATH},
    {NULL, 0},
};

static int attack_open(char **words)
{
	return open(words[1], (int)value_of(open_flags, words[0]) | O_NOCTTY, 0644);
}

static int attack_openat2(char **words)
{
	struct open_how how = {.flags = (uint64_t)value_of(open_flags, words[0]) | O_NOCTTY};

	if (how.flags & O_CREAT)
		how.mode = 0644;
	return (int)syscall(SYS_openat2, AT_FDCWD, words[1], &how, sizeof(how));
}

static int attack_creat(char **words)
{
	return creat(words[0], 0644);
}

/* Mapped as shared and for writing, which no later write(2) has to ask for. */
static int attack_map(char **words)
{
	int fd = open(words[0], O_RDONLY);
	void *page = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? -1 : mprotect(page, 1, PROT_READ | PROT_WRITE);
}

static int not_dot(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

static int attack_list(char **words)
{
	struct dirent **entries;
	int count = scandir(words[0], &entries, not_dot, alphasort);

	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++)
		printf("%s%s", i ? " " : "", entries[i]->d_name);
	printf("%s\n", count ? "" : "nothing");
	return FOUND;
}

/* ---- To look at it without opening it ---- */

static int look_stat(char **words)
{
	struct stat status;

	return stat(words[0], &status);
}

static int look_statx(char **words)
{
	struct statx status;

	return statx(AT_FDCWD, words[0], 0, STATX_ALL, &status);
}

static int look_access(char **words)
{
	return access(words[0], F_OK);
}

static int look_faccessat2(char **words)
{
	return (int)syscall(SYS_faccessat2, AT_FDCWD, words[0], F_OK, AT_EACCESS);
}

static int look_statfs(char **words)
{
	struct statvfs system;

	return statvfs(words[0], &system);
}

static int look_readlink(char **words)
{
	char target[256];

	return (int)readlink(words[0], target, sizeof(target));
}

static int look_chdir(char **words)
{
	return chdir(words[0]);
}

static int look_xattrs(char **words)
{
	char names[4096];

	return (int)listxattr(words[0], names, sizeof(names));
}

static int look_listxattrat(char **words)
{
	char names[4096];

	return (int)syscall(NR_listxattrat, AT_FDCWD, words[0], 0, names, sizeof(names));
}

static int look_file_getattr(char **words)
{
	uint64_t attributes[3];

	return (int)syscall(NR_file_getattr, AT_FDCWD, words[0], attributes, sizeof(attributes), 0);
}

/* Be told of what others do in it. */
static int look_watch(char **words)
{
	int watcher = inotify_init1(IN_CLOEXEC);

	return watcher < 0 ? -1 : inotify_add_watch(watcher, words[0], IN_ALL_EVENTS);
}

static const struct spelling looks[] = {
    {"stat", look_stat},
    {"statx", look_statx},
    {"access", look_access},
    {"faccessat2", look_faccessat2},
    {"statfs", look_statfs},
    {"readlink", look_readlink},
    {"chdir", look_chdir},
    {"xattrs", look_xattrs},
    {"listxattrat", look_listxattrat},
    {"file_getattr", look_file_getattr},
    {"watch", look_watch},
    {NULL, NULL},
};

static int attack_look(char **words)
{
	return spelled(looks, words);
}

/* ---- To make, remove, move ---- */

static int attack_mkdir(char **words)
{
	return mkdir(words[0], 0755);
}

static int attack_mkdirat(char **words)
{
	return mkdirat(AT_FDCWD, words[0], 0755);
}

static int attack_symlink(char **words)
{
	return symlink("/", words[0]);
}

static int attack_truncate(char **words)
{
	return truncate(words[0], 0);
}

static int attack_unlink(char **words)
{
	return unlink(words[0]);
}

static int attack_unlinkat(char **words)
{
	return unlinkat(AT_FDCWD, words[0], 0);
}

static int attack_rename(char **words)
{
	return rename(words[0], words[1]);
}

static int attack_exchange(char **words)
{
	return (int)syscall(
	    SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, words[1], RENAME_EXCHANGE_);
}

/* A file of one's own is moved, and a device 0:0 left in its place: to an overlay the mark of a
 * file that was removed. */
static int attack_rename_whiteout(char **words)
{
	char moved[256];

	snprintf(moved, sizeof(moved), "%s.moved", words[0]);
	if (mknod(words[0], S_IFREG | 0644, 0))
		return -1;
	return (int)syscall(SYS_renameat2, AT_FDCWD, words[0], AT_FDCWD, moved, RENAME_WHITEOUT_);
}

/* A file of one folder into another, which is REFER to Landlock, and back. */
static int attack_move(char **words)
{
	char from[256], to[256];

	snprintf(from, sizeof(from), "%s/moved", words[0]);
	snprintf(to, sizeof(to), "%s/moved", words[1]);
	if (mknod(from, S_IFREG | 0644, 0) || rename(from, to))
		return -1;
	return rename(to, from);
}

static int attack_link(char **words)
{
	return link(words[0], words[1]);
}

/* Given a name by the descriptor instead of the path. */
static int attack_link_descriptor(char **words)
{
	char path[64];
	int fd = open(words[0], O_PATH);

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, AT_FDCWD, words[1], AT_SYMLINK_FOLLOW);
}

static const struct named file_types[] = {
    {"char", S_IFCHR},
    {"block", S_IFBLK},
    {"fifo", S_IFIFO},
    {"socket", S_IFSOCK},
    {"file", S_IFREG},
    {NULL, 0},
};

static int attack_mknod(char **words)
{
	return mknod(
	    words[1], (mode_t)value_of(file_types, words[0]) | 0666, (dev_t)0x0103 /* null */);
}

static int attack_mknodat(char **words)
{
	return mknodat(
	    AT_FDCWD, words[1], (mode_t)value_of(file_types, words[0]) | 0666, (dev_t)0x0103);
}

/* The device 0:0, which takes no capability. */
static int attack_whiteout(char **words)
{
	return mknod(words[0], S_IFCHR | 0666, 0);
}

/* ---- Links and descriptors that lead elsewhere ---- */

/* A link in the output that leads to a file of the host, then the file through it. */
static int attack_follow(char **words)
{
	if (symlink(words[0], words[1]) && errno != EEXIST)
		return -1;
	return open(words[1], O_RDONLY);
}

static void swap_for_ever(void)
{
	for (;;)
		syscall(SYS_renameat2, AT_FDCWD, "folder", AT_FDCWD, "link", RENAME_EXCHANGE_);
}

/* Which of both it is now: a bit for each. */
static unsigned seen_state(void)
{
	char target[16];

	return readlink("folder", target, sizeof(target)) >= 0 ? 1 : errno == EINVAL ? 2 : 0;
}

/* The same with a folder that turns into a link and back while its file is opened. A race in which
 * only one of them was ever met is none: ETIME. */
static int attack_race(char **words)
{
	int opened = -1, refusal = ENOENT;
	time_t end = time(NULL) + RACE_LIMIT;
	unsigned seen = 0;
	pid_t swapper;

	if (chdir(words[0]) || mkdir("folder", 0755) || symlink(words[1], "link"))
		return -1;
	swapper = fork();
	if (swapper < 0)
		return -1;
	if (!swapper)
		swap_for_ever();
	for (int i = 0; opened < 0 && (i < RACE_TRIES || (seen != 3 && time(NULL) < end)); i++) {
		opened = open("folder/file", O_RDONLY);
		/* What the folder answers, which has no such file, tells nothing. */
		if (opened < 0 && errno != ENOENT)
			refusal = errno;
		if (i % 64 == 0) {
			sched_yield();
			seen |= seen_state();
		}
	}
	kill(swapper, SIGKILL);
	errno = seen == 3 ? refusal : ETIME;
	return opened;
}

/* A descriptor for reading, opened again for writing. */
static int attack_reopen(char **words)
{
	char path[64];
	int fd = open(words[0], O_RDONLY);

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR);
}

/* The same of one that opened nothing yet: Landlock looks when a file is opened. */
static int attack_reopen_path(char **words)
{
	char path[64];
	int fd = open(words[0], O_PATH);

	if (fd < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY);
}

static int attack_space(char **words)
{
	struct statvfs system;

	if (statvfs(words[0], &system))
		return -1;
	printf("%llu MiB\n", (unsigned long long)system.f_blocks * system.f_frsize >> 20);
	return FOUND;
}

static int attack_put(char **words)
{
	int fd = open(words[0], O_WRONLY | O_APPEND);

	return fd < 0 ? -1 : (int)write(fd, "done\n", 5) == 5 ? FOUND : -1;
}

/* Bytes of a file that are not NUL. */
static int attack_count(char **words)
{
	FILE *file = fopen(words[0], "r");
	int count = 0, byte;

	if (!file)
		return -1;
	while ((byte = getc(file)) != EOF)
		count += byte != 0;
	fclose(file);
	printf("%d\n", count);
	return FOUND;
}

const struct attack on_files[] = {
    {"open", 2, attack_open},
    {"openat2", 2, attack_openat2},
    {"creat", 1, attack_creat},
    {"map", 1, attack_map},
    {"list", 1, attack_list},
    {"look", 2, attack_look},
    {"mkdir", 1, attack_mkdir},
    {"mkdirat", 1, attack_mkdirat},
    {"symlink", 1, attack_symlink},
    {"truncate", 1, attack_truncate},
    {"unlink", 1, attack_unlink},
    {"unlinkat", 1, attack_unlinkat},
    {"rename", 2, attack_rename},
    {"exchange", 2, attack_exchange},
    {"rename-whiteout", 1, attack_rename_whiteout},
    {"move", 2, attack_move},
    {"link", 2, attack_link},
    {"link-descriptor", 2, attack_link_descriptor},
    {"mknod", 2, attack_mknod},
    {"mknodat", 2, attack_mknodat},
    {"whiteout", 1, attack_whiteout},
    {"follow", 2, attack_follow},
    {"race", 2, attack_race},
    {"reopen", 1, attack_reopen},
    {"reopen-path", 1, attack_reopen_path},
    {"space", 1, attack_space},
    {"put", 1, attack_put},
    {"count", 1, attack_count},
    {NULL, 0, NULL},
};
