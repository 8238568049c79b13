/*
 * One kind of work on many things, by all processors at once.
 */
#ifndef BASE_PARALLEL_H
#define BASE_PARALLEL_H

#include <stddef.h>

/* How many processors this process may run on. */
unsigned processor_count(void);

/*
 * Call work(context, i) once for each i below `count`, begun in this order, by as many threads as
 * there are processors (16 at most), of which the calling one is one. Returns when all have ended.
 * No signal is delivered to the others, and where none can be started the calling one does it all.
 */
void parallel_for(size_t count, void (*work)(void *context, size_t i), void *context);

#endif
