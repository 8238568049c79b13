/*
 * The folder that a build leaves, out/minsys: what the stages export, copied out of the store,
 * and manifest.json, which names every file's digest and all that it was made from. The folder
 * is replaced in one step. Files in it that were edited since the last build are kept beside it;
 * if a runner is killed before it has done so, the next one does.
 */
#ifndef BUILD_EXPORT_H
#define BUILD_EXPORT_H

#include "build/build.h"

struct export_outcome {
	bool replaced;	 /* else it was as it should be */
	bool edited;	 /* it was left alone, although something in it was edited */
	struct buf kept; /* paths of the folders where edited files went, with commas; may be
			    empty; the caller's to free, after a failure too */
};

/* May a result go to `path`? Refused (ERR_INPUT) is what is no folder, and a folder that holds
 * anything but a result: it would be replaced. *ret_path, which the caller frees, is the path
 * without slashes at its end, and without a link in its last place. */
int export_check(const char *path, char **ret_path, struct err *e);

/* Is nothing beside it that a runner left there which was killed, or is not done yet? */
bool export_is_tidy(const char *path);

/* Bring the folder at `path`, which export_check() gave, to what `build` made. All wanted stages
 * must have results. */
int export_build(
    struct build *build, const char *path, struct export_outcome *ret_outcome, struct err *e);

#endif
