/*
 * What attacks are made on: a tools root, inputs, an output, things of the machine beside them and
 * a process. All of it is new, and gone afterwards.
 */
#ifndef ATTACK_GROUND_H
#define ATTACK_GROUND_H

#include "base/err.h"
#include "serve.h"
#include "table.h"

#define GROUND_HOSTS 16

struct ground {
	enum column column;
	uid_t victim;  /* whose the things outside are */
	char *base;    /* a temporary folder */
	char *root;    /* what becomes `/`, without its slash: "" where it is `/` already */
	char *place;   /* what stands before /minsys/in and the like, outside */
	char *made[8]; /* paths to be removed */
	int made_count;
	char *hosts[GROUND_HOSTS]; /* NAME=VALUE, that words HOST_NAME stand for */
	int host_count;
	struct server server;
	bool is_served;
};

/* Make it. Where it is not `/` that becomes `/`, that is below /tmp or $TMPDIR; else also in
 * /minsys and /bin, where nothing of it may be there already. It is to be removed also on failure,
 * and `ret_ground` zeroed before. */
int ground_make(struct ground *ret_ground, enum column column, struct err *e);

/* Empty what the step before has written to. */
int ground_renew(struct ground *ground, struct err *e);

/* What the attacks did to it all in all: NULL when nothing. Ends the process. */
const char *ground_harm(struct ground *ground);

/* Remove all of it. */
int ground_remove(struct ground *ground, struct err *e);

#endif
