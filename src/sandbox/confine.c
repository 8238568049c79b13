#include "sandbox/confine.h"
#include "sandbox/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A range that neither users, containers' sub-ids nor systemd's dynamic users take; a pid, at
 * most 2^22, fits behind it. */
#define SPARE_UID_BASE 0x70000000U

uid_t confine_spare_uid(void)
{
	return geteuid() ? geteuid() : SPARE_UID_BASE + (uid_t)getpid();
}

/*
 * Uid 0 inside a user namespace is uid 0 for the host's /proc/sys when it is mapped to the
 * machine's root: a process without any capability can then still write there. So root becomes
 * another user first. In a namespace that maps only root there is no other; then what could be
 * written decides.
 */
static int check_harmless_root(struct err *e)
{
	int fd = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	close(fd);
	return err_kind(e, ERR_ENVIRONMENT,
	    "cannot give up root: this user namespace maps no other uid, yet its root may write "
	    "/proc/sys; start minsys as an ordinary user");
}

int confine_become(uid_t uid, struct err *e)
{
	if (geteuid() == uid)
		return 0;
	if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid)) {
		if (errno == EINVAL || (errno == EPERM && !geteuid()))
			return check_harmless_root(e);
		return err_errno(e, "become uid %u", (unsigned)uid);
	}
	/* The change made this process undumpable, and its own /proc files root's; the uid maps are
	   written there. Nobody else has this uid. */
	if (prctl(PR_SET_DUMPABLE, 1))
		return err_errno(e, "make the process dumpable");
	return 0;
}

static int drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0}};

	for (int capability = 0; capability < 64; capability++)
		if (prctl(PR_CAPBSET_DROP, capability) && errno != EINVAL && errno != EPERM)
			return err_errno(e, "drop capability %d", capability);
	/* Refused where the process had no capability to begin with, which is as good. */
	if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
					 SECBIT_NO_SETUID_FIXUP_LOCKED |
					 SECBIT_NO_CAP_AMBIENT_RAISE |
					 SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) &&
	    errno != EPERM)
		return err_errno(e, "set the secure bits");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) ||
	    syscall(SYS_capset, &header, none))
		return err_errno(e, "drop all capabilities");
	return 0;
}

static void reset_signals(void)
{
	sigset_t all;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigfillset(&all);
	sigprocmask(SIG_UNBLOCK, &all, NULL);
}

int confine_process(struct err *e)
{
	static const struct rlimit no_core = {0, 0};

	/* Keyrings belong to no namespace: without a new one the host's session keys could be read.
	   Containers refuse the call, and all the others on keyrings with it. */
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
	reset_signals();
	umask(022);
	if (setrlimit(RLIMIT_CORE, &no_core))
		return err_errno(e, "forbid core files");
	if (drop_capabilities(e))
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_errno(e, "set no_new_privs");
	return filter_load(e);
}

int confine_descriptors(int kept_fd, struct err *e)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (setsid() < 0)
		return err_errno(e, "start a session");
	if (null < 0 || dup2(null, 0) < 0)
		return err_errno(e, "open /dev/null as standard input");
	/* Everything above 2 but the one: below it, then above. */
	if ((kept_fd > 3 && close_range(3, (unsigned)kept_fd - 1, 0)) ||
	    close_range((unsigned)kept_fd + 1, ~0U, 0))
		return err_errno(e, "close all descriptors");
	return 0;
}
