/*
 * The lock of the tools root: which .deb files the packages asked for come to, by apt's own
 * resolver. apt works on a folder of its own below $TMPDIR, with an empty list of installed
 * packages and none of the machine's settings but those of Acquire (proxies, certificates), so
 * that every machine gets the same answer and nothing of the machine changes. Only the suite
 * itself is looked at, component main, amd64, without recommended packages, and only with a
 * signature of Debian's archive keys. No root is needed.
 */
#ifndef FETCH_LOCK_H
#define FETCH_LOCK_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

struct lock_request {
	const char *suite;	     /* a code name, as bookworm */
	const char *const *packages; /* asked for */
	size_t package_count;
	const char *mirror; /* Debian archive: an http or https URL or the absolute path of a
			       folder; NULL: the first one that the machine's apt knows */
};

/*
 * Append the lock's text to `ret_text`: the time of the suite's release and one line a package,
 * sorted by name. It depends on the suite's state in the archive alone. ERR_INPUT names packages
 * that the suite does not have; ERR_ENVIRONMENT: no apt, no archive keys, archive out of reach.
 */
int lock_resolve(const struct lock_request *request, struct buf *ret_text, struct err *e);

/* Where the keys of Debian's archive are on this machine; NULL with an error when nowhere. */
const char *lock_keys(struct err *e);

/* How one lock differs from another. */
struct lock_changes {
	size_t packages; /* in the new one */
	size_t added;
	size_t removed;
	size_t changed;
};

/* Compare the lines of two locks as lock_resolve() writes them; what is no such line does not
 * count. */
struct lock_changes lock_compare(const char *old, const char *new);

#endif
