/* Modes, owners, times and attributes, in every spelling that there is: what is filtered by one
 * name must not be had by another. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#define NR_fchmodat2 452
#define NR_setxattrat 463
#define NR_removexattrat 466
#define NR_file_setattr 469

/* As the 32-bit entry numbers them. */
#define NARROW_open 5
#define NARROW_mknod 14
#define NARROW_chmod 15

/* Of <linux/fs.h>, which clashes with <sys/mount.h>. */
#define GETFLAGS 0x80086601UL
#define SETFLAGS 0x40086602UL
#define FSGETXATTR 0x801c581fUL
#define FSSETXATTR 0x401c5820UL
#define ENABLE_VERITY 0x40806685UL

/* ---- Modes: `mode SPELLING MODE PATH` prints the mode that the file has then ---- */

static mode_t mode_of(char **words)
{
	return (mode_t)strtol(words[0], NULL, 8);
}

static int mode_open(char **words)
{
	return open(words[1], O_WRONLY | O_CREAT, mode_of(words));
}

static int mode_openat2(char **words)
{
	struct open_how how = {.flags = O_WRONLY | O_CREAT, .mode = mode_of(words)};

	return (int)syscall(SYS_openat2, AT_FDCWD, words[1], &how, sizeof(how));
}

static int mode_creat(char **words)
{
	return creat(words[1], mode_of(words));
}

static int mode_mknod(char **words)
{
	return mknod(words[1], S_IFREG | mode_of(words), 0);
}

static int mode_mknodat(char **words)
{
	return mknodat(AT_FDCWD, words[1], S_IFREG | mode_of(words), 0);
}

static int mode_mkdir(char **words)
{
	return mkdir(words[1], mode_of(words));
}

static int mode_mkdirat(char **words)
{
	return mkdirat(AT_FDCWD, words[1], mode_of(words));
}

/* Changes need something to change. */
static void make_file(const char *path)
{
	close(open(path, O_WRONLY | O_CREAT, 0644));
}

static int mode_chmod(char **words)
{
	make_file(words[1]);
	return chmod(words[1], mode_of(words));
}

static int mode_fchmod(char **words)
{
	int fd;

	make_file(words[1]);
	fd = open(words[1], O_RDONLY);
	return fd < 0 ? -1 : fchmod(fd, mode_of(words));
}

static int mode_fchmodat(char **words)
{
	make_file(words[1]);
	return (int)syscall(SYS_fchmodat, AT_FDCWD, words[1], mode_of(words));
}

static int mode_fchmodat2(char **words)
{
	make_file(words[1]);
	return (int)syscall(NR_fchmodat2, AT_FDCWD, words[1], mode_of(words), 0);
}

static int mode_narrow_open(char **words)
{
	return (int)narrow_call(NARROW_open, words[1], O_WRONLY | O_CREAT, mode_of(words));
}

static int mode_narrow_mknod(char **words)
{
	return (int)narrow_call(NARROW_mknod, words[1], S_IFREG | mode_of(words), 0);
}

static int mode_narrow_chmod(char **words)
{
	make_file(words[1]);
	return (int)narrow_call(NARROW_chmod, words[1], mode_of(words), 0);
}

static int mode_x32_fchmodat(char **words)
{
	make_file(words[1]);
	return (int)syscall(X32_BIT | SYS_fchmodat, AT_FDCWD, words[1], mode_of(words));
}

static int mode_x32_openat(char **words)
{
	return (int)syscall(
	    X32_BIT | SYS_openat, AT_FDCWD, words[1], O_WRONLY | O_CREAT, mode_of(words));
}

static const struct spelling modes[] = {
    {"open", mode_open},
    {"openat2", mode_openat2},
    {"creat", mode_creat},
    {"mknod", mode_mknod},
    {"mknodat", mode_mknodat},
    {"mkdir", mode_mkdir},
    {"mkdirat", mode_mkdirat},
    {"chmod", mode_chmod},
    {"fchmod", mode_fchmod},
    {"fchmodat", mode_fchmodat},
    {"fchmodat2", mode_fchmodat2},
    {"int80-open", mode_narrow_open},
    {"int80-mknod", mode_narrow_mknod},
    {"int80-chmod", mode_narrow_chmod},
    {"x32-openat", mode_x32_openat},
    {"x32-fchmodat", mode_x32_fchmodat},
    {NULL, NULL},
};

static int attack_mode(char **words)
{
	struct stat status;

	if (spelled(modes, words) < 0 || stat(words[2], &status))
		return -1;
	printf("%o\n", (unsigned)status.st_mode & 07777);
	return FOUND;
}

/* ---- Owners: `own SPELLING ID PATH` ---- */

static int own_chown(char **words)
{
	return chown(words[1], (uid_t)number(words[0]), (gid_t)number(words[0]));
}

static int own_lchown(char **words)
{
	return lchown(words[1], (uid_t)number(words[0]), (gid_t)number(words[0]));
}

static int own_fchown(char **words)
{
	int fd = open(words[1], O_RDONLY);

	return fd < 0 ? -1 : fchown(fd, (uid_t)number(words[0]), (gid_t)number(words[0]));
}

static int own_fchownat(char **words)
{
	return fchownat(AT_FDCWD, words[1], (uid_t)number(words[0]), (gid_t)number(words[0]), 0);
}

static const struct spelling owns[] = {
    {"chown", own_chown},
    {"lchown", own_lchown},
    {"fchown", own_fchown},
    {"fchownat", own_fchownat},
    {NULL, NULL},
};

static int attack_own(char **words)
{
	return spelled(owns, words);
}

/* ---- Times: `touch SPELLING PATH`, to now, which is all that a stranger may ---- */

static int touch_utimensat(char **words)
{
	return utimensat(AT_FDCWD, words[0], NULL, 0);
}

static int touch_utime(char **words)
{
	return utime(words[0], NULL);
}

static int touch_utimes(char **words)
{
	return utimes(words[0], NULL);
}

static int touch_futimesat(char **words)
{
	return futimesat(AT_FDCWD, words[0], NULL);
}

static int touch_futimens(char **words)
{
	int fd = open(words[0], O_RDONLY);

	return fd < 0 ? -1 : futimens(fd, NULL);
}

static const struct spelling touches[] = {
    {"utimensat", touch_utimensat},
    {"utime", touch_utime},
    {"utimes", touch_utimes},
    {"futimesat", touch_futimesat},
    {"futimens", touch_futimens},
    {NULL, NULL},
};

static int attack_touch(char **words)
{
	return spelled(touches, words);
}

/* ---- Attributes: `attribute SPELLING NAME PATH` ---- */

static int attribute_setxattr(char **words)
{
	return setxattr(words[1], words[0], "x", 1, 0);
}

static int attribute_lsetxattr(char **words)
{
	return lsetxattr(words[1], words[0], "x", 1, 0);
}

static int attribute_fsetxattr(char **words)
{
	int fd = open(words[1], O_RDONLY);

	return fd < 0 ? -1 : fsetxattr(fd, words[0], "x", 1, 0);
}

static int attribute_setxattrat(char **words)
{
	struct {
		uint64_t value;
		uint32_t size, flags;
	} arguments = {(uint64_t)(uintptr_t) "x", 1, 0};

	return (int)syscall(
	    NR_setxattrat, AT_FDCWD, words[1], 0, words[0], &arguments, sizeof(arguments));
}

static int attribute_removexattr(char **words)
{
	return removexattr(words[1], words[0]);
}

static int attribute_lremovexattr(char **words)
{
	return lremovexattr(words[1], words[0]);
}

static int attribute_fremovexattr(char **words)
{
	int fd = open(words[1], O_RDONLY);

	return fd < 0 ? -1 : fremovexattr(fd, words[0]);
}

static int attribute_removexattrat(char **words)
{
	return (int)syscall(NR_removexattrat, AT_FDCWD, words[1], 0, words[0]);
}

static const struct spelling attributes[] = {
    {"setxattr", attribute_setxattr},
    {"lsetxattr", attribute_lsetxattr},
    {"fsetxattr", attribute_fsetxattr},
    {"setxattrat", attribute_setxattrat},
    {"removexattr", attribute_removexattr},
    {"lremovexattr", attribute_lremovexattr},
    {"fremovexattr", attribute_fremovexattr},
    {"removexattrat", attribute_removexattrat},
    {NULL, NULL},
};

static int attack_attribute(char **words)
{
	return spelled(attributes, words);
}

/* ---- Flags: `flags SPELLING PATH`, to what they are ---- */

/* Set what is read; where nothing can be read, something that is no valid value. */
static int command_file(const char *path, unsigned long get, unsigned long set)
{
	long value[16] = {-1};
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	if (get)
		ioctl(fd, get, value);
	return ioctl(fd, set, value);
}

static int flags_setflags(char **words)
{
	return command_file(words[0], GETFLAGS, SETFLAGS);
}

static int flags_fssetxattr(char **words)
{
	return command_file(words[0], FSGETXATTR, FSSETXATTR);
}

static int flags_verity(char **words)
{
	return command_file(words[0], 0, ENABLE_VERITY);
}

static int flags_file_setattr(char **words)
{
	uint64_t nothing[3] = {0};

	return (int)syscall(NR_file_setattr, AT_FDCWD, words[0], nothing, sizeof(nothing), 0);
}

static const struct spelling flags[] = {
    {"setflags", flags_setflags},
    {"fssetxattr", flags_fssetxattr},
    {"verity", flags_verity},
    {"file_setattr", flags_file_setattr},
    {NULL, NULL},
};

static int attack_flags(char **words)
{
	return spelled(flags, words);
}

const struct attack on_modes[] = {
    {"mode", 3, attack_mode},
    {"own", 3, attack_own},
    {"touch", 2, attack_touch},
    {"attribute", 3, attack_attribute},
    {"flags", 2, attack_flags},
    {NULL, 0, NULL},
};
