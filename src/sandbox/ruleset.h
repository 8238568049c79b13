/*
 * Landlock (Documentation/userspace-api/landlock.rst of Linux): a process gives up all access to
 * files but to those below folders that it names, for itself and all that it will start. Each
 * kernel knows some rights, told by its ABI version; all that it knows are taken.
 */
#ifndef SANDBOX_RULESET_H
#define SANDBOX_RULESET_H

#include "base/err.h"

#include <stdbool.h>

/* The version of this kernel's Landlock; 0, and errno, when there is none. */
int ruleset_abi(void);

struct ruleset {
	int fd;
	unsigned long long handled; /* rights on files that need a rule */
};

/* Begin one that allows nothing: no file, no port, no signal and no unix socket of a
 * process outside (each as far as the kernel knows it). */
int ruleset_begin(struct ruleset *ret_ruleset, struct err *e);

enum ruleset_access {
	RULESET_READ,	  /* read, list and execute */
	RULESET_WRITE,	  /* these, and make, change and remove all but device nodes */
	RULESET_DEVICE,	  /* read and write one file */
	RULESET_TERMINAL, /* the same, and command it (ioctl) */
};

/* Allow it below `path` (for RULESET_DEVICE and RULESET_TERMINAL: of it); links in `path` are
 * followed. What is not there is an error, or with `optional` none. */
int ruleset_allow(struct ruleset *ruleset, const char *path, enum ruleset_access access,
    bool optional, struct err *e);

/* The same for what is open as `fd`; `path` names it in errors. */
int ruleset_allow_fd(
    struct ruleset *ruleset, int fd, const char *path, enum ruleset_access access, struct err *e);

/* Let it hold for this process from now on; no_new_privs must be set. Releases it, also on
 * failure. */
int ruleset_enforce(struct ruleset *ruleset, struct err *e);

#endif
