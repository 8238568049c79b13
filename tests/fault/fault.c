/*
 * Run a command, and let one system call of it, or of the processes that come of it, fail; or do
 * something between two of them, as an attacker who always hits the moment.
 *
 *   fault list RECORD [PATTERN] -- COMMAND...           write down all calls
 *   fault fail RECORD PROCESS CALL N ERRNO -- COMMAND...  that one does nothing and returns -ERRNO
 *   fault run RECORD PROCESS CALL N PROGRAM -- COMMAND... before that one, run PROGRAM to its end
 *
 * With `--refuse-openat2 ERRNO` before these words COMMAND is refused openat2(2), as in a container
 * whose policy does not know it.
 *
 * A process (a thread too) is named by how it came to be: 0 is COMMAND, 0.2 the second that this
 * started. N counts the calls of the number CALL in it, from 1. The record of `list` has a line
 * for each that returned, "PROCESS CALL N RESULT THERE TEXT": THERE is 1 when what PATTERN says, a
 * path with a star as one of its parts, was a folder before the call, and TEXT the path that the
 * call is about, if any. That of the others is "reached" or empty. A line "left" ends it when any
 * of the processes was still there two seconds after COMMAND had ended. Exit status: the command's,
 * 128 + signal; 99 when something failed here. When this ends, so do all those processes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS 512
#define PROCESSES 4096
#define OWN_FAILURE 99

struct tracee {
	pid_t pid;
	char name[120];
	unsigned children, counts[CALLS];
	unsigned long call; /* that it is in */
	bool is_known;	    /* its name is; until then it stands still */
	bool is_failing;
	bool is_there; /* what the pattern says was, before the call */
	char text[300];
};

static struct tracee tracees[PROCESSES];
static size_t tracee_count;
static FILE *record;
static bool lists;
static bool has_begun; /* COMMAND is what runs */
static bool is_done;   /* nothing is left to look for */
static const char *wanted_name, *program;
static const char *pattern_folder, *pattern_path; /* NULL: none */
static unsigned long wanted_call;
static unsigned wanted_count;
static long wanted_errno;

static void die(const char *what)
{
	perror(what);
	exit(OWN_FAILURE);
}

static struct tracee *find(pid_t pid)
{
	for (size_t i = tracee_count; i-- > 0;)
		if (tracees[i].pid == pid)
			return &tracees[i];
	if (tracee_count == PROCESSES)
		exit(OWN_FAILURE);
	tracees[tracee_count].pid = pid;
	return &tracees[tracee_count++];
}

/* Which argument is a path; -1: none. */
static int path_argument(unsigned long call)
{
	switch (call) {
	case SYS_open:
	case SYS_execve:
	case SYS_chdir:
	case SYS_access:
	case SYS_fsopen:
	case SYS_readlink:
		return 0;
	case SYS_openat:
	case SYS_openat2:
	case SYS_mkdirat:
	case SYS_unlinkat:
	case SYS_newfstatat:
	case SYS_fchmodat:
	case SYS_fchownat:
	case SYS_faccessat:
	case SYS_faccessat2:
	case SYS_readlinkat:
	case SYS_utimensat:
	case SYS_open_tree:
	case SYS_statx:
	case SYS_mount:
		return 1;
	case SYS_symlinkat:
		return 2;
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_linkat:
		return 3;
	default:
		return -1;
	}
}

static void read_text(struct tracee *tracee, const struct __ptrace_syscall_info *info)
{
	int argument = path_argument(info->entry.nr);
	struct iovec own = {tracee->text, sizeof(tracee->text) - 1}, other = {NULL, own.iov_len};
	ssize_t got;

	tracee->text[0] = 0;
	if (argument < 0 || !info->entry.args[argument])
		return;
	/* Not beyond the page that it begins in. */
	other.iov_base = (void *)info->entry.args[argument];
	if (other.iov_len > 4096 - info->entry.args[argument] % 4096)
		other.iov_len = 4096 - info->entry.args[argument] % 4096;
	got = process_vm_readv(tracee->pid, &own, 1, &other, 1, 0);
	tracee->text[got > 0 ? got : 0] = 0;
	tracee->text[strcspn(tracee->text, "\n")] = 0;
}

/* Is there a folder that the pattern says? */
static bool is_there(void)
{
	DIR *folder = pattern_folder ? opendir(pattern_folder) : NULL;
	const struct dirent *entry;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		char path[1000];
		struct stat status;

		snprintf(path, sizeof(path), "%s/%s", entry->d_name, pattern_path);
		found = entry->d_name[0] != '.' &&
			!fstatat(dirfd(folder), path, &status, AT_SYMLINK_NOFOLLOW) &&
			S_ISDIR(status.st_mode);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void run_program(void)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		execl("/bin/sh", "sh", "-c", program, NULL);
		_exit(OWN_FAILURE);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		exit(OWN_FAILURE);
}

/* The call is replaced by one that there is not, which changes nothing. close(2) closes even when
 * it fails. */
static void begin_failure(struct tracee *tracee)
{
	struct user_regs_struct registers;

	tracee->is_failing = true;
	if (tracee->call == SYS_close)
		return;
	if (ptrace(PTRACE_GETREGS, tracee->pid, NULL, &registers))
		die("fault: read registers");
	registers.orig_rax = -1ULL;
	if (ptrace(PTRACE_SETREGS, tracee->pid, NULL, &registers))
		die("fault: replace the call");
}

static void end_failure(struct tracee *tracee)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, tracee->pid, NULL, &registers))
		die("fault: read registers");
	registers.rax = (unsigned long long)-wanted_errno;
	if (ptrace(PTRACE_SETREGS, tracee->pid, NULL, &registers))
		die("fault: set the result");
	tracee->is_failing = false;
	is_done = true;
}

static void enter_call(struct tracee *tracee, const struct __ptrace_syscall_info *info)
{
	tracee->call = info->entry.nr < CALLS ? info->entry.nr : CALLS - 1;
	tracee->counts[tracee->call]++;
	if (lists) {
		read_text(tracee, info);
		tracee->is_there = is_there();
	} else if (tracee->call == wanted_call && tracee->counts[wanted_call] == wanted_count &&
		   !strcmp(tracee->name, wanted_name)) {
		fputs("reached\n", record);
		fflush(record);
		if (!program) {
			begin_failure(tracee);
			return;
		}
		run_program();
		is_done = true;
	}
}

static void leave_call(struct tracee *tracee, const struct __ptrace_syscall_info *info)
{
	if (tracee->is_failing)
		end_failure(tracee);
	/* The start of COMMAND itself was not seen to begin. */
	if (lists && tracee->counts[tracee->call])
		fprintf(record, "%s %lu %u %lld %d %s\n", tracee->name, tracee->call,
		    tracee->counts[tracee->call], (long long)info->exit.rval, tracee->is_there,
		    tracee->text);
}

static void stop_at_call(struct tracee *tracee)
{
	struct __ptrace_syscall_info info = {0};

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info) < 0)
		return; /* it was killed meanwhile */
	if (!has_begun)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		enter_call(tracee, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		leave_call(tracee, &info);
}

static void resume(struct tracee *tracee, int signal)
{
	ptrace(is_done ? PTRACE_CONT : PTRACE_SYSCALL, tracee->pid, NULL, (long)signal);
}

/* A new process may stand still before its parent tells of it, or after. */
static void meet_child(struct tracee *parent)
{
	unsigned long pid;
	struct tracee *child;
	bool waits;

	if (ptrace(PTRACE_GETEVENTMSG, parent->pid, NULL, &pid))
		return;
	waits = false;
	for (size_t i = 0; i < tracee_count; i++)
		waits |= tracees[i].pid == (pid_t)pid;
	child = find((pid_t)pid);
	snprintf(child->name, sizeof(child->name), "%.100s.%u", parent->name, ++parent->children);
	child->is_known = true;
	if (waits)
		resume(child, 0);
}

static void handle_stop(struct tracee *tracee, int status)
{
	int signal = WSTOPSIG(status), event = status >> 16;

	if (signal == (SIGTRAP | 0x80)) {
		stop_at_call(tracee);
		signal = 0;
	} else if (event == PTRACE_EVENT_STOP) {
		if (!tracee->is_known)
			return;
		if (signal != SIGTRAP) {
			ptrace(PTRACE_LISTEN, tracee->pid, NULL, NULL);
			return;
		}
		signal = 0;
	} else if (event) {
		if (event != PTRACE_EVENT_EXEC)
			meet_child(tracee);
		has_begun = true;
		signal = 0;
	}
	resume(tracee, signal);
}

static void do_nothing(int signal)
{
	(void)signal;
}

static int follow(pid_t command)
{
	const struct sigaction interrupt = {.sa_handler = do_nothing};
	int result = OWN_FAILURE;

	sigaction(SIGALRM, &interrupt, NULL);
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid < 0) {
			if (errno == EINTR)
				fputs("left\n", record);
			return result;
		}
		if (WIFSTOPPED(status)) {
			handle_stop(find(pid), status);
			continue;
		}
		find(pid)->pid = 0; /* the number may come again */
		if (pid != command)
			continue;
		result = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		alarm(2);
	}
}

static void refuse_openat2(unsigned with)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | with),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog code = {sizeof(filter) / sizeof(*filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &code))
		_exit(OWN_FAILURE);
}

static pid_t start(char **command, unsigned refusal)
{
	int go[2];
	pid_t pid;
	char byte;

	if (pipe2(go, O_CLOEXEC) || (pid = fork()) < 0)
		die("fault: start");
	if (!pid) {
		close(go[1]);
		if (refusal)
			refuse_openat2(refusal);
		if (read(go[0], &byte, 1) == 1)
			execv(command[0], command);
		_exit(OWN_FAILURE);
	}
	strcpy(find(pid)->name, "0");
	find(pid)->is_known = true;
	if (ptrace(PTRACE_SEIZE, pid, NULL,
		PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK |
		    PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC) ||
	    ptrace(PTRACE_INTERRUPT, pid, NULL, NULL))
		die("fault: trace");
	if (write(go[1], "", 1) != 1)
		die("fault: start");
	close(go[0]);
	close(go[1]);
	return pid;
}

/* The words up to `--`, or -1 when they are none that this knows. */
static int read_words(int count, char **words)
{
	int end = 0;
	char *star;

	while (end < count && strcmp(words[end], "--"))
		end++;
	if (end < 2 || end + 1 >= count)
		return -1;
	lists = !strcmp(words[0], "list");
	if (lists && end == 3) {
		star = strstr(words[2], "/*/");
		if (!star)
			return -1;
		*star = 0;
		pattern_folder = words[2];
		pattern_path = star + strlen("/*/");
	}
	if (lists)
		return end > 3 ? -1 : end;
	if (end != 6)
		return -1;
	wanted_name = words[2];
	wanted_call = strtoul(words[3], NULL, 10);
	wanted_count = (unsigned)strtoul(words[4], NULL, 10);
	wanted_errno = strtol(words[5], NULL, 10);
	program = !strcmp(words[0], "run") ? words[5] : NULL;
	return end;
}

int main(int argc, char **argv)
{
	bool refuses = argc > 3 && !strcmp(argv[1], "--refuse-openat2");
	int begin = refuses ? 3 : 1, end = read_words(argc - begin, argv + begin);

	if (end < 0 || !(record = fopen(argv[begin + 1], "we"))) {
		fputs("fault: wrong usage\n", stderr);
		return OWN_FAILURE;
	}
	return follow(
	    start(argv + begin + end + 1, refuses ? (unsigned)strtoul(argv[2], NULL, 10) : 0));
}
