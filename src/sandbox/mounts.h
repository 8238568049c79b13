/*
 * The file system that a step sees, made through descriptors with the mount calls of Linux 5.12
 * on (fsopen, open_tree, move_mount, mount_setattr): no path that a build could have prepared is
 * ever resolved.
 *
 *   /            the tools root, read-only
 *   /proc        of the step's own pid namespace, processes only (subset=pid)
 *   /dev         null, zero, full, random, urandom and the links into /proc/self/fd; with a
 *                terminal of the step's own also tty, which is that one
 *   /tmp         a tmpfs of its own
 *   /minsys/…    what was named, read-only or writable
 */
#ifndef SANDBOX_MOUNTS_H
#define SANDBOX_MOUNTS_H

#include "sandbox/options.h"

/* What is open on the way. */
struct mounts {
	int root_fd;
	int device_fds[6];
};

/* Open the root, the devices and the sources of all binds as mounts of their own. Needs
 * CAP_SYS_ADMIN over the current mount namespace; done before root becomes another user, so that
 * sources below folders of mode 0700 can be had. */
int mounts_open(struct options *options, struct mounts *ret_mounts, struct err *e);

/* Put them together and make the result this process's `/`. In a mount namespace of its own. */
int mounts_enter(const struct options *options, struct mounts *mounts, struct err *e);

/* Try the calls of the above that a kernel or its policy may refuse. */
int mounts_trial(struct err *e);

#endif
