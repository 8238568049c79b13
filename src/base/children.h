/*
 * The child processes that work for this one, so that whoever is told to stop can end all of them
 * at once, from another thread than those that wait for them.
 */
#ifndef BASE_CHILDREN_H
#define BASE_CHILDREN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct children {
	pthread_mutex_t lock;
	pid_t *pids;
	size_t count;
	bool is_over; /* new ones are ended at once */
};

/* A descriptor of this process that a child is to have as another number. */
struct child_fd {
	int from, as;
};

/* As fork(2), but it returns in the parent when the child has become another program, or ended:
 * until it calls child_begin() a child holds what files this process has open, for writing too, and
 * a program that is written to cannot be run (ETXTBSY). (The kernel would close them a moment after
 * the parent goes on, if that were left to close-on-exec.) */
pid_t children_fork(void);

/* Wait until no child holds a file that was closed here before. */
void children_settle(void);

/* In a child, between fork and exec, where only async-signal-safe calls may be made: die with the
 * thread that called fork, in the process `parent`; have a process group of one's own, since what
 * the terminal's signals mean is for the parent to decide; block no signal; and have only
 * descriptors 0 to 2 and those of `fds`, which is in the order of `as`. -1 with errno set when
 * something of that failed. */
int child_begin(pid_t parent, struct child_fd *fds, size_t count);

/* With NULL in place of `children` each of these does what is left to do without a list. */

void children_open(struct children *children);
void children_close(struct children *children);

/* One was started. */
void children_add(struct children *children, pid_t pid);

/* Wait for the end of one that was added, which is none of them then. As waitpid(2) with no
 * options, but goes on when a signal has interrupted it. */
pid_t children_wait(struct children *children, pid_t pid, int *ret_status);

/* End all, by SIGKILL, and those that are added from now on; returns when all have ended. */
void children_end(struct children *children);

#endif
