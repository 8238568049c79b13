/* System calls as such, by each entry that the kernel may have. */
#include "attack.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct named calls[] = {
#define CALL(name)                                                                                 \
	{                                                                                          \
#name, SYS_##name                                                                  \
	}
    CALL(accept),
    CALL(accept4),
    CALL(acct),
    CALL(add_key),
    CALL(adjtimex),
    CALL(bind),
    CALL(bpf),
    CALL(chroot),
    CALL(clock_adjtime),
    CALL(clock_settime),
    CALL(clone),
    CALL(clone3),
    CALL(connect),
    CALL(delete_module),
    CALL(fanotify_init),
    CALL(fanotify_mark),
    CALL(fchmodat),
    CALL(finit_module),
    CALL(fsconfig),
    CALL(fsmount),
    CALL(fsopen),
    CALL(fspick),
    CALL(get_mempolicy),
    CALL(getpid),
    CALL(init_module),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(io_uring_setup),
    CALL(ioctl),
    CALL(kcmp),
    CALL(kexec_file_load),
    CALL(kexec_load),
    CALL(keyctl),
    CALL(listen),
    CALL(lookup_dcookie),
    CALL(mbind),
    CALL(migrate_pages),
    CALL(mount),
    CALL(mount_setattr),
    CALL(move_mount),
    CALL(move_pages),
    CALL(mq_open),
    CALL(mq_unlink),
    CALL(msgctl),
    CALL(msgget),
    CALL(msgrcv),
    CALL(msgsnd),
    CALL(name_to_handle_at),
    CALL(nfsservctl),
    CALL(open_by_handle_at),
    CALL(open_tree),
    CALL(perf_event_open),
    CALL(personality),
    CALL(pidfd_getfd),
    CALL(pivot_root),
    CALL(prlimit64),
    CALL(process_madvise),
    CALL(process_mrelease),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(ptrace),
    CALL(quotactl),
    CALL(quotactl_fd),
    CALL(reboot),
    CALL(request_key),
    CALL(semctl),
    CALL(semget),
    CALL(semop),
    CALL(semtimedop),
    CALL(set_mempolicy),
    CALL(setdomainname),
    CALL(sethostname),
    CALL(setns),
    CALL(settimeofday),
    CALL(shmat),
    CALL(shmctl),
    CALL(shmget),
    CALL(socket),
    CALL(socketpair),
    CALL(swapoff),
    CALL(swapon),
    CALL(syslog),
    CALL(umount2),
    CALL(unshare),
    CALL(userfaultfd),
    CALL(vmsplice),
#ifdef __x86_64__
    CALL(_sysctl),
    CALL(create_module),
    CALL(ioperm),
    CALL(iopl),
    CALL(modify_ldt),
    CALL(uselib),
#endif
    {"set_mempolicy_home_node", 450},
    {"statmount", 457},
    {"listmount", 458},
    {"lsm_set_self_attr", 460},
    {"open_tree_attr", 467},
    {"newer", 470},
    {"unknown", 500},
    /* Of the x32 entry alone; without its bit kernels took them as native ones once. */
    {"512", 512},
    {"514", 514},
    {"520", 520},
    {"545", 545},
    {NULL, 0},
};

/* With arguments that are wrong for any of them: where it is not refused, the kernel does nothing
 * but complain about those. */
static int attack_call(char **words)
{
	return (int)syscall(value_of(calls, words[0]), -1L, -1L, -1L, -1L, -1L, -1L);
}

static int attack_x32(char **words)
{
	return (int)syscall(X32_BIT | value_of(calls, words[0]), -1L, -1L, -1L, -1L, -1L, -1L);
}

/* As the 32-bit entry numbers them, on x86. */
static const struct named narrow_calls[] = {
    {"getpid", 20},
    {"mount", 21},
    {"ptrace", 26},
    {"chmod", 15},
    {"umount2", 52},
    {"ioctl", 54},
    {"socketcall", 102},
    {"ipc", 117},
    {"clone", 120},
    {"personality", 136},
    {"keyctl", 288},
    {"unshare", 310},
    {"setns", 346},
    {"bpf", 357},
    {"socket", 359},
    {"mount_setattr", 442},
    {NULL, 0},
};

#ifdef __x86_64__
/* In a process that may die of it; what it came to is its exit status. */
static void call_narrow(long call, const char *path, long second, long third)
{
	char *low = mmap(
	    NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long result, first = -1;

	if (low == MAP_FAILED)
		_exit(ENOMEM);
	if (path) {
		snprintf(low, 4096, "%s", path);
		first = (long)low;
	}
	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(call), "b"(first), "c"(second), "d"(third), "S"(-1L), "D"(-1L)
			 : "memory");
	_exit((int)result < 0 ? -(int)result : 0);
}
#else
static void call_narrow(long call, const char *path, long second, long third)
{
	(void)call, (void)path, (void)second, (void)third;
	_exit(ENOSYS);
}
#endif

long narrow_call(long call, const char *path, long second, long third)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		call_narrow(call, path, second, third);
	if (waitpid(pid, &status, 0) < 0)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : ENOSYS;
	return errno ? -1 : 0;
}

static int attack_int80(char **words)
{
	return (int)narrow_call(value_of(narrow_calls, words[0]), NULL, -1, -1);
}

const struct attack on_calls[] = {
    {"call", 1, attack_call},
    {"x32", 1, attack_x32},
    {"int80", 1, attack_int80},
    {NULL, 0, NULL},
};
