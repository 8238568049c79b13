/*
 * Where the logs of a stage are: logs/<key of its action>.log holds what its last run printed.
 */
#ifndef BUILD_LOG_H
#define BUILD_LOG_H

#include "base/digest.h"
#include "base/err.h"
#include "store/store.h"

#include <stdbool.h>

/* The action of a stage whose log was written to last: by a build that runs, or else by the last
 * one. Builds of other projects do not count, as far as that is known. A log that is not there is
 * ERR_INPUT. */
int log_find(struct store *store, const char *project, const char *stage, struct digest *ret_key,
    struct err *e);

/* The action that a stage was in the build whose record history_find() finds by `build`. What there
 * is to be said about its log, in a sentence, is *ret_note, which the caller frees; NULL: nothing.
 */
int log_find_of(struct store *store, const char *stage, const char *build, struct digest *ret_key,
    char **ret_note, struct err *e);

/* Open the log of an action; returns the descriptor. */
int log_open(struct store *store, const struct digest *key, struct err *e);

/* Is that action being built? */
bool log_is_growing(struct store *store, const struct digest *key);

#endif
