/*
 * The results of a build as a store of their own: what another store needs, copied over it, to
 * find the stages built. For layers of a container's image.
 */
#ifndef BUILD_PACK_H
#define BUILD_PACK_H

#include "build/build.h"

/* Copy to the folder at `path`, made when missing: the results of all wanted stages with their
 * output trees, and what is known of the sources and the tools root; no download, no source. */
int pack_results(const struct build *build, const char *path, struct err *e);

#endif
