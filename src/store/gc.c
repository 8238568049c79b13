#include "store/gc.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/inventory.h"
#include "store/use.h"

#include <string.h>
#include <sys/file.h>
#include <time.h>

#define BUILDS_AT_MOST 1000
#define REMOVED_AT_MOST 10000
#define TEXT_AGE (365ULL * 24 * 3600 * 1000) /* milliseconds */
/* Clocks of file systems run behind, and some know even seconds only. */
#define SLACK 2000 /* milliseconds */

struct gc {
	struct store *store;
	const struct gc_options *options;
	struct gc_outcome *outcome;
	struct inventory inventory;
	uint64_t bytes;	 /* that are left */
	uint64_t oldest; /* when the oldest runner began that was seen since this began */
};

/* --- One thing --- */

static int look_for_runners(struct gc *gc, struct err *e)
{
	uint64_t oldest;

	if (use_oldest(gc->store, &oldest, e))
		return -1;
	if (oldest < gc->oldest)
		gc->oldest = oldest;
	return 0;
}

/* Was it used since the oldest runner began? With the gate held, the answer stays true. */
static int look_whether_used(struct gc *gc, const struct item *item, bool *ret_used, struct err *e)
{
	uint64_t time;

	*ret_used = false;
	if (look_for_runners(gc, e))
		return -1;
	*ret_used = item_use_time(gc->store, item, &time) && gc->oldest != UINT64_MAX &&
		    time + USE_FRESH + SLACK >= gc->oldest;
	return 0;
}

/* Locks are not worth being told of. */
static void add_to(struct gc_count *counts, const struct item *item)
{
	counts[item->kind].count += !item_is_in(item, "locks");
	counts[item->kind].bytes += item->bytes;
}

static void account(struct gc *gc, struct item *item)
{
	item->is_gone = true;
	gc->bytes -= item->bytes;
	add_to(gc->outcome->removed, item);
}

static int remove_file(struct gc *gc, const struct item *item, struct err *e)
{
	if (item->form == ITEM_FILE && item_is_in(item, "results"))
		store_note_removed(gc->store, item->name, gc->options->reason);
	if (unlinkat(gc->store->fd, item->path, 0) && errno != ENOENT) {
		err_errno(e, "remove %s", item->path);
		return store_explain(gc->store, e);
	}
	return 0;
}

/* As all others that hold such a lock, it has to see that the name leads to what it holds. */
static int remove_locked(struct gc *gc, const struct item *item, bool *ret_used, struct err *e)
{
	_cleanup_close_ int fd =
	    openat(gc->store->fd, item->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	struct stat held, named;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(e, "open %s", item->path);
	*ret_used = flock(fd, LOCK_EX | LOCK_NB) || fstat(fd, &held) ||
		    fstatat(gc->store->fd, item->path, &named, AT_SYMLINK_NOFOLLOW) ||
		    held.st_ino != named.st_ino;
	return *ret_used ? 0 : remove_file(gc, item, e);
}

static int take_folder(struct gc *gc, const struct item *item, struct store_temp *ret_temp,
    bool *ret_used, struct err *e)
{
	if (!store_temp_take(gc->store, item->path, ret_temp, e))
		return 0;
	*ret_used = e->errnum == EWOULDBLOCK;
	return *ret_used || e->errnum == ENOENT ? 0 : store_explain(gc->store, e);
}

/* The records first: a kill in between leaves a tree that nothing names. */
static int take_tree(struct gc *gc, const struct item *tree, struct store_temp *ret_temp,
    bool *ret_used, struct err *e)
{
	for (struct item *namer = tree->namers; namer; namer = namer->next) {
		if (namer->is_gone || !item_is_in(namer, "results"))
			continue;
		if (remove_file(gc, namer, e))
			return -1;
		account(gc, namer);
	}
	return take_folder(gc, tree, ret_temp, ret_used, e);
}

/* With the gate held: take its name away from it. What is left to be deleted is in `ret_temp`. */
static int unname(struct gc *gc, const struct item *item, struct store_temp *ret_temp,
    bool *ret_used, struct err *e)
{
	if (look_whether_used(gc, item, ret_used, e))
		return -1;
	if (*ret_used)
		return 0;
	switch (item->form) {
	case ITEM_TREE:
		return take_tree(gc, item, ret_temp, ret_used, e);
	case ITEM_FOLDER:
		return take_folder(gc, item, ret_temp, ret_used, e);
	case ITEM_LOCKED:
		return remove_locked(gc, item, ret_used, e);
	default:
		return remove_file(gc, item, e);
	}
}

/* As unname() would, but nothing happens. */
static int pretend(struct gc *gc, const struct item *item, bool *ret_used, struct err *e)
{
	if (look_whether_used(gc, item, ret_used, e))
		return -1;
	for (struct item *namer = item->namers; namer && !*ret_used; namer = namer->next)
		if (!namer->is_gone && item_is_in(namer, "results"))
			account(gc, namer);
	return 0;
}

/* Remove it, unless it is in use. */
static int collect(struct gc *gc, struct item *item, bool *ret_used, struct err *e)
{
	struct store_temp temp = {.fd = -1};
	int result;

	if (gc->options->is_dry) {
		result = pretend(gc, item, ret_used, e);
	} else {
		if (use_gate_close(gc->store, e))
			return -1;
		result = unname(gc, item, &temp, ret_used, e);
		use_gate_open(gc->store);
		if (temp.fd >= 0)
			store_temp_remove(gc->store, &temp);
	}
	if (!result && !*ret_used)
		account(gc, item);
	return result;
}

/* --- Which --- */

/* What is of no use to anybody: what killed runners were writing, and locks that nobody holds. */
static bool is_rubbish(const struct gc *gc, const struct item *item)
{
	_cleanup_free_ char *whole = NULL;

	if (item->form != ITEM_LOCKED)
		return item->form == ITEM_REST;
	if (item_is_in(item, "locks") || !strncmp(item->name, "unpinned-", strlen("unpinned-")))
		return true;
	whole = xstrndup(item->name, strcspn(item->name, "."));
	return inventory_find(&gc->inventory, "downloads", whole);
}

static bool is_of_history(const struct item *item)
{
	return item->form == ITEM_FILE &&
	       (item_is_in(item, "builds") || item_is_in(item, "removed"));
}

/* Does this record go with its tree: is there no other result that names it and was used later? */
static bool goes_with_tree(const struct item *item)
{
	if (!item->tree || item->tree->is_gone || !item_is_in(item, "results"))
		return false;
	for (const struct item *other = item->tree->namers; other; other = other->next)
		if (other != item && !other->is_gone && item_is_in(other, "results") &&
		    (other->time > item->time || (other->time == item->time && other < item)))
			return false;
	return true;
}

/* What goes first. */
static int in_order(const void *a, const void *b)
{
	const struct item *one = *(struct item *const *)a, *other = *(struct item *const *)b;

	if (one->is_needed != other->is_needed)
		return one->is_needed ? 1 : -1;
	if (one->is_needed && one->kind != other->kind)
		return one->kind < other->kind ? -1 : 1;
	if (one->time != other->time)
		return one->time < other->time ? -1 : 1;
	if (one->kind != other->kind)
		return one->kind < other->kind ? -1 : 1;
	return strcmp(one->path, other->path);
}

static int latest_first(const void *a, const void *b)
{
	return in_order(b, a);
}

/* Those in their order; the caller frees the array, not the items. */
static struct item **sorted(const struct gc *gc, int (*compare)(const void *a, const void *b))
{
	size_t count = gc->inventory.count;
	struct item **items = xcalloc(count + 1, sizeof(*items));

	if (!count)
		return items;
	memcpy(items, gc->inventory.items, count * sizeof(*items));
	qsort(items, count, sizeof(*items), compare);
	return items;
}

static int collect_rubbish(struct gc *gc, struct err *e)
{
	bool used;

	for (size_t i = 0; i < gc->inventory.count; i++)
		if (is_rubbish(gc, gc->inventory.items[i]) &&
		    collect(gc, gc->inventory.items[i], &used, e))
			return -1;
	return 0;
}

/* It is small, and of use for long: not its size bounds it. */
static int collect_history(struct gc *gc, const char *place, size_t at_most, struct err *e)
{
	_cleanup_free_ struct item **items = sorted(gc, latest_first);
	uint64_t now = (uint64_t)time(NULL) * 1000;
	size_t seen = 0;
	bool used;

	for (size_t i = 0; i < gc->inventory.count; i++) {
		if (!is_of_history(items[i]) || !item_is_in(items[i], place))
			continue;
		if ((++seen > at_most || items[i]->time + TEXT_AGE < now) &&
		    collect(gc, items[i], &used, e))
			return -1;
	}
	return 0;
}

static int collect_oldest(struct gc *gc, struct err *e)
{
	_cleanup_free_ struct item **items = sorted(gc, in_order);

	for (size_t i = 0; i < gc->inventory.count; i++) {
		bool used;

		if (gc->bytes <= gc->options->max_bytes)
			break;
		if (items[i]->is_gone || is_of_history(items[i]) || goes_with_tree(items[i]))
			continue;
		if (collect(gc, items[i], &used, e))
			return -1;
		gc->outcome->in_use += used ? items[i]->bytes : 0;
	}
	return 0;
}

static bool is_dangling(struct gc *gc, const char *record)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_free_ char *tree = NULL;
	char hex[DIGEST_HEX_SIZE];
	struct err ignored;
	const char *at;

	if (file_read(gc->store->fd, record, 64UL << 20, &text, &ignored))
		return false;
	at = buf_text(&text);
	if (!next_digest(&at, hex))
		return false;
	tree = xasprintf("trees/%s", hex);
	return faccessat(gc->store->fd, tree, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
}

/* A runner that began and ended meanwhile may have written a record of a tree that was there
 * before, and has been removed since. It would count as missing; it is better gone. */
static int collect_dangling(struct gc *gc, struct err *e)
{
	int fd = folder_open(gc->store->fd, "results", e);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int more;

	if (!folder)
		return fd < 0 ? -1 : err_errno(e, "read results");
	while ((more = folder_next(folder, "results", &entry, e)) > 0) {
		_cleanup_free_ char *path = xasprintf("results/%s", entry->d_name);

		if (entry->d_name[0] == '.' || !is_dangling(gc, path))
			continue;
		if (use_gate_close(gc->store, e))
			return -1;
		if (is_dangling(gc, path)) {
			store_note_removed(gc->store, entry->d_name, gc->options->reason);
			unlinkat(gc->store->fd, path, 0);
		}
		use_gate_open(gc->store);
	}
	return more;
}

/* --- All of it --- */

int gc_lock(struct store *store, void (*notice)(void *context, const char *text), void *context,
    struct err *e)
{
	_cleanup_close_ int fd = openat(store->fd, "locks/gc", O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0) {
		err_errno(e, "create locks/gc");
		return store_explain(store, e);
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return steal_fd(&fd);
	notice(context, "another minsys gc is at work; waiting for it");
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return err_errno(e, "lock %s/locks/gc", store->path);
	return steal_fd(&fd);
}

static void count(struct gc *gc)
{
	for (size_t i = 0; i < gc->inventory.count; i++)
		if (!gc->inventory.items[i]->is_gone)
			add_to(gc->outcome->kept, gc->inventory.items[i]);
}

static int collect_all(struct gc *gc, struct err *e)
{
	for (size_t i = 0; i < gc->inventory.count; i++)
		if (!gc->inventory.items[i]->is_gone)
			gc->bytes += gc->inventory.items[i]->bytes;
	if (collect_rubbish(gc, e) || collect_history(gc, "builds", BUILDS_AT_MOST, e) ||
	    collect_history(gc, "removed", REMOVED_AT_MOST, e) || collect_oldest(gc, e) ||
	    (!gc->options->is_dry && collect_dangling(gc, e)))
		return -1;
	count(gc);
	return 0;
}

int gc_run(struct store *store, const struct gc_options *options, struct gc_outcome *ret_outcome,
    struct err *e)
{
	_cleanup_close_ int lock = -1;
	struct gc gc = {
	    .store = store,
	    .options = options,
	    .outcome = ret_outcome,
	    .oldest = UINT64_MAX,
	};
	int result;

	*ret_outcome = (struct gc_outcome){0};
	use_end(store); /* collecting is no use of it */
	if (!options->is_dry && (lock = gc_lock(store, options->notice, options->context, e)) < 0)
		return -1;
	if (look_for_runners(&gc, e) ||
	    inventory_open(store, options->needed, options->needed_count, &gc.inventory, e))
		return -1;
	result = collect_all(&gc, e);
	inventory_close(&gc.inventory);
	return result;
}
