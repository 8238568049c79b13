#include "sandbox/processes.h"

#include "base/cleanup.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The numbers of /proc/<pid>/stat from the fourth on. */
enum { PARENT, OWN = 10, OWN_KERNEL, CHILDREN, CHILDREN_KERNEL, THREADS = 16, NUMBERS };

static bool read_numbers(const char *text, long long ret_numbers[NUMBERS])
{
	for (size_t i = 0; i < NUMBERS; i++) {
		char *end;

		ret_numbers[i] = strtoll(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

static bool read_process(const char *pid, struct process *ret_process)
{
	_cleanup_close_ int fd = -1;
	char path[300], text[1024];
	long long numbers[NUMBERS];
	const char *behind_name;
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = 0;
	/* The name may hold anything, also `)`; behind it stands one letter, and then numbers. */
	behind_name = strrchr(text, ')');
	if (!behind_name || strlen(behind_name) < 3 || !read_numbers(behind_name + 3, numbers))
		return false;
	*ret_process = (struct process){
	    .pid = (pid_t)strtol(pid, NULL, 10),
	    .parent = (pid_t)numbers[PARENT],
	    .ticks = (uint64_t)(numbers[OWN] + numbers[OWN_KERNEL] + numbers[CHILDREN] +
				numbers[CHILDREN_KERNEL]),
	    .threads = (uint64_t)numbers[THREADS],
	};
	return true;
}

size_t processes_read(struct process **ret_processes)
{
	_cleanup_closedir_ DIR *folder = opendir("/proc");
	struct process *all = NULL;
	struct dirent *entry;
	size_t count = 0;

	while (folder && (entry = readdir(folder))) {
		if (*entry->d_name < '1' || *entry->d_name > '9')
			continue;
		all = xgrow(all, count, sizeof(*all));
		count += read_process(entry->d_name, &all[count]);
	}
	*ret_processes = all;
	return count;
}

/* Mark those whose parent is `ancestor` or marked; false when all were already. Of process 1 come
 * all others. */
static bool mark(struct process *all, size_t count, pid_t ancestor)
{
	bool has_marked = false;

	for (size_t i = 0; i < count; i++)
		for (size_t p = 0; p < count && !all[i].is_below && all[i].pid != ancestor; p++)
			if (ancestor == 1 || (all[p].pid == all[i].parent &&
						 (all[p].is_below || all[p].pid == ancestor)))
				has_marked = all[i].is_below = true;
	return has_marked;
}

void processes_mark_below(struct process *processes, size_t count, pid_t ancestor)
{
	while (mark(processes, count, ancestor))
		;
}

pid_t processes_wait(pid_t child, int *ret_status)
{
	for (;;) {
		pid_t ended = waitpid(child, ret_status, WUNTRACED);

		if (ended == child && WIFSTOPPED(*ret_status))
			kill(child, SIGKILL);
		else if (ended >= 0 || errno != EINTR)
			return ended;
	}
}
