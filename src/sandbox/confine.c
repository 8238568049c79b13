#include "sandbox/confine.h"

#include "base/cleanup.h"
#include "base/random.h"
#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stddef.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A range that neither users, containers' sub-ids nor systemd's dynamic users take. */
#define RESERVED_UIDS 0x70000000U
#define RESERVED_UID_COUNT (1U << 28)

/* What rootless containers map has 65,536; a range of a few uids is meant for something else. */
#define LEAST_UID_RANGE 16384

/* Not made from the pid, which is the same in two containers beside each other. */
static int draw(uid_t first, unsigned count, uid_t *ret_uid, struct err *e)
{
	uid_t random;

	if (random_get(&random, sizeof(random), e))
		return err_wrap(e, "draw the step's uid");
	*ret_uid = first + random % count;
	return 0;
}

/* Can root become this user, and its group? Refused where the user namespace does not map it. */
static bool can_become(uid_t uid)
{
	gid_t own = getegid();

	return !setegid((gid_t)uid) && !setegid(own) && !seteuid(uid) && !seteuid(0);
}

int confine_reserved_uid(uid_t *ret_uid, struct err *e)
{
	uid_t uid = geteuid();

	if (!uid && draw(RESERVED_UIDS, RESERVED_UID_COUNT, &uid, e))
		return -1;
	*ret_uid = geteuid() || can_become(uid) ? uid : geteuid();
	return 0;
}

/* Is this uid now this process's, until its end, among all that are in its network namespace? Names
 * of sockets are taken by one at a time, and a step can make none. The socket is meant to leak. */
static bool claim(uid_t uid)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "minsys-uid-%u", uid);

	if (fd < 0)
		return true; /* nobody else here can have one, either */
	if (!bind(fd, (struct sockaddr *)&name,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) ||
	    errno != EADDRINUSE)
		return true;
	close(fd);
	return false;
}

/* Where the user namespace maps fewer, as in a rootless container: one of the third quarter of its
 * largest range, which is above the users of the container and below systemd's dynamic ones
 * (61184) and nobody (65534) where the range begins at 0. So few that two steps may draw the same.
 * The caller's own when there is none. */
static int draw_mapped(uid_t *ret_uid, struct err *e)
{
	_cleanup_fclose_ FILE *map = fopen("/proc/self/uid_map", "re");
	unsigned first = 0, count = 0, inside, outside, length;
	uid_t uid = 0;

	/* NOLINTNEXTLINE(cert-err34-c): the kernel writes it */
	while (map && fscanf(map, "%u %u %u", &inside, &outside, &length) == 3)
		if (length > count) {
			first = inside;
			count = length;
		}
	if (count < LEAST_UID_RANGE) {
		*ret_uid = geteuid();
		return 0;
	}
	do
		if (draw(first + count / 2, count / 4, &uid, e))
			return -1;
	while (!claim(uid));
	*ret_uid = uid;
	return 0;
}

int confine_spare_uid(uid_t *ret_uid, struct err *e)
{
	uid_t uid;

	if (confine_reserved_uid(&uid, e))
		return -1;
	if (!geteuid() && !uid) {
		if (draw_mapped(&uid, e))
			return -1;
		if (!can_become(uid))
			uid = geteuid();
	}
	*ret_uid = uid;
	return 0;
}

/*
 * Uid 0 inside a user namespace is uid 0 for the host's /proc/sys when it is mapped to the
 * machine's root: a process without any capability can then still write there. So root becomes
 * another user first. In a namespace that maps only root there is no other; then what could be
 * written decides.
 */
static int check_harmless(struct err *e)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	close(fd);
	return err_kind(e, ERR_ENVIRONMENT,
	    "cannot give up root: this user namespace maps no other uid, yet it may write "
	    "/proc/sys; start minsys as an ordinary user");
}

int confine_become(uid_t uid, struct err *e)
{
	gid_t gid = (gid_t)uid;

	if (geteuid() == uid)
		return check_harmless(e);
	/* The list of groups is what an ordinary user's mostly is: its own. */
	if (setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
		return err_errno(e, "become uid %u", (unsigned)uid);
	/* The change made this process undumpable, and its own /proc files root's; the uid maps are
	   written there. Nobody else has this uid. */
	if (prctl(PR_SET_DUMPABLE, 1))
		return err_errno(e, "make the process dumpable");
	return 0;
}

static int give(int fd, const char *what, uid_t uid, struct err *e)
{
	if (fchown(fd, uid, (gid_t)-1) && errno != EPERM)
		return err_errno(
		    e, "give the %s of descriptor %d to uid %u", what, fd, (unsigned)uid);
	return 0;
}

int confine_give_pipe(int fd, uid_t uid, struct err *e)
{
	struct statfs system;

	if (fstatfs(fd, &system) || system.f_type != PIPEFS_MAGIC)
		return 0;
	return give(fd, "pipe", uid, e);
}

int confine_give_terminal(int fd, uid_t uid, struct err *e)
{
	return give(fd, "terminal", uid, e);
}

/* May this process take from what exec can give? */
static int may_bound(bool *ret_may, struct err *e)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct own[2];

	if (syscall(SYS_capget, &header, own))
		return err_errno(e, "read the capabilities");
	*ret_may = own[0].effective & 1U << CAP_SETPCAP;
	return 0;
}

int confine_bound_capabilities(struct err *e)
{
	bool may = false;

	if (may_bound(&may, e))
		return -1;
	for (int capability = 0; may && capability < 64; capability++)
		if (prctl(PR_CAPBSET_DROP, capability)) {
			/* The kernel knows no more of them, or does it? */
			if (errno == EINVAL && prctl(PR_CAPBSET_READ, capability) < 0)
				return 0;
			return err_errno(e, "drop capability %d", capability);
		}
	return 0;
}

static int drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};
	bool may = false;

	if (may_bound(&may, e) || confine_bound_capabilities(e))
		return -1;
	if (may && prctl(PR_SET_SECUREBITS,
		       SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
			   SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
			   SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED))
		return err_errno(e, "set the secure bits");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &header, none))
		return err_errno(e, "drop all capabilities");
	return 0;
}

/* By the system calls themselves: glibc keeps signals 32 and 33 for itself and resets neither,
 * but a caller may have left them ignored (perl does). */
static int reset_signals(struct err *e)
{
	static const uint64_t by_default[4]; /* struct sigaction as the kernel has it, all zero */
	static const uint64_t nothing_blocked;

	for (int number = 1; number <= 64; number++)
		if (number != SIGKILL && number != SIGSTOP &&
		    syscall(SYS_rt_sigaction, number, by_default, NULL, sizeof(nothing_blocked)))
			return err_errno(e, "reset signal %d", number);
	if (syscall(
		SYS_rt_sigprocmask, SIG_SETMASK, &nothing_blocked, NULL, sizeof(nothing_blocked)))
		return err_errno(e, "unblock signals");
	return 0;
}

/* Less when the caller may not have so much, unless it was asked for, by the name `asked`. */
static int set_limit(int resource, rlim_t soft, rlim_t hard, const char *asked, struct err *e)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit))
		return err_errno(e, "read limit %d", resource);
	if (asked && limit.rlim_max < hard)
		return err_kind(e, ERR_ENVIRONMENT,
		    "its limit of `%s` is %llu, and whoever started minsys may have %llu: lower "
		    "the one, or raise the other (`ulimit -H`)",
		    asked, (unsigned long long)hard, (unsigned long long)limit.rlim_max);
	if (limit.rlim_max > hard)
		limit.rlim_max = hard;
	limit.rlim_cur = limit.rlim_max < soft ? limit.rlim_max : soft;
	return setrlimit(resource, &limit) ? err_errno(e, "set limit %d", resource) : 0;
}

/*
 * The number of processes counts for each user namespace on its own (Linux 5.14), so it bounds
 * this step alone; what it leaves is room for hundreds of jobs, not for a fork bomb. All of them
 * are the same for everyone, whoever started this, as programs adapt to them: those of files are
 * the kernel's own. Memory is bounded here only when that is asked for, as some programs (those
 * under sanitizers) reserve more of it than there is.
 */
static int set_limits(const struct limits *limits, struct err *e)
{
	const uint64_t *most = limits->most;
	rlim_t processes = limit_of(limits, LIMIT_PROCESSES);
	rlim_t data = most[LIMIT_MEMORY] ? most[LIMIT_MEMORY] : RLIM_INFINITY;
	rlim_t files = most[LIMIT_FILES];
	const struct {
		int resource;
		rlim_t soft, hard;
		enum limit limit;
	} all[] = {
	    {RLIMIT_CORE, 0, 0, LIMIT_NONE},
	    {RLIMIT_NPROC, processes, processes, LIMIT_PROCESSES},
	    {RLIMIT_NOFILE, files ? files : LIMIT_FILES_SOFT, files ? files : LIMIT_FILES_HARD,
		LIMIT_FILES},
	    {RLIMIT_STACK, 8 << 20, RLIM_INFINITY, LIMIT_NONE},
	    {RLIMIT_DATA, data, data, LIMIT_NONE},
	    {RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY, LIMIT_NONE},
	    {RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY, LIMIT_NONE},
	    {RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY, LIMIT_NONE},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const char *asked = most[all[i].limit] ? limit_name(all[i].limit) : NULL;

		if (set_limit(all[i].resource, all[i].soft, all[i].hard, asked, e))
			return -1;
	}
	return 0;
}

int confine_process(const struct limits *limits, struct err *e)
{
	/* Keyrings belong to no namespace: without a new one the host's session keys could be read.
	   Containers refuse the call, and all the others on keyrings with it. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
	umask(022);
	if (reset_signals(e) || set_limits(limits, e) || drop_capabilities(e))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_errno(e, "set no_new_privs");
	return filter_load(e);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int confine_descriptors(int *kept, size_t count, struct err *e)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	unsigned next = 3;

	if (setsid() < 0)
		return err_errno(e, "start a session");
	/* Not 0 itself, as main() sees to it that 0 is open. */
	if (null < 0 || dup2(null, 0) < 0)
		return err_errno(e, "open /dev/null as standard input");
	/* Everything above 2 but those: below each, then above the last. */
	qsort(kept, count, sizeof(*kept), by_number);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)kept[i] > next && close_range(next, (unsigned)kept[i] - 1, 0))
			return err_errno(e, "close descriptors below %d", kept[i]);
		next = (unsigned)kept[i] + 1;
	}
	return close_range(next, ~0U, 0) ? err_errno(e, "close all descriptors") : 0;
}

int confine_input(int fd, struct err *e)
{
	if (dup2(fd, 0) < 0)
		return err_errno(e, "make a pipe standard input");
	close(fd);
	return 0;
}

int confine_terminal(int fd, struct err *e)
{
	if (ioctl(fd, TIOCSCTTY, 0))
		return err_errno(e, "make a terminal the session's");
	for (int stream = 0; stream <= 2; stream++)
		if (dup2(fd, stream) < 0)
			return err_errno(e, "make a terminal descriptor %d", stream);
	close(fd);
	return 0;
}
