#include "base/children.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Held for reading while a child is no other program yet. */
static pthread_rwlock_t is_starting = PTHREAD_RWLOCK_INITIALIZER;

/* CLONE_VFORK without CLONE_VM: the child has memory of its own. */
pid_t children_fork(void)
{
	pid_t pid;

	pthread_rwlock_rdlock(&is_starting);
	pid = (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid)
		pthread_rwlock_unlock(&is_starting);
	return pid;
}

void children_settle(void)
{
	pthread_rwlock_wrlock(&is_starting);
	pthread_rwlock_unlock(&is_starting);
}

/* The numbers to be taken may be in use: all are out of the way first. */
static int take_descriptors(struct child_fd *fds, size_t count)
{
	unsigned next = 3;

	for (size_t i = 0; i < count; i++)
		if ((fds[i].from = fcntl(fds[i].from, F_DUPFD, 16)) < 0)
			return -1;
	for (size_t i = 0; i < count; i++) {
		unsigned as = (unsigned)fds[i].as;

		if (dup2(fds[i].from, fds[i].as) < 0 || (as > next && close_range(next, as - 1, 0)))
			return -1;
		if (as >= next)
			next = as + 1;
	}
	return close_range(next, ~0U, 0);
}

int child_begin(pid_t parent, struct child_fd *fds, size_t count)
{
	sigset_t none;

	sigemptyset(&none);
	/* In the background of a terminal with `tostop`, a line of progress would stop it for good.
	 */
	signal(SIGTTOU, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent || setpgid(0, 0) ||
	    take_descriptors(fds, count))
		return -1;
	return sigprocmask(SIG_SETMASK, &none, NULL);
}

void children_open(struct children *children)
{
	*children = (struct children){
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	};
}

void children_close(struct children *children)
{
	pthread_mutex_destroy(&children->lock);
	free(children->pids);
}

void children_add(struct children *children, pid_t pid)
{
	if (!children)
		return;
	pthread_mutex_lock(&children->lock);
	children->pids = xgrow(children->pids, children->count, sizeof(*children->pids));
	children->pids[children->count++] = pid;
	if (children->is_over)
		kill(pid, SIGKILL);
	pthread_mutex_unlock(&children->lock);
}

static void forget(struct children *children, pid_t pid)
{
	for (size_t i = 0; i < children->count; i++)
		if (children->pids[i] == pid) {
			children->pids[i] = children->pids[--children->count];
			break;
		}
}

pid_t children_wait(struct children *children, pid_t pid, int *ret_status)
{
	pid_t ended;
	siginfo_t info;

	/* Until it is waited for, its number is nobody else's. */
	while (children && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	if (children)
		pthread_mutex_lock(&children->lock);
	while ((ended = waitpid(pid, ret_status, 0)) < 0 && errno == EINTR)
		;
	if (children) {
		forget(children, pid);
		pthread_mutex_unlock(&children->lock);
	}
	return ended;
}

void children_end(struct children *children)
{
	siginfo_t info;

	if (!children)
		return;
	pthread_mutex_lock(&children->lock);
	children->is_over = true;
	for (size_t i = 0; i < children->count; i++)
		kill(children->pids[i], SIGKILL);
	/* Nobody else can have waited for one of them before this lets go of the lock. */
	for (size_t i = 0; i < children->count; i++)
		while (waitid(P_PID, (id_t)children->pids[i], &info, WEXITED | WNOWAIT) &&
		       errno == EINTR)
			;
	pthread_mutex_unlock(&children->lock);
}
