/*
 * Downloads, by way of the program minsys-fetch, which alone opens network connections. This half
 * is linked into minsys: it looks what is there already, runs the program for the rest, and
 * reads what came of it. Invariants of the download folder:
 * - <sha256> (64 hexadecimal digits) is a whole file with that digest, on disk, never changed;
 * - <sha256>.part is a download that was interrupted and will be resumed, held by a lock (flock)
 *   while somebody writes it; any other name there is no download.
 * Any number of runners may download into one folder at once.
 */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H

#include "base/children.h"
#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One place that a file can be had from. */
struct fetch_origin {
	bool in_pool;	      /* `location` is below a Debian archive, as pool/main/m/musl/… */
	const char *location; /* else an http or https URL */
	struct digest sha256;
};

/* One file wanted: any one of its origins' files will do; they are tried in order. */
struct fetch_item {
	const char *name; /* for messages: "musl 1.2.5" */
	uint64_t size;	  /* in bytes, the same for all origins; 0: unknown */
	const struct fetch_origin *origins;
	size_t origin_count;
	struct digest ret_digest; /* which origin's file is there; its name in the folder */
	bool ret_present;	  /* it is there; set for each item, also when others failed */
};

struct fetch_options {
	const char *program;  /* path of minsys-fetch */
	int downloads_fd;     /* the download folder */
	const char *mirror;   /* Debian archive to look pool paths up in first: an http or https
				 URL or the absolute path of a folder; NULL: none */
	const char *snapshot; /* timestamp to look pool paths up at last, in the public snapshot
				 archive, as 20260711T101637Z; NULL: not there */
	bool offline;	      /* download nothing: what is missing is an error */
	bool quiet;	      /* no progress on standard error */
	/* Told, in place of standard error, a line without its end each time that something has
	 * happened, and several times a second (`is_progress`) how far all of it is, by the thread
	 * that waits for it. NULL: nobody */
	void (*tell)(void *context, bool is_progress, const char *line);
	void *context;
	struct children *children; /* that minsys-fetch is one of while it runs; NULL: no list */
};

/* Which files are there already: sets what fetch_items() would of each, and returns how many are
 * missing. Starts nothing. */
size_t fetch_look(int downloads_fd, struct fetch_item *items, size_t count);

/*
 * See to it that a file of each item is in the download folder. When all are, nothing is started.
 * An error names each item that could not be had (the first few, when many), its origins, why
 * each failed, and what to do: ERR_ENVIRONMENT, since it is the network, the disk or the mirror
 * that must change; a wrong digest is ERR_FAILED. What did arrive stays.
 */
int fetch_items(
    const struct fetch_options *options, struct fetch_item *items, size_t count, struct err *e);

/*
 * Download a file that has no pin yet (the origin's sha256 is not looked at), and store it under
 * its own digest, which is returned.
 */
int fetch_unpinned(const struct fetch_options *options, const char *name,
    const struct fetch_origin *origin, struct digest *ret_digest, struct err *e);

#endif
