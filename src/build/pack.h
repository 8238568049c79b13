/*
 * Parts of a store as a store of their own: what another one needs, copied over it, to find
 * something done. For layers of a container's image. Each goes to the folder at `path`, which is
 * made when missing.
 */
#ifndef BUILD_PACK_H
#define BUILD_PACK_H

#include "build/build.h"

/* The results of all wanted stages with their output trees, and what is known of the sources and
 * the tools root; no download, no source. */
int pack_results(const struct build *build, const char *path, struct err *e);

/* What the wanted sources are unpacked from. */
int pack_downloads(const struct build *build, const char *path, struct err *e);

/* What is known of the tools root: enough for a machine whose `/` it is. */
int pack_tools(const struct inputs *inputs, const char *path, struct err *e);

#endif
