/* Privilege, and ways to any: ids, capabilities, mounts, namespaces, terminals, programs. */
#include "attack.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

#define HIGH_BITS 0x7fffffff00000000L

static int attack_setuid(char **words)
{
	return setresuid((uid_t)number(words[0]), (uid_t)-1, (uid_t)-1);
}

static int attack_setgid(char **words)
{
	return setresgid((gid_t)number(words[0]), (gid_t)-1, (gid_t)-1);
}

static int attack_setgroups(char **words)
{
	(void)words;
	return setgroups(0, NULL);
}

static int attack_capability(char **words)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{~0U, ~0U, 0}, {~0U, ~0U, 0}};

	(void)words;
	return (int)syscall(SYS_capset, &header, all);
}

static int attack_ambient(char **words)
{
	(void)words;
	return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_ADMIN, 0, 0);
}

static int attack_securebits(char **words)
{
	(void)words;
	return prctl(PR_SET_SECUREBITS, 0);
}

/* no_new_privs cannot be taken back. */
static int attack_new_privileges(char **words)
{
	(void)words;
	return prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static int attack_no_seccomp(char **words)
{
	(void)words;
	return prctl(PR_SET_SECCOMP, 0 /* SECCOMP_MODE_DISABLED */, 0, 0, 0);
}

static int attack_mount(char **words)
{
	return mount("tmpfs", words[0], "tmpfs", 0, NULL);
}

static int attack_bind(char **words)
{
	return mount(words[0], words[1], NULL, MS_BIND, NULL);
}

static int attack_remount(char **words)
{
	return mount(NULL, words[0], NULL, MS_REMOUNT | MS_BIND, NULL);
}

static int attack_umount(char **words)
{
	return umount2(words[0], MNT_DETACH);
}

static const struct named namespaces[] = {
    {"user", CLONE_NEWUSER},
    {"mount", CLONE_NEWNS},
    {"pid", CLONE_NEWPID},
    {"net", CLONE_NEWNET},
    {"ipc", CLONE_NEWIPC},
    {"uts", CLONE_NEWUTS},
    {"cgroup", CLONE_NEWCGROUP},
    {"time", 0x80},
    {NULL, 0},
};

static int attack_unshare(char **words)
{
	return unshare((int)value_of(namespaces, words[0]));
}

static int cloned(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int attack_clone(char **words)
{
	return cloned((unsigned long)value_of(namespaces, words[0]));
}

static int attack_clone_high(char **words)
{
	return cloned((unsigned long)(HIGH_BITS | value_of(namespaces, words[0])));
}

static int attack_clone3(char **words)
{
	uint64_t arguments[11] = {(uint64_t)value_of(namespaces, words[0])};
	long pid = syscall(SYS_clone3, arguments, sizeof(arguments));

	if (!pid)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int attack_setns(char **words)
{
	int fd = open(words[0], O_RDONLY);

	return fd < 0 ? -1 : setns(fd, 0);
}

static const struct named commands[] = {
    {"tiocsti", TIOCSTI},
    {"tioclinux", TIOCLINUX},
    {"tiocsetd", TIOCSETD},
    {NULL, 0},
};

/* A terminal's input queue and the like, also with bits above the 32 that count (CVE-2019-10063).
 */
static int attack_ioctl(char **words)
{
	long request = value_of(commands, words[0]);
	char key = '\n';

	if (words[1] && !strcmp(words[1], "high"))
		request |= 0x100000000;
	if (words[1] && !strcmp(words[1], "mask"))
		request |= ~0xffffffffL;
	return (int)syscall(SYS_ioctl, 1, request, &key);
}

static int attack_personality(char **words)
{
	return personality((unsigned long)number(words[0]));
}

static int attack_personality_high(char **words)
{
	return (int)syscall(SYS_personality, HIGH_BITS | number(words[0]));
}

static int copy_self(int to)
{
	char chunk[65536];
	int from = open("/proc/self/exe", O_RDONLY);
	ssize_t got;

	if (from < 0 || to < 0)
		return -1;
	while ((got = read(from, chunk, sizeof(chunk))) > 0)
		if (write(to, chunk, (size_t)got) != got)
			return -1;
	return (int)got;
}

/* A copy of this program, in memory alone, run by its descriptor. */
static int attack_memory_exec(char **words)
{
	static const char *const argv[] = {
	    "attack", "status", "self", "NoNewPrivs", "Seccomp", NULL};
	int copy = memfd_create("copy", 0);

	(void)words;
	if (copy_self(copy))
		return -1;
	return execveat(copy, "", (char *const *)argv, environ, AT_EMPTY_PATH);
}

/* A setuid copy of it in the output. */
static int attack_setuid_exec(char **words)
{
	static const char *const argv[] = {"attack", "ids", NULL};
	int copy = open(words[0], O_WRONLY | O_CREAT, 0700);

	if (copy_self(copy) || fchmod(copy, 06755) || close(copy))
		return -1;
	return execve(words[0], (char *const *)argv, environ);
}

const struct attack on_privilege[] = {
    {"setuid", 1, attack_setuid},
    {"setgid", 1, attack_setgid},
    {"setgroups", 0, attack_setgroups},
    {"capability", 0, attack_capability},
    {"ambient", 0, attack_ambient},
    {"securebits", 0, attack_securebits},
    {"new-privileges", 0, attack_new_privileges},
    {"no-seccomp", 0, attack_no_seccomp},
    {"mount", 1, attack_mount},
    {"bind", 2, attack_bind},
    {"remount", 1, attack_remount},
    {"umount", 1, attack_umount},
    {"unshare", 1, attack_unshare},
    {"clone", 1, attack_clone},
    {"clone-high", 1, attack_clone_high},
    {"clone3", 1, attack_clone3},
    {"setns", 1, attack_setns},
    {"ioctl", 1, attack_ioctl},
    {"personality", 1, attack_personality},
    {"personality-high", 1, attack_personality_high},
    {"memory-exec", 0, attack_memory_exec},
    {"setuid-exec", 1, attack_setuid_exec},
    {NULL, 0, NULL},
};
