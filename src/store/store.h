/*
 * The store: one folder ($MINSYS_CACHE) that holds what was downloaded, unpacked and built, each
 * under the digest of its content or of what it was made from. Any number of runners may share
 * it. Invariants, at every moment and after a kill at any moment:
 * - what stands under a final name is whole, on disk, and never changes;
 * - everything else is under tmp/, in a folder that its runner holds a lock (flock) on; a folder
 *   there that nobody holds is garbage, removed when a store is opened;
 * - what a runner was told is there stays there until it closes the store: garbage collection
 *   (store/gc.h) removes nothing that was used since the oldest runner began. store/use.h says how
 *   the two know of each other;
 * - a record in results/ is removed before the tree it names. One whose tree is gone, or lacks its
 *   manifest or its `tree`, counts as missing; one in unpacked/ is of use without its tree too.
 *
 *   downloads/<sha256>           files as downloaded
 *   trees/<digest>/tree          a folder tree in normal form (see store/tree.h)
 *   trees/<digest>/manifest      its canonical text, whose sha256 is the digest
 *   unpacked/<key>               text: digest of the tree that came of unpacking <key>
 *   actions/<key>                text: what an action was made of
 *   results/<key>                text: what came of it
 *   removed/<key>                text: when and why garbage collection removed the result
 *   builds/<time>-<random>       text: what one build did, and when (see build/history.h)
 *   files/<sha256>               a file of a project that a stage was built from
 *   traces/<build>.json          the same as builds/<build>, to look at with Perfetto
 *   memos/<key>                  text: what a build with nothing to do was decided by
 *   exports/<key>                text: the state in which a result was left in its folder
 *   locks/<key>                  held (flock) by the runner that builds it
 *   locks/store, locks/gc        who is at work (see store/use.h); held by garbage collection
 *   logs/<key>.log               the output of an action's last run
 *   failed/<stage>-<key>/        the build tree of a stage that failed, kept for a look
 *   ccache/<stage>/              its compiler cache, the one thing here that steps write to; held
 *                                (flock) by the runners that use it
 *   tmp/<random>/                work in progress
 *
 * builds/, files/ and traces/ explain what was built, and no result depends on them: they are not
 * flushed, and those that a power failure has damaged count as missing. minsys itself never reads
 * a trace.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "store/tree.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct store {
	char *path;	    /* absolute */
	int fd;		    /* the store's folder */
	int downloads_fd;   /* downloads/ */
	bool has_discarded; /* a damaged tree was removed, and can be made again */
	/* Of store/use.c: */
	int use_fd;	/* locks/store; -1: nobody can know that this store is in use */
	uint64_t began; /* in milliseconds since 1970; 0: it is not known to be in use */
	pthread_mutex_t use_lock;
};

/* Where the store is: what $MINSYS_CACHE, $XDG_CACHE_HOME/minsys or ~/.cache/minsys say. The
 * caller frees it. NULL with an error when none of them is set. */
char *store_default_path(struct err *e);

/* Open the store at `path`, or when it is NULL at store_default_path(); make it when it is not
 * there; remove what dead runners left in tmp/. From now on, what is used of it stays. One that is
 * read-only can be opened too.
 * A folder of another format version is ERR_ENVIRONMENT, and so is one that holds anything but
 * a store: no folder's tmp/ is emptied by mistake. */
int store_open(const char *path, struct store **ret_store, struct err *e);
void store_close(struct store *store);

/* Use what is at `path` below the store, a file or a folder: is it there? If so it stays until the
 * store is closed, and it counts as used now. Trees are used by store_has_tree(). */
bool store_use(struct store *store, const char *path);
/* The same for a small text, which may be damaged; see store_record_read(). One that is written
 * anew is another file. */
bool store_use_record(struct store *store, const char *kind, const struct digest *key);
bool store_use_status(
    struct store *store, const char *kind, const struct digest *key, struct stat *ret_status);
/* The same for a download. */
bool store_use_download(struct store *store, const struct digest *file);

/* Put before an error of writing to the store where that is and what the user can do; returns -1.
 */
int store_explain(const struct store *store, struct err *e);
/* The same, but only for an error that a full or failing disk is behind; others stay as they are.
 */
int store_explain_disk(const struct store *store, struct err *e);

/* A folder under tmp/ of this runner's own, held by a lock until it is released. */
struct store_temp {
	int fd;
	char name[48]; /* below the store: "tmp/…" */
};
int store_temp_make(struct store *store, struct store_temp *ret_temp, struct err *e);
/* Make one of a folder that stands under a final name, which is nobody's any more then. */
int store_temp_take(
    struct store *store, const char *path, struct store_temp *ret_temp, struct err *e);
/* Remove it and all in it. */
void store_temp_remove(struct store *store, struct store_temp *temp);

/* Small texts under a key of any of the kinds above: "unpacked", "results". A missing one is 0
 * with *ret_found false; a damaged one (it carries its own sha256 on its last line) is removed
 * and counts as missing. */
int store_record_read(struct store *store, const char *kind, const struct digest *key,
    struct buf *ret_text, bool *ret_found, struct err *e);
/* Is what a file holds whole: does its last line carry the sha256 of the rest? */
bool store_text_is_whole(const struct buf *content);
int store_record_write(struct store *store, const char *kind, const struct digest *key,
    const char *text, size_t length, struct err *e);

/* The same for one that is named otherwise than by a key: `path` is below the store. */
int store_text_read(
    struct store *store, const char *path, struct buf *ret_text, bool *ret_found, struct err *e);
/* It is not flushed. */
int store_text_put(
    struct store *store, const char *path, const char *text, size_t length, struct err *e);

/* Note when and why a result was removed, for those who ask later, as removed/<name>: a line with
 * the time (2026-01-31T12:00:00Z), one with the reason. It is left out when there is no room. */
void store_note_removed(struct store *store, const char *name, const char *reason);

/* Keep what a file of a project holds under its digest, so that it can be compared with later. */
int store_content_keep(struct store *store, const struct digest *digest, const void *bytes,
    size_t length, struct err *e);
/* What was kept; a missing or damaged one is 0 with *ret_found false. */
int store_content_read(struct store *store, const struct digest *digest, struct buf *ret_content,
    bool *ret_found, struct err *e);

/* Copy one to another store; a missing one is no error. */
int store_record_copy(struct store *from, const char *kind, const struct digest *key,
    struct store *into, struct err *e);

/* Copy a download to another store, or link it there where both are on one file system; one that is
 * there already stays. What `from` does not have is no error, but *ret_found is false. */
int store_download_copy(struct store *from, const struct digest *file, struct store *into,
    bool *ret_found, struct err *e);

/* Read a download again, if it is there: one whose content has another digest than its name is
 * removed, and *ret_damaged is true. */
int store_download_check(
    struct store *store, const struct digest *file, bool *ret_damaged, struct err *e);

/* Use a tree: is it there, with all its parts? If so it stays until the store is closed. What its
 * files hold is not read. */
bool store_has_tree(struct store *store, const struct digest *tree);
/* Its path below the store, "trees/<digest>/tree". */
void store_tree_path(const struct digest *tree, char ret_path[96]);
/* The text of a tree. A damaged one is ERR_ENVIRONMENT, and the tree is removed, so that the next
 * build makes it again. */
int store_tree_manifest(
    struct store *store, const struct digest *tree, struct buf *ret_manifest, struct err *e);

/* Remove a tree that turned out to be damaged, whoever uses it: what comes of it is wrong. */
int store_tree_discard(struct store *store, const struct digest *tree, struct err *e);

/*
 * Give a tree its final name. `temp` holds it as <name> in normal form, `manifest` is its text.
 * One syncfs, then the rename; when the same tree is there already, that one stays, unless it lacks
 * a part. Either way it is there afterwards, and counts as used.
 */
int store_tree_commit(struct store *store, struct store_temp *temp, const char *name,
    const struct buf *manifest, struct digest *ret_tree, struct err *e);

#endif
