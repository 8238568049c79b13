/*
 * Everything that a build step might try in order to get out of its sandbox, to see more of the
 * machine than it declared, or to outlive its end. `attack NAME [ARGUMENT]...` tries one and
 * prints one line: the name of the errno that refused it, `done` when it went through, or what
 * it found. tests/sandbox/table says what each line has to be. Arguments that name something of
 * the machine, HOST_PID, HOST_PORT, HOST_SOCKET …, are taken from the environment.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif

extern char **environ;

/* Functions here return what a system call does: -1 and errno when refused. An attack that
 * prints what it found itself returns FOUND. */
enum { FOUND = -2 };

static long number(const char *text)
{
	return strtol(text, NULL, 0);
}

/* ---- Files ---- */

static int attack_open(char **words)
{
	int flags = !strcmp(words[0], "read")	  ? O_RDONLY
		    : !strcmp(words[0], "write")  ? O_WRONLY
		    : !strcmp(words[0], "create") ? O_WRONLY | O_CREAT
						  : O_RDWR;

	return open(words[1], flags | O_NOCTTY, 0644);
}

static int attack_stat(char **words)
{
	struct stat status;

	return stat(words[0], &status);
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

static int attack_chmod(char **words)
{
	return chmod(words[1], (mode_t)strtol(words[0], NULL, 8));
}

static int attack_chown(char **words)
{
	return lchown(words[1], (uid_t)number(words[0]), (gid_t)number(words[0]));
}

static int attack_touch(char **words)
{
	return utimensat(AT_FDCWD, words[0], NULL, 0);
}

static int attack_mkdir(char **words)
{
	return mkdir(words[0], 0755);
}

static int attack_unlink(char **words)
{
	return unlink(words[0]);
}

static int attack_rename(char **words)
{
	return rename(words[0], words[1]);
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

/* A link in the output that leads to a file of the host, then the file through it. */
static int attack_follow(char **words)
{
	if (symlink(words[0], words[1]) && errno != EEXIST)
		return -1;
	return open(words[1], O_RDONLY);
}

/* The same with a folder that turns into a link and back while its file is opened. */
static int attack_race(char **words)
{
	int opened = -1, refusal = ENOENT;
	pid_t swapper;

	if (chdir(words[0]) || mkdir("folder", 0755) || symlink(words[1], "link"))
		return -1;
	swapper = fork();
	for (; !swapper;)
		syscall(SYS_renameat2, AT_FDCWD, "folder", AT_FDCWD, "link", 2 /* EXCHANGE */);
	for (int i = 0; i < 200000 && opened < 0; i++) {
		opened = open("folder/file", O_RDONLY);
		/* What the folder answers, which has no such file, tells nothing. */
		if (opened < 0 && errno != ENOENT)
			refusal = errno;
		if (i % 64 == 0)
			sched_yield();
	}
	kill(swapper, SIGKILL);
	errno = refusal;
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

static int attack_mknod(char **words)
{
	mode_t type = !strcmp(words[0], "block")  ? S_IFBLK
		      : !strcmp(words[0], "fifo") ? S_IFIFO
						  : S_IFCHR;

	return mknod(words[1], type | 0666, (dev_t)0x0103);
}

static int attack_xattr(char **words)
{
	return lsetxattr(words[1], words[0], "x", 1, 0);
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
	printf("%d\n", count);
	return FOUND;
}

/* ---- What the step is, and what it was left ---- */

static int attack_read_stdin(char **words)
{
	char text[16];
	ssize_t got = read(0, text, sizeof(text));

	(void)words;
	if (got >= 0)
		printf("%zd bytes\n", got);
	return got < 0 ? -1 : FOUND;
}

static int attack_read_output(char **words)
{
	char byte;

	(void)words;
	return (int)read(1, &byte, 1);
}

static int attack_descriptors(char **words)
{
	bool first = true;

	(void)words;
	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0) {
			printf("%s%d", first ? "" : " ", fd);
			first = false;
		}
	putchar('\n');
	return FOUND;
}

static int attack_environment(char **words)
{
	(void)words;
	for (char **variable = environ; *variable; variable++)
		printf("%s%s", variable == environ ? "" : " ", *variable);
	putchar('\n');
	return FOUND;
}

static int attack_umask(char **words)
{
	(void)words;
	printf("%04o\n", (unsigned)umask(0));
	return FOUND;
}

static int attack_names(char **words)
{
	char hostname[64] = "", domain[64] = "";

	(void)words;
	if (gethostname(hostname, sizeof(hostname)) || getdomainname(domain, sizeof(domain)))
		return -1;
	printf("%s %s\n", hostname, domain);
	return FOUND;
}

static int attack_ids(char **words)
{
	uid_t u[3];
	gid_t g[3];

	(void)words;
	getresuid(&u[0], &u[1], &u[2]);
	getresgid(&g[0], &g[1], &g[2]);
	printf("%u %u %u %u %u %u\n", u[0], u[1], u[2], g[0], g[1], g[2]);
	return FOUND;
}

static int attack_session(char **words)
{
	(void)words;
	printf("%s\n", getsid(0) == getpid() ? "own" : "inherited");
	return FOUND;
}

static int attack_folder(char **words)
{
	char path[4096];

	(void)words;
	if (!getcwd(path, sizeof(path)))
		return -1;
	printf("%s\n", path);
	return FOUND;
}

/* Values of fields of a process's /proc file `status`. */
static int attack_status(char **words)
{
	char path[64], line[256], separator[2] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/status", *words++);
	file = fopen(path, "r");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		for (char **word = words; *word; word++)
			if (!strncmp(line, *word, strlen(*word)) && line[strlen(*word)] == ':') {
				printf("%s%llx", separator,
				    strtoull(line + strlen(*word) + 1, NULL, 16));
				separator[0] = ' ';
			}
	putchar('\n');
	return FOUND;
}

static int attack_limit(char **words)
{
	struct rlimit limit;

	if (getrlimit(!strcmp(words[0], "core") ? RLIMIT_CORE : RLIMIT_NPROC, &limit))
		return -1;
	printf(
	    "%llu %llu\n", (unsigned long long)limit.rlim_cur, (unsigned long long)limit.rlim_max);
	return FOUND;
}

/* Whether any network interface here has ever received a byte. A namespace of its own may hold
 * more of them than `lo`, but none that has. */
static int attack_traffic(char **words)
{
	FILE *file = fopen("/proc/self/net/dev", "r");
	unsigned long long bytes, sum = 0;
	char line[512], *colon;

	(void)words;
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if ((colon = strchr(line, ':')) && sscanf(colon + 1, "%llu", &bytes) == 1)
			sum += bytes;
	printf("%s\n", sum ? "some" : "none");
	return FOUND;
}

/* ---- Processes ---- */

static int attack_signal(char **words)
{
	return kill((pid_t)number(words[0]), 0);
}

static int attack_see(char **words)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s", words[0]);
	return stat(path, &status);
}

/* Is process 1 this program too, as `serve`? */
static bool in_test_container(void)
{
	char name[16] = "";
	int fd = open("/proc/1/comm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);

	close(fd);
	return got > 0 && !strcmp(name, "attack\n");
}

static int attack_kill(char **words)
{
	/* If the sandbox were that broken, kill(-1) would end the session of whoever tests it. */
	if (getpid() > 100 && !in_test_container()) {
		printf("not in a pid namespace\n");
		return FOUND;
	}
	return kill((pid_t)number(words[0]), SIGKILL);
}

static int attack_prlimit(char **words)
{
	struct rlimit none = {0, 0};

	return prlimit((pid_t)number(words[0]), RLIMIT_CPU, &none, NULL);
}

/* Not caught by the end of its parent, its session, or a signal. */
static int attack_survive(char **words)
{
	if (fork())
		return 0;
	setsid();
	if (fork())
		_exit(0);
	for (int signum = 1; signum < NSIG; signum++)
		signal(signum, SIG_IGN);
	for (;; usleep(10000)) {
		int fd = open(words[0], O_WRONLY | O_CREAT | O_APPEND, 0644);

		if (fd < 0 || write(fd, ".", 1) != 1 || close(fd))
			_exit(1);
	}
}

static int attack_survive_then_wait(char **words)
{
	if (attack_survive(words))
		return -1;
	for (;;)
		pause();
}

/* Always on the way to the next process: whoever looks for the present one comes late. */
static int attack_flee(char **words)
{
	if (fork())
		return 0;
	for (time_t end = time(NULL) + number(words[1]); time(NULL) < end;) {
		int fd = open(words[0], O_WRONLY | O_CREAT | O_APPEND, 0644);
		pid_t pid;

		if (fd < 0 || write(fd, ".", 1) != 1 || close(fd))
			_exit(1);
		pid = fork();
		if (pid)
			_exit(pid < 0);
	}
	_exit(0);
}

/* Every process that can be seen, but itself: how many may it signal? */
static int attack_signal_all(char **words)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	int seen = 0, reached = 0;

	(void)words;
	if (!processes)
		return -1;
	while ((entry = readdir(processes))) {
		pid_t pid = (pid_t)number(entry->d_name);

		if (pid <= 0 || pid == getpid())
			continue;
		seen++;
		reached += !kill(pid, 0);
	}
	closedir(processes);
	printf("%s, reached %d\n", seen ? "seen" : "none seen", reached);
	return FOUND;
}

static int attack_fork_bomb(char **words)
{
	int children = 0;
	pid_t pid;

	(void)words;
	while ((pid = fork()) > 0)
		if (++children > 100000)
			return 0;
	if (!pid)
		pause();
	return -1;
}

static int attack_exit(char **words)
{
	_exit((int)number(words[0]));
}

static int attack_die(char **words)
{
	signal((int)number(words[0]), SIG_DFL);
	raise((int)number(words[0]));
	return 0;
}

/* ---- The network, and other ways to talk ---- */

static const struct named {
	const char *name;
	long value;
} families[] = {
    {"unix", AF_UNIX},
    {"inet", AF_INET},
    {"inet6", AF_INET6},
    {"netlink", AF_NETLINK},
    {"packet", AF_PACKET},
    {"alg", 38},
    {"vsock", 40},
    {"xdp", 44},
    {"bluetooth", 31},
    {"tipc", 30},
    {"can", 29},
    {NULL, 0},
};

static const struct named socket_types[] = {
    {"stream", SOCK_STREAM},
    {"dgram", SOCK_DGRAM},
    {"raw", SOCK_RAW},
    {"seqpacket", SOCK_SEQPACKET},
    {NULL, 0},
};

static long value_of(const struct named *list, const char *name)
{
	for (; list->name; list++)
		if (!strcmp(list->name, name))
			return list->value;
	fprintf(stderr, "attack: there is no `%s`\n", name);
	exit(2);
}

static int attack_socket(char **words)
{
	return socket((int)value_of(families, words[0]), (int)value_of(socket_types, words[1]), 0);
}

static int attack_socketpair(char **words)
{
	int pair[2];

	return socketpair((int)value_of(families, words[0]),
	    (int)value_of(socket_types, words[1]) | SOCK_CLOEXEC, 0, pair);
}

/* The kernel takes 32 bits of these arguments; so must a filter. */
static int attack_socketpair_high(char **words)
{
	int pair[2];

	(void)words;
	return (int)syscall(
	    SYS_socketpair, 0x100000000 | AF_UNIX, 0x100000000 | SOCK_DGRAM, 0, pair);
}

static int attack_connect_port(char **words)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)number(words[0])),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

/* The address of a unix socket: of a path, or abstract when that begins with @. */
static socklen_t unix_address(struct sockaddr_un *address, const char *name)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(address->sun_path, sizeof(address->sun_path), "%s", name);
	if (*name == '@')
		address->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
}

static int attack_connect_unix(char **words)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, words[0]);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	return fd < 0 ? -1 : connect(fd, (struct sockaddr *)&address, length);
}

/* Half of a pair of datagram sockets, pointed at somebody else's. */
static int attack_send_unix(char **words)
{
	struct sockaddr_un address;
	socklen_t length = unix_address(&address, words[0]);
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return -1;
	return sendto(pair[0], "x", 1, 0, (struct sockaddr *)&address, length) == 1 ? 0 : -1;
}

static int attack_queue(char **words)
{
	return mq_open(words[0], O_RDONLY);
}

/* ---- Privilege ---- */

static int attack_setuid(char **words)
{
	return setresuid((uid_t)number(words[0]), (uid_t)-1, (uid_t)-1);
}

static int attack_setgroups(char **words)
{
	(void)words;
	return setgroups(0, NULL);
}

static int attack_mount(char **words)
{
	return mount("tmpfs", words[0], "tmpfs", 0, NULL);
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

static int attack_clone(char **words)
{
	long pid =
	    syscall(SYS_clone, value_of(namespaces, words[0]) | SIGCHLD, NULL, NULL, NULL, NULL);

	if (!pid)
		_exit(0);
	return pid < 0 ? -1 : 0;
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

/* A terminal's input queue, with bits above the 32 that count (CVE-2019-10063). */
static int attack_ioctl(char **words)
{
	unsigned long request = !strcmp(words[0], "tiocsti")	? TIOCSTI
				: !strcmp(words[0], "tiocsetd") ? TIOCSETD
								: TIOCLINUX;
	char key = '\n';

	if (words[1])
		request |= 0x100000000;
	return (int)syscall(SYS_ioctl, 1, request, &key);
}

static int attack_personality(char **words)
{
	return personality((unsigned long)number(words[0]));
}

static int attack_memory_exec(char **words)
{
	static char *const argv[] = {"attack", "ids", NULL};
	char chunk[65536];
	int from = open("/proc/self/exe", O_RDONLY), to = memfd_create("copy", 0);
	ssize_t got;

	(void)words;
	if (from < 0 || to < 0)
		return -1;
	while ((got = read(from, chunk, sizeof(chunk))) > 0)
		if (write(to, chunk, (size_t)got) != got)
			return -1;
	return fexecve(to, argv, environ);
}

/* ---- System calls as such ---- */

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
    CALL(connect),
    CALL(delete_module),
    CALL(fanotify_init),
    CALL(finit_module),
    CALL(fsconfig),
    CALL(fsmount),
    CALL(fsopen),
    CALL(fspick),
    CALL(init_module),
    CALL(io_uring_enter),
    CALL(io_uring_register),
    CALL(io_uring_setup),
    CALL(ioperm),
    CALL(iopl),
    CALL(kcmp),
    CALL(kexec_file_load),
    CALL(kexec_load),
    CALL(keyctl),
    CALL(listen),
    CALL(mbind),
    CALL(mount_setattr),
    CALL(move_mount),
    CALL(mq_unlink),
    CALL(msgget),
    CALL(name_to_handle_at),
    CALL(open_by_handle_at),
    CALL(open_tree),
    CALL(perf_event_open),
    CALL(pidfd_getfd),
    CALL(pivot_root),
    CALL(process_madvise),
    CALL(process_vm_readv),
    CALL(process_vm_writev),
    CALL(ptrace),
    CALL(quotactl),
    CALL(reboot),
    CALL(request_key),
    CALL(semget),
    CALL(setdomainname),
    CALL(sethostname),
    CALL(setns),
    CALL(settimeofday),
    CALL(shmget),
    CALL(swapoff),
    CALL(swapon),
    CALL(syslog),
    CALL(umount2),
    CALL(unshare),
    CALL(userfaultfd),
    {"statmount", 457},
    {"open_tree_attr", 467},
    {"newer", 470},
    {"unknown", 500},
    {"x32", 0x40000000 | SYS_getpid},
    {NULL, 0},
};

/* With arguments that are wrong for any of them: where it is not refused, the kernel does nothing
 * but complain about those. */
static int attack_call(char **words)
{
	return (int)syscall(value_of(calls, words[0]), -1L, -1L, -1L, -1L, -1L, -1L);
}

/* getpid by the 32-bit entry, which a kernel may not have at all (then: SIGSEGV). */
static int attack_int80(char **words)
{
	long result;
	pid_t pid = fork();
	int status;

	(void)words;
	if (!pid) {
		__asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory");
		_exit(result == getpid());
	}
	if (waitpid(pid, &status, 0) < 0)
		return -1;
	printf("%s\n", WIFEXITED(status) && WEXITSTATUS(status) ? "done" : "refused");
	return FOUND;
}

/* ---- Helpers of the test, run outside ---- */

/* The version of the kernel's Landlock, 0 when there is none. */
static int helper_landlock(char **words)
{
	long version = syscall(444 /* landlock_create_ruleset */, NULL, 0, 1 /* its version */);

	(void)words;
	printf("%ld\n", version < 0 ? 0 : version);
	return FOUND;
}

static int listener(int domain, const struct sockaddr *address, socklen_t length, int type)
{
	int fd = socket(domain, type, 0);

	if (fd < 0 || bind(fd, address, length) || (type == SOCK_STREAM && listen(fd, 8))) {
		perror("attack: listen");
		exit(1);
	}
	return fd;
}

/* Be a host's process with listeners: prints its port and pid, and stays. The arguments are names
 * of unix sockets: one of streams, one of datagrams, one of streams that has a path; and of a
 * message queue. */
static int helper_serve(char **words)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un un;
	socklen_t length = sizeof(in);
	int fd = listener(AF_INET, (struct sockaddr *)&in, length, SOCK_STREAM);

	if (getsockname(fd, (struct sockaddr *)&in, &length))
		return -1;
	for (int i = 0; i < 3; i++) {
		length = unix_address(&un, words[i]);
		listener(
		    AF_UNIX, (struct sockaddr *)&un, length, i == 1 ? SOCK_DGRAM : SOCK_STREAM);
	}
	chmod(words[2], 0777);
	if (mq_open(words[3], O_RDWR | O_CREAT | O_EXCL, 0666, NULL) < 0)
		return -1;
	printf("%u %d\n", ntohs(in.sin_port), (int)getpid());
	fflush(stdout);
	signal(SIGCHLD, SIG_IGN); /* as process 1 it gets orphans */
	/* Whatever becomes of the test, neither this nor its queue, which counts for the machine,
	 * stays. */
	for (unsigned left = 600; left;)
		left = sleep(left);
	return mq_unlink(words[3]);
}

static int helper_remove_queue(char **words)
{
	return mq_unlink(words[0]);
}

/* Run a command where user namespaces are refused, as the policy of a container does. */
static int helper_refuse_namespaces(char **words)
{
	struct sock_filter program[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(program) / sizeof(*program), program};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter))
		return -1;
	return execv(words[0], words);
}

static const struct {
	const char *name;
	int words; /* that it needs at least */
	int (*run)(char **words);
} attacks[] = {
    {"open", 2, attack_open},
    {"stat", 1, attack_stat},
    {"list", 1, attack_list},
    {"chmod", 2, attack_chmod},
    {"chown", 2, attack_chown},
    {"touch", 1, attack_touch},
    {"mkdir", 1, attack_mkdir},
    {"unlink", 1, attack_unlink},
    {"rename", 2, attack_rename},
    {"move", 2, attack_move},
    {"link", 2, attack_link},
    {"follow", 2, attack_follow},
    {"race", 2, attack_race},
    {"reopen", 1, attack_reopen},
    {"mknod", 2, attack_mknod},
    {"xattr", 2, attack_xattr},
    {"space", 1, attack_space},
    {"put", 1, attack_put},
    {"count", 1, attack_count},
    {"read-stdin", 0, attack_read_stdin},
    {"read-output", 0, attack_read_output},
    {"descriptors", 0, attack_descriptors},
    {"environment", 0, attack_environment},
    {"umask", 0, attack_umask},
    {"names", 0, attack_names},
    {"ids", 0, attack_ids},
    {"session", 0, attack_session},
    {"folder", 0, attack_folder},
    {"status", 2, attack_status},
    {"limit", 1, attack_limit},
    {"traffic", 0, attack_traffic},
    {"signal", 1, attack_signal},
    {"see", 1, attack_see},
    {"kill", 1, attack_kill},
    {"prlimit", 1, attack_prlimit},
    {"survive", 1, attack_survive},
    {"survive-then-wait", 1, attack_survive_then_wait},
    {"flee", 2, attack_flee},
    {"signal-all", 0, attack_signal_all},
    {"fork-bomb", 0, attack_fork_bomb},
    {"exit", 1, attack_exit},
    {"die", 1, attack_die},
    {"socket", 2, attack_socket},
    {"socketpair", 2, attack_socketpair},
    {"socketpair-high", 0, attack_socketpair_high},
    {"connect-port", 1, attack_connect_port},
    {"connect-unix", 1, attack_connect_unix},
    {"send-unix", 1, attack_send_unix},
    {"queue", 1, attack_queue},
    {"setuid", 1, attack_setuid},
    {"setgroups", 0, attack_setgroups},
    {"mount", 1, attack_mount},
    {"remount", 1, attack_remount},
    {"umount", 1, attack_umount},
    {"unshare", 1, attack_unshare},
    {"clone", 1, attack_clone},
    {"clone3", 1, attack_clone3},
    {"setns", 1, attack_setns},
    {"ioctl", 1, attack_ioctl},
    {"personality", 1, attack_personality},
    {"memory-exec", 0, attack_memory_exec},
    {"call", 1, attack_call},
    {"int80", 0, attack_int80},
    {"landlock", 0, helper_landlock},
    {"serve", 4, helper_serve},
    {"remove-queue", 1, helper_remove_queue},
    {"refuse-namespaces", 1, helper_refuse_namespaces},
};

/* HOST_FILE and the like stand for what the environment says. */
static char *host(char *word)
{
	char *value = strncmp(word, "HOST_", 5) ? word : getenv(word);

	if (value)
		return value;
	fprintf(stderr, "attack: %s is not in the environment\n", word);
	exit(2);
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(attacks) / sizeof(*attacks); i++) {
		int result;

		if (strcmp(argv[1], attacks[i].name) || argc - 2 < attacks[i].words)
			continue;
		for (char **word = argv + 2; *word; word++)
			*word = host(*word);
		result = attacks[i].run(argv + 2);
		if (result == -1)
			puts(strerrorname_np(errno));
		else if (result != FOUND)
			puts("done");
		return 0;
	}
	fprintf(stderr, "attack: there is no such attack\n");
	return 2;
}
