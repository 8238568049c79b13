/*
 * The system call filter as a table: its program is run here by a small interpreter, for every
 * number there is and for the arguments that matter. That the kernel takes it the same way is
 * tests/sandbox' part.
 */
#include "sandbox/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cmocka.h>

#ifdef __x86_64__
#define OWN_ARCH AUDIT_ARCH_X86_64
#define OTHER_ARCH AUDIT_ARCH_AARCH64
#define NARROW_ARCH AUDIT_ARCH_I386
#else
#define OWN_ARCH AUDIT_ARCH_AARCH64
#define OTHER_ARCH AUDIT_ARCH_X86_64
#define NARROW_ARCH AUDIT_ARCH_ARM
#endif
#define NEWEST 469
#define X32 0x40000000U
#define HIGH_BITS 0xffffffff00000000ULL

static struct sock_filter program[FILTER_LENGTH];
static size_t length;

static uint32_t alu(const struct sock_filter *in, uint32_t a)
{
	assert_int_equal(in->code, BPF_ALU | BPF_AND | BPF_K);
	return a & in->k;
}

static size_t jump(const struct sock_filter *in, uint32_t a)
{
	switch (BPF_OP(in->code)) {
	case BPF_JEQ:
		return a == in->k ? in->jt : in->jf;
	case BPF_JGT:
		return a > in->k ? in->jt : in->jf;
	case BPF_JSET:
		return a & in->k ? in->jt : in->jf;
	default:
		fail_msg("a jump of kind %#x", in->code);
		return 0;
	}
}

/* What the program returns for a call; it may neither run off its end nor load beside the data. */
static uint32_t run(const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (size_t pc = 0; pc < length; pc++) {
		const struct sock_filter *in = &program[pc];

		switch (BPF_CLASS(in->code)) {
		case BPF_LD:
			assert_int_equal(in->code, BPF_LD | BPF_W | BPF_ABS);
			assert_true(in->k % 4 == 0 && in->k + 4 <= sizeof(*data));
			memcpy(&a, (const char *)data + in->k, 4);
			break;
		case BPF_ALU:
			a = alu(in, a);
			break;
		case BPF_JMP:
			pc += jump(in, a);
			break;
		case BPF_RET:
			return in->k;
		default:
			fail_msg("an instruction of class %#x", in->code);
		}
	}
	fail_msg("the program has no end");
	return 0;
}

/* 0 when the call is allowed, else the errno that refuses it. */
static int verdict(uint32_t arch, uint32_t number, uint64_t first, uint64_t second)
{
	struct seccomp_data data = {
	    .nr = (int)number,
	    .arch = arch,
	    .args = {first, second},
	};
	uint32_t result = run(&data);

	if (result == SECCOMP_RET_ALLOW)
		return 0;
	assert_int_equal(result & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
	assert_int_not_equal(result & SECCOMP_RET_DATA, 0);
	return (int)(result & SECCOMP_RET_DATA);
}

static int call(uint32_t number, uint64_t first, uint64_t second)
{
	return verdict(OWN_ARCH, number, first, second);
}

static void every_number_has_a_verdict(void **state)
{
	(void)state;
	for (uint32_t number = 0; number <= NEWEST; number++)
		call(number, 0, 0);
	for (uint32_t number = NEWEST + 1; number < 5000; number++)
		assert_int_equal(call(number, 0, 0), ENOSYS);
	assert_int_equal(call(0xffffffff, 0, 0), ENOSYS);
}

static void other_entries_are_closed(void **state)
{
	(void)state;
	for (uint32_t number = 0; number <= NEWEST; number++) {
		assert_int_equal(call(X32 | number, 0, 0), ENOSYS);
		assert_int_equal(verdict(NARROW_ARCH, number, 0, 0), ENOSYS);
		assert_int_equal(verdict(OTHER_ARCH, number, 0, 0), ENOSYS);
	}
}

static void what_builds_need_is_allowed(void **state)
{
	static const uint32_t needed[] = {
	    SYS_read,
	    SYS_write,
	    SYS_openat,
	    SYS_openat2,
	    SYS_close,
	    SYS_newfstatat,
	    SYS_statx,
	    SYS_mmap,
	    SYS_mprotect,
	    SYS_brk,
	    SYS_execve,
	    SYS_execveat,
	    SYS_wait4,
	    SYS_waitid,
	    SYS_exit_group,
	    SYS_kill,
	    SYS_pipe2,
	    SYS_dup3,
	    SYS_fcntl,
	    SYS_renameat2,
	    SYS_linkat,
	    SYS_symlinkat,
	    SYS_unlinkat,
	    SYS_mkdirat,
	    SYS_fchmodat,
	    SYS_fchownat,
	    SYS_mknodat,
	    452 /* fchmodat2 */,
	    SYS_utimensat,
	    SYS_futex,
	    SYS_set_robust_list,
	    SYS_rseq,
	    SYS_getrandom,
	    SYS_memfd_create,
	    SYS_sched_getaffinity,
	    SYS_getxattr,
	    SYS_listxattr,
	    SYS_flock,
	    SYS_ppoll,
	    SYS_epoll_create1,
	    SYS_copy_file_range,
	    SYS_sendfile,
	    SYS_setrlimit,
	    SYS_getrlimit,
	    SYS_setsid,
	    SYS_seccomp,
	    SYS_prctl,
	    SYS_sysinfo,
	    SYS_uname,
	    SYS_fallocate,
	    SYS_fsync,
	    SYS_madvise,
	    SYS_close_range,
	    SYS_sendmsg,
	    SYS_recvmsg,
	    SYS_landlock_create_ruleset,
#ifdef __x86_64__
	    SYS_open,
	    SYS_stat,
	    SYS_fork,
	    SYS_vfork,
	    SYS_dup2,
	    SYS_rename,
	    SYS_link,
	    SYS_symlink,
	    SYS_unlink,
	    SYS_mkdir,
	    SYS_chmod,
	    SYS_chown,
	    SYS_mknod,
	    SYS_poll,
	    SYS_arch_prctl,
#endif
	};

	(void)state;
	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (call(needed[i], 0, 0))
			fail_msg("call %u is refused", needed[i]);
}

static void all_that_is_refused(void **state)
{
	static const struct {
		int error;
		uint32_t numbers[64];
	} groups[] = {
	    {EPERM, {SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
			SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4,
			SYS_shmget, SYS_shmat, SYS_shmctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv,
			SYS_msgctl, SYS_semget, SYS_semop, SYS_semtimedop, SYS_semctl, SYS_mq_open,
			SYS_mq_unlink, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_ptrace,
			SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise,
			SYS_process_mrelease, SYS_pidfd_getfd, SYS_kcmp, SYS_bpf,
			SYS_perf_event_open, SYS_userfaultfd, SYS_fanotify_init,
			SYS_name_to_handle_at, SYS_open_by_handle_at, SYS_vmsplice, SYS_mbind,
			SYS_set_mempolicy, SYS_get_mempolicy, SYS_migrate_pages, SYS_move_pages,
			450 /* set_mempolicy_home_node */}},
	    {EPERM, {SYS_acct, SYS_quotactl, SYS_syslog, SYS_swapon, SYS_swapoff, SYS_reboot,
			SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module,
			SYS_delete_module, SYS_vhangup, SYS_settimeofday, SYS_clock_settime,
			SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname}},
#ifdef __x86_64__
	    {EPERM,
		{SYS_modify_ldt, SYS_iopl, SYS_ioperm, SYS_uselib, SYS_create_module, SYS__sysctl}},
#endif
	    {ENOSYS,
		{SYS_clone3, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
		    SYS_fspick, SYS_mount_setattr, SYS_io_uring_setup, SYS_io_uring_enter,
		    SYS_io_uring_register, SYS_inotify_init1, SYS_inotify_add_watch,
		    457 /* statmount */, 458 /* listmount */, 467 /* open_tree_attr */}},
	    {ENOTSUP, {SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_removexattr,
			  SYS_lremovexattr, SYS_fremovexattr, 463 /* setxattrat */,
			  466 /* removexattrat */, 469 /* file_setattr */}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		for (const uint32_t *number = groups[i].numbers; *number; number++)
			if (call(*number, 0, 0) != groups[i].error)
				fail_msg("call %u: errno %d, not %d", *number, call(*number, 0, 0),
				    groups[i].error);
}

static void clone_makes_no_namespace(void **state)
{
	static const uint32_t refused[] = {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC,
	    CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET};

	(void)state;
	assert_int_equal(call(SYS_clone, SIGCHLD, 0), 0);
	assert_int_equal(call(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0), 0);
	assert_int_equal(
	    call(SYS_clone,
		CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_THREAD | CLONE_SIGHAND | CLONE_SETTLS, 0),
	    0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		assert_int_equal(call(SYS_clone, refused[i] | SIGCHLD, 0), EPERM);
		assert_int_equal(call(SYS_clone, HIGH_BITS | refused[i], 0), EPERM);
	}
}

static void ioctl_commands(void **state)
{
	static const struct {
		uint64_t command;
		int error;
	} wanted[] = {
	    {TCGETS, 0},
	    {FIONREAD, 0},
	    {TIOCSCTTY, 0},
	    {0x40049409 /* FICLONE */, 0},
	    {0x80086601 /* FS_IOC_GETFLAGS */, 0},
	    {TIOCSTI, EPERM},
	    {0x541c /* TIOCLINUX */, EPERM},
	    {TIOCSETD, EPERM},
	    {0x40086602 /* FS_IOC_SETFLAGS */, ENOTSUP},
	    {0x401c5820 /* FS_IOC_FSSETXATTR */, ENOTSUP},
	    {0x40806685 /* FS_IOC_ENABLE_VERITY */, ENOTSUP},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		assert_int_equal(call(SYS_ioctl, 1, wanted[i].command), wanted[i].error);
		assert_int_equal(
		    call(SYS_ioctl, 1, HIGH_BITS | wanted[i].command), wanted[i].error);
	}
}

static void socketpair_leads_nowhere(void **state)
{
	(void)state;
	assert_int_equal(call(SYS_socketpair, AF_UNIX, SOCK_STREAM), 0);
	assert_int_equal(call(SYS_socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC), 0);
	assert_int_equal(call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK), 0);
	assert_int_equal(call(SYS_socketpair, AF_UNIX, SOCK_DGRAM), EPERM);
	assert_int_equal(call(SYS_socketpair, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC), EPERM);
	assert_int_equal(call(SYS_socketpair, AF_UNIX, HIGH_BITS | SOCK_DGRAM), EPERM);
	assert_int_equal(call(SYS_socketpair, AF_UNIX, SOCK_RAW), EPERM);
	assert_int_equal(call(SYS_socketpair, AF_INET, SOCK_STREAM), EPERM);
	assert_int_equal(call(SYS_socketpair, HIGH_BITS | AF_TIPC, SOCK_STREAM), EPERM);
}

static void no_other_process_is_named(void **state)
{
	static const uint32_t by_pid[] = {SYS_prlimit64, SYS_sched_setaffinity,
	    SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr};

	(void)state;
	for (size_t i = 0; i < sizeof(by_pid) / sizeof(*by_pid); i++) {
		assert_int_equal(call(by_pid[i], 0, 1), 0);
		assert_int_equal(call(by_pid[i], HIGH_BITS, 1), 0);
		assert_int_equal(call(by_pid[i], 1, 0), EPERM);
		assert_int_equal(call(by_pid[i], HIGH_BITS | 1, 0), EPERM);
	}
	/* Kinds 0, 1, 2 are a process, a process group, a user; those of ioprio_set begin at 1. */
	assert_int_equal(call(SYS_setpriority, 0, 0), 0);
	assert_int_equal(call(SYS_setpriority, 0, 1), EPERM);
	assert_int_equal(call(SYS_setpriority, 1, 0), EPERM);
	assert_int_equal(call(SYS_setpriority, 2, 0), EPERM);
	assert_int_equal(call(SYS_setpriority, HIGH_BITS | 2, HIGH_BITS), EPERM);
	assert_int_equal(call(SYS_ioprio_set, 1, 0), 0);
	assert_int_equal(call(SYS_ioprio_set, 1, 1), EPERM);
	assert_int_equal(call(SYS_ioprio_set, 2, 0), EPERM);
	assert_int_equal(call(SYS_ioprio_set, 3, 0), EPERM);
}

static void personality_stays_plain(void **state)
{
	(void)state;
	assert_int_equal(call(SYS_personality, 0, 0), 0);
	assert_int_equal(call(SYS_personality, 0xffffffff, 0), 0);
	assert_int_equal(call(SYS_personality, ADDR_NO_RANDOMIZE, 0), EPERM);
	assert_int_equal(call(SYS_personality, HIGH_BITS | ADDR_NO_RANDOMIZE, 0), EPERM);
	assert_int_equal(call(SYS_personality, READ_IMPLIES_EXEC, 0), EPERM);
	assert_int_equal(call(SYS_personality, UNAME26, 0), EPERM);
	assert_int_equal(call(SYS_personality, PER_LINUX32, 0), EPERM);
}

static int make(void **state)
{
	(void)state;
	length = filter_make(program);
	return length <= FILTER_LENGTH ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_number_has_a_verdict),
	    cmocka_unit_test(other_entries_are_closed),
	    cmocka_unit_test(what_builds_need_is_allowed),
	    cmocka_unit_test(all_that_is_refused),
	    cmocka_unit_test(clone_makes_no_namespace),
	    cmocka_unit_test(ioctl_commands),
	    cmocka_unit_test(socketpair_leads_nowhere),
	    cmocka_unit_test(no_other_process_is_named),
	    cmocka_unit_test(personality_stays_plain),
	};

	return cmocka_run_group_tests(tests, make, NULL);
}
