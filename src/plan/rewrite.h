/*
 * New pins in stages/sources.yaml, with everything else of it, comments too, left as it is.
 */
#ifndef PLAN_REWRITE_H
#define PLAN_REWRITE_H

#include "base/buf.h"
#include "plan/plan.h"

/* What `minsys update` learned about one source. */
struct new_pins {
	const char *version;
	const struct origin *origins; /* as many as the source has, in the same order; one with
					 a NULL location is removed: no place has it */
};

/* The location that an origin of `source` has for another version: the old version replaced
 * wherever it stands, and with it a leading part of it that names a folder, as in v6.x. NULL
 * when the old version does not stand in it. The caller frees it. */
char *location_of_version(const char *location, const char *old_version, const char *new_version);

/* The text of stages/sources.yaml with the pins of a source replaced. The file must still be as
 * it was when the plan was loaded, and the new text is read back before it is handed out; what
 * is written in a way that cannot be edited like this (flow mappings over several lines, mostly) is
 * ERR_INPUT. */
int sources_rewrite(const struct plan *plan, const struct source *source,
    const struct new_pins *pins, struct buf *ret_text, struct err *e);

#endif
