/*
 * How many processes run at once in all stages together. There is one token for each that may:
 * a running stage holds one from its beginning to its end, and the others are moved to where they
 * are wanted. GNU make takes a token from a pipe before it starts another process, and puts it
 * back afterwards (the jobserver protocol: "POSIX Jobserver Interaction" in make's manual). Each
 * stage has a pipe of its own, so that none can take another's tokens, or keep them by being
 * killed. At every moment: those that are free, those given to stages, and one a running stage make
 * up all that there are.
 */
#ifndef BUILD_JOBSERVER_H
#define BUILD_JOBSERVER_H

#include "base/err.h"
#include "plan/plan.h"

#include <poll.h>
#include <pthread.h>

struct jobserver {
	pthread_mutex_t lock;
	unsigned total;
	unsigned free;
	struct jobserver_client **clients; /* the one that time depends on most comes first */
	size_t count;
};

/* A running stage. */
struct jobserver_client {
	struct jobserver *jobserver;
	enum stage_jobserver style;
	uint64_t weight; /* how much depends on it */
	int ends[2];	 /* of the pipe, for the stage: read, write; -1: it gets none */
	int fd;		 /* the same pipe, for this program; -1: not yet there, or never */
	unsigned given;	 /* tokens, beside its own */
	unsigned rest;	 /* how many more looks it counts as not hungry, having left some unused */
	bool is_hungry;
};

void jobserver_open(struct jobserver *jobserver, unsigned tokens);
void jobserver_close(struct jobserver *jobserver);

/* Give a stage that is to begin its token, and with JOBSERVER_SHARE its share: that of one among
 * `stages` that want to run. False: there is no free token now, or no pipe for want of descriptors
 * (then `e` says why, and is empty otherwise). */
bool jobserver_enter(struct jobserver *jobserver, struct jobserver_client *client,
    enum stage_jobserver style, uint64_t weight, size_t stages, struct err *e);
/* All its tokens are free again, wherever they are. */
void jobserver_leave(struct jobserver_client *client);

/* Make the fifo <name> in the folder `dirfd`, for a client with JOBSERVER_FIFO. */
int jobserver_make_fifo(
    struct jobserver_client *client, int dirfd, const char *name, struct err *e);

/* Move tokens to those who want more: to be called again and again while any stage runs. With
 * `is_wanted` a stage waits for a token: take one back where one is not in use. Returns in how many
 * milliseconds to call again, at most. */
int jobserver_balance(struct jobserver *jobserver, bool is_wanted);
/* What to watch for tokens that come back: fills ret_polls, which has room for one a client. */
size_t jobserver_polls(struct jobserver *jobserver, struct pollfd *ret_polls);

#endif
