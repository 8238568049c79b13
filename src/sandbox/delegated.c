#include "sandbox/delegated.h"

#include "base/file.h"
#include "base/memory.h"
#include "sandbox/cgroup.h"

#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#define OWN_PREFIX "minsys-runner-"

static bool is_cgroup2(const char *path)
{
	struct statfs system;

	return !statfs(path, &system) && system.f_type == CGROUP2_SUPER_MAGIC;
}

/* This process's own folder; the caller frees it. NULL with an error when there is none to see. */
static char *find_own(struct err *e)
{
	static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	_cleanup_buf_ struct buf text = {0};
	const char *line;

	if (file_read(AT_FDCWD, "/proc/self/cgroup", 65536, &text, e))
		return NULL;
	line = strstr(buf_text(&text), "0::/");
	for (size_t i = 0; line && i < sizeof(mounts) / sizeof(*mounts); i++)
		if (is_cgroup2(mounts[i]))
			return xasprintf(
			    "%s%.*s", mounts[i], (int)strcspn(line + 3, "\n"), line + 3);
	err_set(e, "there is no cgroup file system of version 2 at /sys/fs/cgroup");
	return NULL;
}

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *at = text; *at; at += strcspn(at, " \n"), at += strspn(at, " \n"))
		if (strcspn(at, " \n") == length && !strncmp(at, word, length))
			return true;
	return false;
}

static int check(const char *cgroup, struct err *e)
{
	_cleanup_free_ char *offered = xasprintf("%s/cgroup.controllers", cgroup);
	_cleanup_buf_ struct buf text = {0};

	if (file_read(AT_FDCWD, offered, 65536, &text, e))
		return -1;
	if (!has_word(buf_text(&text), "memory") || !has_word(buf_text(&text), "pids"))
		return err_set(e, "%s has no controllers `memory` and `pids` to give on", cgroup);
	return geteuid() ? 0
			 : err_set(e, "root may write to every cgroup, and which of them is its "
				      "own nobody says");
}

static int write_to(const char *cgroup, const char *file, const char *text, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", cgroup, file);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return err_errno(e, "write %s", path);
	return 0;
}

/* What runners and supervisors that were killed have left is empty, which is what the kernel asks
 * for, or will be. */
static void sweep(const char *cgroup, int tries)
{
	_cleanup_closedir_ DIR *folder = opendir(cgroup);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (!strncmp(entry->d_name, OWN_PREFIX, strlen(OWN_PREFIX)) ||
		    !strncmp(entry->d_name, CGROUP_PREFIX, strlen(CGROUP_PREFIX)))
			cgroup_remove(dirfd(folder), entry->d_name, tries);
}

/* A process of a step's would be started so. */
static int try_out(const char *cgroup, struct err *e)
{
	struct cgroup step;
	pid_t child;

	if (cgroup_make(cgroup, &(struct limits){0}, &step, e))
		return -1;
	child = cgroup_fork(&step, 0);
	if (!child)
		_exit(0);
	if (child < 0)
		err_errno(e, "start a process in the cgroup %s/%s", cgroup, step.name);
	else
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	cgroup_end(&step);
	return child < 0 ? -1 : 0;
}

static int enable(const struct delegated *d, struct err *e)
{
	if (!write_to(d->path, "cgroup.subtree_control", "+memory +pids", e))
		return 0;
	return e->errnum == EBUSY ? err_set(e, "other processes are in the cgroup %s too", d->path)
				  : -1;
}

/* Who gives controllers on can have no process; this one is back when it gives none any more. */
static void go_back(const struct delegated *d)
{
	struct err ignored;

	write_to(d->path, "cgroup.subtree_control", "-memory -pids", &ignored);
	write_to(d->path, "cgroup.procs", "0", &ignored);
}

static int take(const struct delegated *d, struct err *e)
{
	if (check(d->path, e) || write_to(d->own, "cgroup.procs", "0", e))
		return -1;
	if (!enable(d, e) && !try_out(d->path, e))
		return 0;
	go_back(d);
	return -1;
}

static void forget(struct delegated *d)
{
	free(d->path);
	free(d->own);
	*d = (struct delegated){0};
}

int delegated_open(struct delegated *ret_delegated, struct err *e)
{
	struct delegated d = {.path = find_own(e)};

	if (!d.path)
		return -1;
	sweep(d.path, 1);
	d.own = xasprintf("%s/" OWN_PREFIX "%d", d.path, (int)getpid());
	if (mkdir(d.own, 0755))
		err_errno(e, "make a cgroup in %s", d.path);
	else if (!take(&d, e)) {
		*ret_delegated = d;
		return 0;
	} else
		rmdir(d.own);
	forget(&d);
	return -1;
}

void delegated_close(struct delegated *delegated)
{
	if (!delegated->path)
		return;
	sweep(delegated->path, 200);
	go_back(delegated);
	rmdir(delegated->own);
	forget(delegated);
}
