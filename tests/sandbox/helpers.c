/* For the tests, outside of a sandbox. */
#include "attack.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The version of the kernel's Landlock, 0 when there is none. */
static int helper_landlock(char **words)
{
	long version = syscall(444 /* landlock_create_ruleset */, NULL, 0, 1 /* its version */);

	(void)words;
	printf("%ld\n", version < 0 ? 0 : version);
	return FOUND;
}

/* Be process 1 of a container: do nothing, but for orphans. Its argument is a name to find it by.
 */
static int helper_hold(char **words)
{
	(void)words;
	puts("held");
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN);
	/* Whatever becomes of the test, this does not stay. */
	for (unsigned left = 600; left;)
		left = sleep(left);
	return FOUND;
}

/* Run a command where user namespaces are refused, as the policy of a container does. */
static int helper_refuse_namespaces(char **words)
{
	struct sock_filter program[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1 /* EPERM */),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(program) / sizeof(*program), program};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))
		return -1;
	return execv(words[0], words);
}

const struct attack helpers[] = {
    {"landlock", 0, helper_landlock},
    {"hold", 1, helper_hold},
    {"refuse-namespaces", 1, helper_refuse_namespaces},
    {NULL, 0, NULL},
};
