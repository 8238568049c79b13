#include "sandbox/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/fsverity.h>
#include <linux/ioprio.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "the filter has been written for x86-64 and little-endian arm64"
#endif

/* The newest system call that this table was written with knowledge of: file_setattr, Linux 6.17.
 * From 424 on numbers are the same on both architectures. */
#define NEWEST_SYSCALL 469

/* Not in the headers of Debian 12. */
enum {
	NR_set_mempolicy_home_node = 450,
	NR_statmount = 457,
	NR_listmount = 458,
	NR_lsm_get_self_attr = 459,
	NR_lsm_set_self_attr = 460,
	NR_lsm_list_modules = 461,
	NR_setxattrat = 463,
	NR_removexattrat = 466,
	NR_open_tree_attr = 467,
	NR_file_setattr = 469,
};

static const struct refusal {
	unsigned number;
	unsigned error;
} refusals[] = {
    /* Namespaces and mounts. The new mount calls, like clone3, answer ENOSYS: libraries then fall
       back to the old ones, which are refused outright. */
    {SYS_unshare, EPERM},
    {SYS_setns, EPERM},
    {SYS_mount, EPERM},
    {SYS_umount2, EPERM},
    {SYS_pivot_root, EPERM},
    {SYS_chroot, EPERM},
    {SYS_clone3, ENOSYS}, /* its flags are in memory, out of a filter's sight */
    {SYS_open_tree, ENOSYS},
    {SYS_move_mount, ENOSYS},
    {SYS_fsopen, ENOSYS},
    {SYS_fsconfig, ENOSYS},
    {SYS_fsmount, ENOSYS},
    {SYS_fspick, ENOSYS},
    {SYS_mount_setattr, ENOSYS},
    {NR_statmount, ENOSYS},
    {NR_listmount, ENOSYS},
    {NR_open_tree_attr, ENOSYS},
    /* The network; of socketpair a part stays, see below. Without socket() the others have
       nothing to work on but what standard output may be. */
    {SYS_socket, EPERM},
    {SYS_connect, EPERM},
    {SYS_bind, EPERM},
    {SYS_listen, EPERM},
    {SYS_accept, EPERM},
    {SYS_accept4, EPERM},
    /* System V IPC knows no folder that could be kept from a step, and its ids can be guessed:
       what uses one is refused like what makes one. */
    {SYS_shmget, EPERM},
    {SYS_shmat, EPERM},
    {SYS_shmctl, EPERM},
    {SYS_msgget, EPERM},
    {SYS_msgsnd, EPERM},
    {SYS_msgrcv, EPERM},
    {SYS_msgctl, EPERM},
    {SYS_semget, EPERM},
    {SYS_semop, EPERM},
    {SYS_semtimedop, EPERM},
    {SYS_semctl, EPERM},
    /* Nor do POSIX message queues; the namespace of one isolation keeps them apart, no other does.
     */
    {SYS_mq_open, EPERM},
    {SYS_mq_unlink, EPERM},
    /* Keyrings are not part of any namespace. */
    {SYS_add_key, EPERM},
    {SYS_request_key, EPERM},
    {SYS_keyctl, EPERM},
    /* Other processes. */
    {SYS_ptrace, EPERM},
    {SYS_process_vm_readv, EPERM},
    {SYS_process_vm_writev, EPERM},
    {SYS_process_madvise, EPERM},
    {SYS_process_mrelease, EPERM},
    {SYS_pidfd_getfd, EPERM},
    {SYS_kcmp, EPERM},
    /* Ways around a filter, and parts of the kernel that builds have no use for. */
    {SYS_io_uring_setup, ENOSYS},
    {SYS_io_uring_enter, ENOSYS},
    {SYS_io_uring_register, ENOSYS},
    {SYS_bpf, EPERM},
    {SYS_perf_event_open, EPERM},
    {SYS_userfaultfd, EPERM},
    /* News of what others do in a folder, which Landlock does not keep. */
    {SYS_inotify_init1, ENOSYS},
    {SYS_inotify_add_watch, ENOSYS},
    {SYS_fanotify_init, EPERM},
    {SYS_fanotify_mark, EPERM},
    {SYS_name_to_handle_at, EPERM},
    {SYS_open_by_handle_at, EPERM},
    {SYS_lookup_dcookie, EPERM},
    {SYS_vmsplice, EPERM},
    {NR_lsm_get_self_attr, ENOSYS},
    {NR_lsm_set_self_attr, ENOSYS},
    {NR_lsm_list_modules, ENOSYS},
    /* NUMA placement: has had its bugs, decides no output. */
    {SYS_mbind, EPERM},
    {SYS_set_mempolicy, EPERM},
    {SYS_get_mempolicy, EPERM},
    {NR_set_mempolicy_home_node, EPERM},
    {SYS_migrate_pages, EPERM},
    {SYS_move_pages, EPERM},
    /* The machine itself. */
    {SYS_acct, EPERM},
    {SYS_quotactl, EPERM},
    {SYS_quotactl_fd, EPERM},
    {SYS_syslog, EPERM},
    {SYS_swapon, EPERM},
    {SYS_swapoff, EPERM},
    {SYS_reboot, EPERM},
    {SYS_kexec_load, EPERM},
    {SYS_kexec_file_load, EPERM},
    {SYS_init_module, EPERM},
    {SYS_finit_module, EPERM},
    {SYS_delete_module, EPERM},
    {SYS_vhangup, EPERM},
    {SYS_nfsservctl, EPERM},
    {SYS_settimeofday, EPERM},
    {SYS_clock_settime, EPERM},
    {SYS_adjtimex, EPERM},
    {SYS_clock_adjtime, EPERM},
    {SYS_sethostname, EPERM},
    {SYS_setdomainname, EPERM},
    /* Extended attributes are no part of an output. Programs take ENOTSUP for a file system
       without them. */
    {SYS_setxattr, ENOTSUP},
    {SYS_lsetxattr, ENOTSUP},
    {SYS_fsetxattr, ENOTSUP},
    {SYS_removexattr, ENOTSUP},
    {SYS_lremovexattr, ENOTSUP},
    {SYS_fremovexattr, ENOTSUP},
    {NR_setxattrat, ENOTSUP},
    {NR_removexattrat, ENOTSUP},
    {NR_file_setattr, ENOTSUP},
#ifdef __x86_64__
    {SYS_inotify_init, ENOSYS},
    {SYS_modify_ldt, EPERM},
    {SYS_uselib, EPERM},
    {SYS_create_module, EPERM},
    {SYS__sysctl, EPERM},
    {SYS_iopl, EPERM},
    {SYS_ioperm, EPERM},
#endif
};

#define ANY_NEW_NAMESPACE                                                                          \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
	    CLONE_NEWPID | CLONE_NEWNET)
#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

/* Commands to devices and files. Pushing keystrokes into a terminal (CVE-2017-5226), pasting into a
 * console, and line disciplines, which are drivers (CVE-2017-2636), on a terminal of one's own;
 * then the older spelling of file_setattr, and a seal that its owner cannot take off. */
static const struct refusal commands[] = {
    {TIOCSTI, EPERM},
    {TIOCLINUX, EPERM},
    {TIOCSETD, EPERM},
    {FS_IOC_SETFLAGS, ENOTSUP},
    {FS_IOC_FSSETXATTR, ENOTSUP},
    {FS_IOC_ENABLE_VERITY, ENOTSUP},
};

/* Calls that may name another process, and are allowed only where they name the caller itself:
 * Landlock keeps none of them from a process of the same user. */
static const struct own {
	unsigned number;
	struct {
		unsigned argument, value;
	} wanted[2];
} own[] = {
    {SYS_prlimit64, {{0, 0}, {0, 0}}},
    {SYS_sched_setaffinity, {{0, 0}, {0, 0}}},
    {SYS_sched_setscheduler, {{0, 0}, {0, 0}}},
    {SYS_sched_setparam, {{0, 0}, {0, 0}}},
    {SYS_sched_setattr, {{0, 0}, {0, 0}}},
    {SYS_setpriority, {{0, PRIO_PROCESS}, {1, 0}}},
    {SYS_ioprio_set, {{0, IOPRIO_WHO_PROCESS}, {1, 0}}},
};

#define SOCKET_TYPE_MASK 0xf

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define LOAD(field)                                                                                \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
/* The low half of an argument on a little-endian machine. The kernel looks at 32 bits of the
 * arguments checked here, so the filter must too (CVE-2019-10063). */
#define LOAD_ARGUMENT(n) LOAD(args[n])
#define SKIP_UNLESS(test, value, count) BPF_JUMP(BPF_JMP | (test) | BPF_K, value, 0, count)
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/*
 * Classic BPF by hand, as seccomp(2) takes it: the library for it knows neither the newest
 * numbers nor a way to say "all above", and takes longer to make a filter than the whole sandbox
 * takes to start. Which calls are allowed whatever their arguments the kernel works out when it
 * loads the filter, so the length of the table costs those nothing.
 */
static const struct sock_filter head[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0),
    REFUSE(ENOSYS), /* int 0x80, a 32-bit program: other numbers for the same calls */
    LOAD(nr),
    SKIP_UNLESS(BPF_JGT, NEWEST_SYSCALL, 1), /* x32's have bit 30 set */
    REFUSE(ENOSYS),
    /* Only a plain clone. */
    SKIP_UNLESS(BPF_JEQ, SYS_clone, 4),
    LOAD_ARGUMENT(0),
    SKIP_UNLESS(BPF_JSET, (unsigned)ANY_NEW_NAMESPACE, 1),
    REFUSE(EPERM),
    ALLOW,
    /* A pair of connected unix sockets leads nowhere, but one of datagrams can be pointed at any
       other socket, by sendto() too; SOCK_RAW is another name for those. */
    SKIP_UNLESS(BPF_JEQ, SYS_socketpair, 8),
    LOAD_ARGUMENT(0),
    SKIP_UNLESS(BPF_JEQ, AF_UNIX, 5),
    LOAD_ARGUMENT(1),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SOCKET_TYPE_MASK),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 1, 0),
    SKIP_UNLESS(BPF_JEQ, SOCK_SEQPACKET, 1),
    ALLOW,
    REFUSE(EPERM),
    /* Asking for the personality, and the plain one; none that makes memory less safe or uname
       lie. */
    SKIP_UNLESS(BPF_JEQ, SYS_personality, 6),
    LOAD_ARGUMENT(0),
    SKIP_UNLESS(BPF_JEQ, 0, 1),
    ALLOW,
    SKIP_UNLESS(BPF_JEQ, 0xffffffff, 1),
    ALLOW,
    REFUSE(EPERM),
};

#define PAIR 2			      /* a test and what it leads to */
#define OWN_LENGTH (1 + 2 * PAIR + 2) /* of one of `own` */
#define LONGEST                                                                                    \
	(LENGTH(head) + 3 + PAIR * LENGTH(commands) + OWN_LENGTH * LENGTH(own) +                   \
	    PAIR * LENGTH(refusals) + 1)
_Static_assert(LONGEST <= FILTER_LENGTH, "room for the filter");

/* Refuse these values of what is loaded. */
static struct sock_filter *add_refusals(
    struct sock_filter *next, const struct refusal *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		*next++ = (struct sock_filter)SKIP_UNLESS(BPF_JEQ, list[i].number, 1);
		*next++ = (struct sock_filter)REFUSE(list[i].error);
	}
	return next;
}

static struct sock_filter *add_commands(struct sock_filter *next)
{
	*next++ = (struct sock_filter)SKIP_UNLESS(BPF_JEQ, SYS_ioctl, PAIR * LENGTH(commands) + 2);
	*next++ = (struct sock_filter)LOAD_ARGUMENT(1);
	next = add_refusals(next, commands, LENGTH(commands));
	*next++ = (struct sock_filter)ALLOW;
	return next;
}

static struct sock_filter *add_own(struct sock_filter *next, const struct own *call)
{
	*next++ = (struct sock_filter)SKIP_UNLESS(BPF_JEQ, call->number, OWN_LENGTH - 1);
	*next++ = (struct sock_filter)LOAD_ARGUMENT(call->wanted[0].argument);
	*next++ = (struct sock_filter)SKIP_UNLESS(BPF_JEQ, call->wanted[0].value, 3);
	*next++ = (struct sock_filter)LOAD_ARGUMENT(call->wanted[1].argument);
	*next++ = (struct sock_filter)SKIP_UNLESS(BPF_JEQ, call->wanted[1].value, 1);
	*next++ = (struct sock_filter)ALLOW;
	*next++ = (struct sock_filter)REFUSE(EPERM);
	return next;
}

size_t filter_make(struct sock_filter *ret_program)
{
	struct sock_filter *next = ret_program;

	memcpy(next, head, sizeof(head));
	next = add_commands(next + LENGTH(head));
	for (size_t i = 0; i < LENGTH(own); i++)
		next = add_own(next, &own[i]);
	next = add_refusals(next, refusals, LENGTH(refusals));
	*next++ = (struct sock_filter)ALLOW;
	return (size_t)(next - ret_program);
}

static int refused(struct err *e)
{
	struct err cause;

	err_errno(&cause, "load the system call filter (seccomp)");
	return err_kind(e, ERR_ENVIRONMENT,
	    "%s; a kernel with CONFIG_SECCOMP_FILTER is needed, and in a container a policy that "
	    "allows seccomp",
	    cause.text);
}

int filter_load(struct err *e)
{
	struct sock_filter program[FILTER_LENGTH];
	struct sock_fprog filter = {
	    .len = (unsigned short)filter_make(program),
	    .filter = program,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))
		return refused(e);
	return 0;
}
