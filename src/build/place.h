/*
 * Folders put in their places below /minsys on the machine's own `/`, for an isolation that
 * cannot mount (landlock): a step must find them there as real folders, since links would show
 * the store's paths in outputs. They are moved, or copied where moving is impossible, and moved
 * back; what may be written to is empty in place of a copy. One runner at a time holds /minsys; its
 * steps share what several of them start from.
 */
#ifndef BUILD_PLACE_H
#define BUILD_PLACE_H

#include "sandbox/sandbox.h"

#include <pthread.h>

struct place_move;

/* All that one runner has in places. */
struct places {
	pthread_mutex_t lock;
	struct place_move *moves;
	size_t count;
	int lock_fd; /* of /minsys, held while there is any; -1: it is not held */
};

void places_open(struct places *places);
void places_close(struct places *places);

/* Put each bind's source at its destination, and make that its source; the strings become this
 * one's. Waits while another runner holds /minsys. After a failure nothing is taken. */
int places_take(struct places *places, struct sandbox_bind *binds, size_t count, struct err *e);

/* Put back to where it came from what nobody else uses. */
int places_return(
    struct places *places, const struct sandbox_bind *binds, size_t count, struct err *e);

#endif
