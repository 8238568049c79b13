/*
 * Folders put in their places below /minsys on the machine's own `/`, for an isolation that
 * cannot mount (landlock): a step must find them there as real folders, since links would show
 * the store's paths in outputs. They are moved, or copied where moving is impossible, and moved
 * back. One runner at a time holds /minsys.
 */
#ifndef BUILD_PLACE_H
#define BUILD_PLACE_H

#include "sandbox/sandbox.h"

struct place_move;

struct places {
	struct place_move *moves;
	size_t count;
	int lock_fd;
};

/* Put each bind's source at its destination, and make that its source; the strings become this
 * one's. Waits while another runner holds /minsys. places_return() is due in any case. */
int places_take(struct places *places, struct sandbox_bind *binds, size_t count, struct err *e);

/* Put everything back to where it came from. */
int places_return(struct places *places, struct err *e);

#endif
