/*
 * Ownership. A local that owns something says so with one of these attributes and is released
 * when it leaves scope; steal_fd() and steal_ptr() hand it over. Descriptors start as -1,
 * pointers as NULL.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(release) __attribute__((cleanup(release)))
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

/* Releasing keeps errno, so that an error path can still report it. */
static inline void cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static inline void cleanup_fclose(FILE **file)
{
	int saved = errno;

	if (*file)
		fclose(*file);
	errno = saved;
}

static inline void cleanup_closedir(DIR **directory)
{
	int saved = errno;

	if (*directory)
		closedir(*directory);
	errno = saved;
}

static inline int steal_fd(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

static inline void *steal_ptr_(void *address)
{
	void *stolen = *(void **)address;

	*(void **)address = NULL;
	return stolen;
}
#define steal_ptr(address) ((__typeof__(*(address)))steal_ptr_(address))

#endif
