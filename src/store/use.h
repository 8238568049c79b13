/*
 * Who uses the store, and what of it, so that garbage collection can run at any time. Invariants:
 *
 * - Whoever has a store open holds a lock (fcntl's open file description lock, shared) on one byte
 *   of locks/store: the one whose offset is the time of opening, in milliseconds since 1970. So
 *   anyone can learn when the oldest of those that are at work began, and a runner that is killed
 * is gone from there at once. Nothing is written for it.
 * - What a runner uses has a time of use: its mtime (a tree's is that of its `manifest`, as a
 *   tree's own are fixed). Using is store_use(): it sees to it that this time is no older than
 *   USE_FRESH before now, or before the runner began, whichever is later, and only then looks
 *   whether the thing is there. Most things are fresh, and cost one fstatat(2).
 * - Garbage collection removes a thing only while it holds the gate, another byte of locks/store,
 *   and after having seen, with the gate held, that the thing was not used since USE_FRESH before
 *   the oldest runner began. Runners hold the gate (shared) while they announce themselves, and
 * while they set a time of use. So whoever has been told that a thing is there has it until he
 * closes the store, and whoever is told that it is not makes it again.
 * - A runner that cannot set the time of something old (the store is read-only for it) holds all of
 *   it instead, as if it had begun in 1970.
 */
#ifndef STORE_USE_H
#define STORE_USE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define USE_FRESH 60000 /* milliseconds */

struct store;

/* Announce that this store is in use from now on; on a file system without locks, or one that is
 * read-only and has no locks/store yet, it is not. */
void use_begin(struct store *store);
/* Take it back before the store is closed: for one who only collects garbage. */
void use_end(struct store *store);

/* store_use(), and what was there before its time of use was set. */
bool use_status(struct store *store, const char *path, struct stat *ret_status);

/* The time of use that an mtime says. */
uint64_t use_time(const struct stat *status);

/* Hold the gate. It cannot be held where the store is read-only. */
int use_gate_close(struct store *store, struct err *e);
void use_gate_open(struct store *store);
/* When the oldest of the others that have this store open began; UINT64_MAX when there is none. */
int use_oldest(struct store *store, uint64_t *ret_milliseconds, struct err *e);

#endif
