/*
 * Isolation by namespaces: own user, mount, pid, network, IPC, UTS and cgroup namespaces. It
 * gives, and the tests hold it to:
 * - the step sees the file system of sandbox/mounts.h and nothing else of the machine's;
 * - it has one uid, 1000, no capability, and no way to more;
 * - it has no network, not even loopback;
 * - when it ends, or minsys-sandbox dies, or the program that started that (with --report-fd),
 *   nothing of it is alive;
 * - it can write to what standard output and error are, and read from neither a terminal nor
 *   standard input.
 * What it does not hide: /proc/self/mountinfo names the machine's paths of what is shown, and
 * /proc/self/uid_map the uid outside. Memory has no limit but that of the cgroup it was started in.
 */
#ifndef SANDBOX_USERNS_H
#define SANDBOX_USERNS_H

#include "sandbox/options.h"
#include "sandbox/status.h"

/* Run what the options say; returns when all is over. -1 means that the command did not run. */
int userns_run(struct options *options, struct sandbox_report *ret_report, struct err *e);

#endif
