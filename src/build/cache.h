/*
 * The compiler cache of a stage: what its compilers made, kept between builds in the store's
 * ccache/<stage> by the program ccache of the tools root. It is state that earlier steps wrote,
 * and that no key knows of. So only a build that asks for it has it, and only for the stages that
 * say `ccache: true`; what was built with it is recorded as such, and `minsys check` goes without.
 * A step sees the cache of its own stage alone: what it leaves there can mislead no other.
 */
#ifndef BUILD_CACHE_H
#define BUILD_CACHE_H

#include "build/step.h"

struct cache {
	char *folder; /* absolute path; NULL: none is taken */
	int fd;	      /* holds the lock */
};

/* What the entries of an action's cache are valid for: its tools root and all that it needs, which
 * may hold compilers. Its sources and files are none of it: ccache looks at those itself. */
struct digest cache_scope(const struct action *action);

/*
 * Take the cache of a step, which is made when it is not there; it is to be released. Runners of
 * one uid use it together; root's, each step of which has another uid, wait for each other. A tools
 * root without ccache is ERR_INPUT.
 */
int cache_take(
    const struct step_host *host, const struct step *step, struct cache *ret_cache, struct err *e);
void cache_release(struct cache *cache);

/* Put the program that ccache preprocesses with (src/cpp/main.c) to temp_fd/cpp/, where a step
 * can run it whatever its isolation. One that is not there is ERR_ENVIRONMENT. */
int cache_copy_preprocessor(const struct step_host *host, int temp_fd, struct err *e);

#endif
