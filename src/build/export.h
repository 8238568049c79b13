/*
 * The folder that a build leaves, out/minsys: what the stages export, copied out of the store,
 * and manifest.json, which names every file's digest and all that it was made from. The folder
 * is replaced in one step; files in it that were edited since the last build are kept beside it.
 */
#ifndef BUILD_EXPORT_H
#define BUILD_EXPORT_H

#include "build/build.h"

struct export_outcome {
	bool replaced;	/* else it was as it should be */
	bool edited;	/* it was left alone, although something in it was edited */
	char kept[512]; /* where edited files of the replaced one went; "" when none were */
};

/* Bring the folder at `path` to what `build` made. All stages must have results. */
int export_build(
    const struct build *build, const char *path, struct export_outcome *ret_outcome, struct err *e);

#endif
