/*
 * manifest.json: what a build made and from what. The same inputs give the same text on every
 * machine.
 */
#ifndef BUILD_MANIFEST_H
#define BUILD_MANIFEST_H

#include "build/build.h"

/* Something exported: an entry of an output, with all below it when it is a folder. */
struct exported {
	const char *path; /* below out/minsys */
	const char *from; /* below the output; "." for all of it */
	const struct digest *tree;
	bool is_sure; /* nobody need read it back: it was hashed just now, or is the checked copy
			 that the last result has */
};

/* The one time that every file of the result carries, in seconds. */
int64_t manifest_time(const struct build *build);

/* Is this the manifest of a result? If it says which time that carries, so does *ret_time. */
bool manifest_read(const struct buf *text, int64_t *ret_time);

/* All that the stages that were asked for export, sorted by path. The caller frees the array. */
struct exported *manifest_exports(const struct build *build, size_t *ret_count);

/* Write the manifest. An export that its output does not hold is ERR_INPUT. */
int manifest_write(const struct build *build, const struct exported *exports, size_t count,
    struct buf *ret_text, struct err *e);

/*
 * Read back what was copied to the folder `fd`, and compare it with what the manifest says: a disk
 * may have changed what the store holds. What is sure is left out. *ret_damaged is an
 * export that is not as it should be, NULL when all are.
 */
int manifest_check(const struct build *build, const struct exported *exports, size_t count, int fd,
    const struct exported **ret_damaged, struct err *e);

#endif
