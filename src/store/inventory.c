#include "store/inventory.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "store/use.h"

#include <string.h>

#define MEASURED_DEPTH 128 /* folders below each other; a descriptor is held for each */

static const struct place {
	const char *folder;
	enum gc_kind kind;
	enum item_form form;
} places[] = {
    {"trees", GC_SOURCES, ITEM_TREE},
    {"results", GC_RECORDS, ITEM_FILE},
    {"unpacked", GC_RECORDS, ITEM_FILE},
    {"actions", GC_RECORDS, ITEM_FILE},
    {"files", GC_RECORDS, ITEM_FILE},
    {"removed", GC_RECORDS, ITEM_FILE},
    {"builds", GC_RECORDS, ITEM_FILE},
    {"memos", GC_RECORDS, ITEM_FILE},
    {"exports", GC_RECORDS, ITEM_FILE},
    {"downloads", GC_DOWNLOADS, ITEM_FILE},
    {"logs", GC_LOGS, ITEM_FILE},
    {"traces", GC_LOGS, ITEM_FILE},
    {"failed", GC_FAILED, ITEM_FOLDER},
    {"ccache", GC_CACHES, ITEM_FOLDER},
    {"locks", GC_RECORDS, ITEM_LOCKED},
};

static uint64_t later(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* --- What there is --- */

static bool has_suffix(const char *name, const char *suffix)
{
	size_t length = strlen(name), end = strlen(suffix);

	return length > end && !strcmp(name + length - end, suffix);
}

/* The name without the suffix, which says how the thing is to be treated. */
static const char *plain_name(
    struct inventory *inventory, const char *name, enum item_form *form, const char *place)
{
	size_t length = strlen(name);

	if (has_suffix(name, ".tmp")) {
		*form = ITEM_REST;
		return arena_strdup(&inventory->arena, name);
	}
	if (has_suffix(name, ".part") && !strcmp(place, "downloads"))
		*form = ITEM_LOCKED;
	else if (has_suffix(name, ".log"))
		length -= strlen(".log");
	return arena_strndup(&inventory->arena, name, length);
}

static bool is_kept_lock(const struct place *place, const char *name)
{
	return !strcmp(place->folder, "locks") && (!strcmp(name, "store") || !strcmp(name, "gc"));
}

static void add_item(struct inventory *inventory, const struct place *place, const char *name)
{
	struct item *item = arena_alloc(&inventory->arena, 1, sizeof(*item));
	_cleanup_free_ char *path = xasprintf("%s/%s", place->folder, name), *known = NULL;

	item->kind = place->kind;
	item->form = place->form;
	item->place = place->folder;
	item->path = arena_strdup(&inventory->arena, path);
	item->name = plain_name(inventory, name, &item->form, place->folder);
	known = xasprintf("%s/%s", place->folder, item->name);
	inventory->items = xgrow(inventory->items, inventory->count, sizeof(*inventory->items));
	inventory->items[inventory->count] = item;
	map_put(&inventory->index, arena_strdup(&inventory->arena, known), inventory->count++);
}

/* A folder that a store of an older version lacks is empty. */
static int list(struct inventory *inventory, const struct place *place, struct err *e)
{
	int fd = folder_open(inventory->store->fd, place->folder, e);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int more;

	if (!folder)
		return fd < 0 && e->errnum == ENOENT ? 0
						     : err_wrap(e, "%s", inventory->store->path);
	while ((more = folder_next(folder, place->folder, &entry, e)) > 0)
		if (entry->d_name[0] != '.' && !is_kept_lock(place, entry->d_name))
			add_item(inventory, place, entry->d_name);
	return more;
}

struct item *inventory_find(const struct inventory *inventory, const char *place, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", place, name);
	size_t i;

	return map_get(&inventory->index, path, &i) ? inventory->items[i] : NULL;
}

bool item_is_in(const struct item *item, const char *place)
{
	return !strcmp(item->place, place);
}

/* --- Room and time --- */

/* What has several names takes room once, and each name its share of it. */
static uint64_t disk_usage(const struct stat *status)
{
	uint64_t bytes = (uint64_t)status->st_blocks * 512;

	return S_ISDIR(status->st_mode) ? bytes : bytes / (status->st_nlink ? status->st_nlink : 1);
}

/* What cannot be read is not counted. */
static uint64_t measure(int dirfd, const char *name, unsigned depth)
{
	_cleanup_closedir_ DIR *folder = NULL;
	struct dirent *entry;
	struct stat status;
	uint64_t bytes;
	int fd;

	if (fstatat(dirfd, name, &status, AT_SYMLINK_NOFOLLOW))
		return 0;
	bytes = disk_usage(&status);
	if (!S_ISDIR(status.st_mode) || depth > MEASURED_DEPTH)
		return bytes;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	folder = fd < 0 ? NULL : fdopendir(fd);
	while (folder && (entry = readdir(folder)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			bytes += measure(fd, entry->d_name, depth + 1);
	return bytes;
}

static uint64_t change_time(const struct stat *status)
{
	const struct stat changed = {.st_mtim = status->st_ctim};

	return later(use_time(status), use_time(&changed));
}

static bool own_time(struct store *store, const struct item *item, uint64_t *ret_time)
{
	_cleanup_free_ char *manifest = xasprintf("%s/manifest", item->path);
	struct stat status;

	if (item->form == ITEM_TREE &&
	    !fstatat(store->fd, manifest, &status, AT_SYMLINK_NOFOLLOW)) {
		*ret_time = use_time(&status);
		return true;
	}
	if (fstatat(store->fd, item->path, &status, AT_SYMLINK_NOFOLLOW))
		return false;
	/* A stage may set the times of what it leaves. */
	*ret_time = item->form == ITEM_FOLDER ? change_time(&status) : use_time(&status);
	return true;
}

bool item_use_time(struct store *store, const struct item *item, uint64_t *ret_time)
{
	uint64_t time = 0, other;

	if (!own_time(store, item, &time))
		return false;
	time = later(time, item->time);
	for (const struct item *namer = item->namers; namer; namer = namer->next)
		if (!namer->is_gone && own_time(store, namer, &other))
			time = later(time, other);
	*ret_time = time;
	return true;
}

static void look_at(void *context, size_t i)
{
	struct inventory *inventory = context;
	struct item *item = inventory->items[i];

	item->is_gone = !own_time(inventory->store, item, &item->time);
	item->bytes = measure(inventory->store->fd, item->path, 0);
}

/* --- What needs what --- */

bool next_digest(const char **at, char ret_hex[DIGEST_HEX_SIZE])
{
	const char *text = *at;

	for (;;) {
		size_t length = strspn(text, "0123456789abcdef");

		if (length == DIGEST_HEX_SIZE - 1) {
			memcpy(ret_hex, text, length);
			ret_hex[length] = 0;
			*at = text + length;
			return true;
		}
		text += length;
		text += strcspn(text, "0123456789abcdef");
		if (!*text)
			return false;
	}
}

/* What is needed by something used lately was used lately. */
static void need(const struct item *from, struct item *to)
{
	if (!to)
		return;
	to->time = later(to->time, from->time);
	to->is_needed |= from->is_needed;
}

static void need_of_same_name(
    const struct inventory *inventory, const struct item *item, const char *place)
{
	need(item, inventory_find(inventory, place, item->name));
}

static void read_text(const struct inventory *inventory, const struct item *item, struct buf *text)
{
	struct err ignored; /* one that cannot be read names nothing */

	file_read(inventory->store->fd, item->path, 64UL << 20, text, &ignored);
}

/* The first digest in a record is that of a tree; the others in one of unpacking are downloads'. */
static void follow_record(const struct inventory *inventory, struct item *item)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	const char *at;
	struct item *tree;

	read_text(inventory, item, &text);
	at = buf_text(&text);
	if (!next_digest(&at, hex))
		return;
	tree = inventory_find(inventory, "trees", hex);
	if (tree) {
		item->tree = tree;
		item->next = tree->namers;
		tree->namers = item;
		if (item_is_in(item, "unpacked"))
			item->is_needed |= tree->is_needed;
		else
			tree->kind = GC_RESULTS;
	}
	while (item_is_in(item, "unpacked") && next_digest(&at, hex))
		need(item, inventory_find(inventory, "downloads", hex));
}

static void follow_action(const struct inventory *inventory, const struct item *item)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	const char *at;

	read_text(inventory, item, &text);
	at = buf_text(&text);
	while (next_digest(&at, hex))
		need(item, inventory_find(inventory, "files", hex));
}

static void follow(const struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->count; i++) {
		struct item *item = inventory->items[i];

		if (item->form != ITEM_FILE)
			continue;
		if (item_is_in(item, "results") || item_is_in(item, "unpacked"))
			follow_record(inventory, item);
		if (item_is_in(item, "results")) {
			need_of_same_name(inventory, item, "actions");
			need_of_same_name(inventory, item, "logs");
		}
	}
	for (size_t i = 0; i < inventory->count; i++) {
		struct item *item = inventory->items[i];

		for (struct item *namer = item->namers; namer; namer = namer->next)
			item->time = later(item->time, namer->time);
		if (item->form == ITEM_FILE && item_is_in(item, "actions"))
			follow_action(inventory, item);
	}
}

static void mark_needed(
    const struct inventory *inventory, const struct digest *needed, size_t count)
{
	static const char *const in[] = {"trees", "results", "actions", "logs"};

	for (size_t i = 0; i < count; i++)
		for (size_t n = 0; n < sizeof(in) / sizeof(*in); n++) {
			char hex[DIGEST_HEX_SIZE];
			struct item *item =
			    inventory_find(inventory, in[n], digest_format(&needed[i], hex));

			if (item)
				item->is_needed = true;
		}
}

int inventory_open(struct store *store, const struct digest *needed, size_t needed_count,
    struct inventory *ret_inventory, struct err *e)
{
	struct inventory inventory = {.store = store};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (list(&inventory, &places[i], e)) {
			inventory_close(&inventory);
			return -1;
		}
	parallel_for(inventory.count, look_at, &inventory);
	mark_needed(&inventory, needed, needed_count);
	follow(&inventory);
	*ret_inventory = inventory;
	return 0;
}

void inventory_close(struct inventory *inventory)
{
	free(inventory->items);
	map_free(&inventory->index);
	arena_free(&inventory->arena);
	*inventory = (struct inventory){0};
}
