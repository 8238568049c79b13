/*
 * Running one command in a sandbox, by way of the program minsys-sandbox, which alone runs build
 * code. This half is linked into minsys; it sets nothing up itself.
 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/children.h"
#include "base/err.h"
#include "sandbox/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A file in the tools root by which it is known where it is `/`; it holds the lock's digest. */
#define TOOLS_ROOT_MARK "/etc/minsys-tools-root"

/* A file or folder of the host that the command sees at `destination`. */
struct sandbox_bind {
	const char *source;
	const char *destination; /* absolute, without `.`, `..` or empty parts */
	bool writable;
	bool is_given; /* with all that is in it, to the command's user; it is writable then */
};

struct sandbox_spec {
	const char *program;   /* path of minsys-sandbox */
	const char *isolation; /* "userns", "landlock" */
	const char *root;      /* folder that becomes `/`, read-only */
	const struct sandbox_bind *binds;
	size_t bind_count;
	const char *const *env; /* NULL-terminated K=V: all that the command gets */
	const char *directory;	/* where it starts */
	const char *const *command;
	/* Of time and processors: 0 is none. Of the others: 0 is the default, which for memory is
	 * one in a cgroup only (cgroup_make()). */
	struct limits limits;
	const char *cgroup; /* see --cgroup; NULL: none */
	int output_fd;	    /* becomes its standard output and error */
	/* Ends of a pipe, read and write, that the command finds as descriptors SANDBOX_JOBSERVER
	   and the next one; NULL: none. */
	const int *jobserver;
	int error_fd;		   /* becomes its standard error alone; 0: it does not */
	int input_fd;		   /* a pipe that becomes its standard input; 0: it reads nothing */
	int terminal_fd;	   /* becomes all three, and controls it; 0: there is none */
	struct children *children; /* that it is one of while it runs; NULL: no such list */
};

#define SANDBOX_JOBSERVER 4

/* A sandbox that runs. */
struct sandbox_process {
	pid_t pid;
	int error_fd; /* pipe on which set-up would report why it failed */
	struct children *children;
};

struct sandbox_outcome {
	int status;	     /* the command's: 0 to 255, or 128 + n when signal n ended it */
	enum limit exceeded; /* it was ended by this one; LIMIT_NONE: by none */
	uint64_t most;	     /* the value of that */
	char weaker[SANDBOX_WEAKER_SIZE]; /* why the isolation held only in its weaker form; "" */
};

/* Is the program there, this or another that stands beside minsys? If not, the error says where it
 * comes from. */
int sandbox_check(const char *program, struct err *e);

/* Start it. The process dies with the calling thread. */
int sandbox_start(
    const struct sandbox_spec *spec, struct sandbox_process *ret_process, struct err *e);
/* Wait for its end; when this returns nothing that it started is alive. A set-up that failed is
 * an error (ERR_ENVIRONMENT), apart from a command that failed. Releases the process either way. */
int sandbox_wait(
    struct sandbox_process *process, struct sandbox_outcome *ret_outcome, struct err *e);

/* Learn by doing whether an isolation works on this machine, and in which form. On failure `e`
 * says what was tried, what the kernel answered, and what the user can do. */
int sandbox_trial(
    const char *program, const char *isolation, struct sandbox_outcome *ret_outcome, struct err *e);

#endif
