/*
 * The ways to isolate a step, and what they have in common: a supervisor (minsys-sandbox itself)
 * starts one process, init, which sets up, starts the command and outlives all that comes of it.
 * Each file of an isolation begins with what it gives.
 */
#ifndef SANDBOX_ISOLATION_H
#define SANDBOX_ISOLATION_H

#include "sandbox/mounts.h"
#include "sandbox/options.h"
#include "sandbox/status.h"
#include "sandbox/terminal.h"
#include "sandbox/watch.h"

#include <sys/types.h>

/* A step under way. */
struct step {
	const struct isolation *isolation;
	struct options *options;
	struct mounts mounts;
	bool mounts_are_open;
	uid_t outer_uid; /* the step's, as the machine sees it */
	gid_t outer_gid;
	const char
	    *weaker; /* why the isolation holds only in its weaker form; NULL: it does in full */
	struct cgroup cgroup;
	struct watch watch; /* init's */
	bool is_started;
	int report_fd; /* init and the command tell the supervisor on it */
	int life_fd;   /* read end of a pipe that only the supervisor can write to */
};

struct isolation {
	const char *name;
	unsigned long namespaces; /* of init: CLONE_NEW... */
	int end_signal;		  /* ends init, and with it everything */
	/* In the supervisor, before init is started. */
	int (*prepare)(struct step *step, struct err *e);
	/* In init: returns the command's status once nothing of it is alive, 0 for a trial. */
	int (*run)(struct step *step, struct err *e);
	/* Put behind the error of making the namespaces what the user can do. */
	void (*advise)(struct err *e);
};

extern const struct isolation isolation_userns, isolation_landlock;
/* NULL when there is none of that name. */
const struct isolation *isolation_find(const char *name);

/* Run what the options say; returns when all is over. -1 means that the command did not run. */
int isolation_run(const struct isolation *isolation, struct options *options,
    struct sandbox_report *ret_report, struct err *e);

/* For the isolations: become the command, in a process of its own. */
void isolation_exec(const struct options *o, int report_fd) __attribute__((noreturn));
/* confine_process() with the step's limits. */
int isolation_confine(const struct step *step, struct err *e);
/* Tell the supervisor, or end the process. */
void isolation_report(int fd, const struct sandbox_report *report);
/* 0 to 255, or 128 + n when signal n ended it. */
int isolation_status(int wait_status);
/* Make what the step may write to belong to `uid`: the folders, and what is in those that are given
 * with it, and its standard streams as far as they are its own. */
int isolation_give(const struct options *o, uid_t uid, struct err *e);

#endif
