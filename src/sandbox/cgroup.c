#include "sandbox/cgroup.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>
#include <time.h>

const struct cgroup cgroup_none = {
    .parent_fd = -1, .fd = -1, .cpu_fd = -1, .pids_fd = -1, .memory_fd = -1};

/* Write a number to one of its files. */
static int set(const struct cgroup *cgroup, const char *file, uint64_t value, struct err *e)
{
	_cleanup_close_ int fd = openat(cgroup->fd, file, O_WRONLY | O_CLOEXEC);
	char text[24];
	int length = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	if (fd < 0 || write(fd, text, (size_t)length) != length)
		return err_errno(e, "write %s of the step's cgroup", file);
	return 0;
}

static uint64_t default_memory(void)
{
	struct sysinfo machine;

	sysinfo(&machine); /* it fails for a wrong pointer only */
	return (uint64_t)machine.totalram * machine.mem_unit / 8 * 7;
}

/* The kernel asks RLIMIT_NPROC first, which tells nobody that it has refused. So that this limit is
 * the one that is met, it is one lower. */
static int set_limits(struct cgroup *cgroup, const struct limits *limits, struct err *e)
{
	uint64_t processes = limit_of(limits, LIMIT_PROCESSES);
	struct err no_swap;

	cgroup->memory = limits->most[LIMIT_MEMORY];
	if (!cgroup->memory)
		cgroup->memory = default_memory();
	if (set(cgroup, "memory.max", cgroup->memory, e) ||
	    /* Not one of its processes, which a script may not notice. */
	    set(cgroup, "memory.oom.group", 1, e) ||
	    set(cgroup, "pids.max", processes > 2 ? processes - 1 : processes, e))
		return -1;
	/* What is swapped out is used all the same. A kernel may be without. */
	if (limits->most[LIMIT_MEMORY] && set(cgroup, "memory.swap.max", 0, &no_swap) &&
	    no_swap.errnum != ENOENT) {
		*e = no_swap;
		return -1;
	}
	return 0;
}

static int open_files(struct cgroup *cgroup, struct err *e)
{
	cgroup->cpu_fd = openat(cgroup->fd, "cpu.stat", O_RDONLY | O_CLOEXEC);
	cgroup->pids_fd = openat(cgroup->fd, "pids.events", O_RDONLY | O_CLOEXEC);
	cgroup->memory_fd = openat(cgroup->fd, "memory.events", O_RDONLY | O_CLOEXEC);
	if (cgroup->cpu_fd < 0 || cgroup->pids_fd < 0 || cgroup->memory_fd < 0)
		return err_errno(e, "open the files of the step's cgroup");
	return 0;
}

int cgroup_make(
    const char *parent, const struct limits *limits, struct cgroup *ret_cgroup, struct err *e)
{
	_cleanup_close_ int folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct cgroup cgroup = cgroup_none;
	struct statfs system;

	if (folder < 0 || fstatfs(folder, &system))
		return err_errno(e, "open the cgroup %s", parent);
	if (system.f_type != CGROUP2_SUPER_MAGIC)
		return err_kind(e, ERR_INPUT, "%s is no cgroup of version 2", parent);
	snprintf(cgroup.name, sizeof(cgroup.name), CGROUP_PREFIX "%d", (int)getpid());
	/* One that is there was left by a process of this number, of which nothing is alive. */
	unlinkat(folder, cgroup.name, AT_REMOVEDIR);
	if (mkdirat(folder, cgroup.name, 0755))
		return err_errno(e, "make the cgroup %s/%s", parent, cgroup.name);
	cgroup.parent_fd = steal_fd(&folder);
	cgroup.fd = openat(cgroup.parent_fd, cgroup.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (cgroup.fd < 0)
		err_errno(e, "open the cgroup %s/%s", parent, cgroup.name);
	if (cgroup.fd < 0 || set_limits(&cgroup, limits, e) || open_files(&cgroup, e)) {
		cgroup_end(&cgroup);
		return -1;
	}
	*ret_cgroup = cgroup;
	return 0;
}

pid_t cgroup_fork(const struct cgroup *cgroup, unsigned long namespaces)
{
	struct clone_args arguments = {
	    .flags = namespaces | CLONE_INTO_CGROUP,
	    .exit_signal = SIGCHLD,
	    .cgroup = (unsigned)cgroup->fd,
	};

	/* Containers refuse the newer call. */
	if (cgroup->fd < 0)
		return (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* The number behind a word at the beginning of a line; 0 when it is not there. */
static uint64_t number_of(int fd, const char *word)
{
	char text[4096];
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);
	size_t length = strlen(word);

	if (got <= 0)
		return 0;
	text[got] = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, word, length) && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	}
	return 0;
}

uint64_t cgroup_cpu(const struct cgroup *cgroup)
{
	return number_of(cgroup->cpu_fd, "usage_usec");
}

uint64_t cgroup_refused_processes(const struct cgroup *cgroup)
{
	return number_of(cgroup->pids_fd, "max");
}

/* That the machine, or a cgroup above, ran out of it is told by another line, `oom_kill`. */
bool cgroup_ran_out_of_memory(const struct cgroup *cgroup)
{
	return number_of(cgroup->memory_fd, "oom");
}

void cgroup_remove(int parent, const char *name, int tries)
{
	static const struct timespec moment = {.tv_nsec = 5000000};

	while (unlinkat(parent, name, AT_REMOVEDIR) && errno == EBUSY && --tries > 0)
		nanosleep(&moment, NULL);
}

void cgroup_end(struct cgroup *cgroup)
{
	_cleanup_close_ int kill_fd = -1;

	if (cgroup->parent_fd < 0)
		return;
	/* Since Linux 5.14; in a namespace of process numbers nothing is left to kill anyway. */
	kill_fd = openat(cgroup->fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (kill_fd >= 0 && write(kill_fd, "1", 1) < 0)
		(void)0; /* what cannot be killed keeps it from being removed, below */
	cgroup_remove(cgroup->parent_fd, cgroup->name, 400);
	close(cgroup->parent_fd);
	for (size_t i = 0; i < 4; i++) {
		const int fds[] = {cgroup->fd, cgroup->cpu_fd, cgroup->pids_fd, cgroup->memory_fd};

		if (fds[i] >= 0)
			close(fds[i]);
	}
	*cgroup = cgroup_none;
}
