/*
 * Waiting until a file changes that a project is built from: below stages/, targets/ and
 * toolchain/, and in folders of the project that are sources.
 */
#ifndef BUILD_CHANGES_H
#define BUILD_CHANGES_H

#include "base/buf.h"
#include "plan/plan.h"

struct changes;

struct changes *changes_open(const char *project);
void changes_close(struct changes *changes);

/* From now on a change counts of all that is below stages/, targets/ and toolchain/, and in the
 * sources that the last plan had; those from before do not. What is read of the project after this
 * is as new as what is waited for. */
int changes_begin(struct changes *changes, struct err *e);

/* What the plan names is all that counts, its sources included. */
int changes_narrow(struct changes *changes, const struct plan *plan, struct err *e);

/* Wait for a change, if there was none yet, and until nothing has changed for a moment. Adds to
 * `ret_what` what did, in words; names in it may hold any byte. */
int changes_wait(struct changes *changes, struct buf *ret_what, struct err *e);

#endif
