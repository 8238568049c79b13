#include "store/gc.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/words.h"
#include "store/inventory.h"
#include "store/use.h"

#include <string.h>

struct verify {
	struct store *store;
	const struct gc_verify_options *options;
	struct gc_verified *verified;
	struct inventory inventory;
	/* Of files that are named by what they hold: */
	struct item **contents;
	size_t content_count;
	char **faults; /* of each; NULL: none */
};

/* --- Telling and removing --- */

static void tell(struct verify *v, const struct item *item, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void tell(struct verify *v, const struct item *item, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	char fault[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(fault, sizeof(fault), format, arguments);
	va_end(arguments);
	text = xasprintf("%s: %s", item->path, fault);
	make_printable(text);
	v->verified->wrong++;
	v->options->notice(v->options->context, text);
}

static int remove_file(struct verify *v, struct item *item, struct err *e)
{
	item->is_gone = true;
	if (v->options->is_dry || !unlinkat(v->store->fd, item->path, 0) || errno == ENOENT)
		return 0;
	err_errno(e, "remove %s, which is damaged", item->path);
	return store_explain(v->store, e);
}

/* A record that is removed as something else was damaged. */
static int remove_result(struct verify *v, struct item *item, struct err *e)
{
	if (!v->options->is_dry)
		store_note_removed(
		    v->store, item->name, "its output, or what it was made from, was damaged");
	return remove_file(v, item, e);
}

/* "stage linux", of the action whose result this is. */
static char *stage_of(const struct buf *action)
{
	const char *line = strstr(buf_text(action), "\nstage ");

	return line ? xstrndup(line + 1, strcspn(line + 1, "\n")) : xstrdup("a stage");
}

static bool read_action(struct verify *v, const struct item *result, struct buf *text)
{
	_cleanup_free_ char *path = xasprintf("actions/%s", result->name);
	struct err ignored;

	return !file_read(v->store->fd, path, 64UL << 20, text, &ignored);
}

/* What was made from a damaged tree may be wrong, and nobody knows when it was damaged. What was
 * made from that in turn is right: its key names what it was made from. */
static int remove_made_from(struct verify *v, const struct item *tree, struct err *e)
{
	for (size_t i = 0; i < v->inventory.count; i++) {
		struct item *item = v->inventory.items[i];
		_cleanup_buf_ struct buf action = {0};
		_cleanup_free_ char *stage = NULL;

		if (item->is_gone || item->form != ITEM_FILE || !item_is_in(item, "results") ||
		    (read_action(v, item, &action) && !strstr(buf_text(&action), tree->name)))
			continue;
		stage = stage_of(&action);
		tell(v, item, "%s was made from what is damaged", stage);
		if (remove_result(v, item, e))
			return -1;
	}
	return 0;
}

static int remove_tree(struct verify *v, struct item *tree, struct err *e)
{
	struct digest digest;

	for (struct item *namer = tree->namers; namer; namer = namer->next) {
		_cleanup_buf_ struct buf action = {0};
		_cleanup_free_ char *stage = NULL;

		if (namer->is_gone || !item_is_in(namer, "results"))
			continue;
		read_action(v, namer, &action);
		stage = stage_of(&action);
		tell(v, namer, "the output of %s is damaged", stage);
		if (remove_result(v, namer, e))
			return -1;
	}
	tree->is_gone = true;
	if (remove_made_from(v, tree, e))
		return -1;
	return v->options->is_dry || digest_parse(tree->name, &digest, e)
		   ? 0
		   : store_tree_discard(v->store, &digest, e);
}

/* --- Trees --- */

/* The first difference between two sorted trees, in words; NULL when there is none. */
static char *first_difference(const struct tree *wanted, const struct tree *found)
{
	for (size_t i = 0; i < wanted->count || i < found->count; i++) {
		const struct tree_entry *w = &wanted->entries[i], *f = &found->entries[i];
		int order = i == wanted->count	? 1
			    : i == found->count ? -1
						: strcmp(w->path, f->path);

		if (order)
			return xasprintf(order < 0 ? "%s is missing" : "%s is not part of it",
			    (order < 0 ? w : f)->path);
		if (w->type != f->type)
			return xasprintf("%s is of another type or mode", w->path);
		if (w->type == 'l' ? strcmp(w->target, f->target)
				   : w->type != 'd' && !digest_equal(&w->digest, &f->digest))
			return xasprintf("%s is not what it was", w->path);
	}
	return NULL;
}

static int compare_tree(
    const struct buf *manifest, struct tree *found, char **ret_fault, struct err *e)
{
	struct tree wanted = {0};
	struct buf sorted = {0};

	if (tree_decode(buf_text(manifest), manifest->length, &wanted, e))
		return -1;
	tree_encode(found, &sorted);
	*ret_fault = first_difference(&wanted, found);
	buf_free(&sorted);
	tree_free(&wanted);
	return 0;
}

/* Under an isolation that cannot mount, a running step has the folder itself in its place. */
static bool is_used(struct verify *v, const struct item *item)
{
	uint64_t oldest, time;
	struct err ignored;

	return !use_oldest(v->store, &oldest, &ignored) && oldest != UINT64_MAX &&
	       item_use_time(v->store, item, &time) && time + 2ULL * USE_FRESH >= oldest;
}

/* Reading failed: a damaged disk says so with EIO. What is wrong with this machine or user is
 * wrong with nothing in the store. */
static int judge(const struct err *e, char **ret_fault)
{
	if (e->errnum == EACCES || e->errnum == EPERM || e->errnum == EMFILE ||
	    e->errnum == ENFILE || e->errnum == ENOMEM)
		return -1;
	*ret_fault = xstrdup(e->text);
	return 0;
}

static int scan_tree(struct verify *v, const struct item *item, const struct buf *manifest,
    char **ret_fault, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/tree", item->path);
	_cleanup_close_ int fd = folder_open(v->store->fd, path, e);
	const struct tree_limits limits = {.bytes = UINT64_MAX, .entries = UINT64_MAX};
	struct tree found = {0};
	int result;

	if (fd < 0 && e->errnum == ENOENT) {
		*ret_fault = is_used(v, item) ? NULL : xstrdup("its tree is missing");
		return 0;
	}
	if (fd < 0 || tree_scan(fd, &limits, &found, e))
		return judge(e, ret_fault);
	result = compare_tree(manifest, &found, ret_fault, e);
	tree_free(&found);
	return result;
}

static int check_tree(struct verify *v, const struct item *item, char **ret_fault, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/manifest", item->path);
	_cleanup_buf_ struct buf manifest = {0};
	struct digest digest;
	char hex[DIGEST_HEX_SIZE];

	if (file_read(v->store->fd, path, SIZE_MAX / 2, &manifest, e))
		/* A runner may have removed it meanwhile. */
		return faccessat(v->store->fd, item->path, F_OK, 0) ? 0 : judge(e, ret_fault);
	digest = digest_of(buf_text(&manifest), manifest.length);
	if (strcmp(digest_format(&digest, hex), item->name)) {
		*ret_fault = xstrdup("its manifest is not what it was");
		return 0;
	}
	return scan_tree(v, item, &manifest, ret_fault, e);
}

static int check_trees(struct verify *v, struct err *e)
{
	for (size_t i = 0; i < v->inventory.count; i++) {
		struct item *item = v->inventory.items[i];
		_cleanup_free_ char *fault = NULL;

		if (item->form != ITEM_TREE)
			continue;
		if (check_tree(v, item, &fault, e))
			return err_wrap(e, "read %s/%s", v->store->path, item->path);
		v->verified->trees++;
		if (!fault)
			continue;
		tell(v, item, "%s", fault);
		if (remove_tree(v, item, e))
			return -1;
	}
	return 0;
}

/* --- Files --- */

static void check_content(void *context, size_t i)
{
	struct verify *v = context;
	const struct item *item = v->contents[i];
	_cleanup_close_ int fd =
	    openat(v->store->fd, item->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char hex[DIGEST_HEX_SIZE];
	struct digest found;
	struct err e;

	if (fd < 0 && errno == ENOENT)
		return; /* it was removed meanwhile */
	if (fd < 0)
		v->faults[i] = xasprintf("open it: %s", strerror(errno));
	else if (digest_of_file(fd, "it", &found, &e))
		v->faults[i] = xstrdup(e.text);
	else if (strcmp(digest_format(&found, hex), item->name))
		v->faults[i] = xasprintf("what it holds has the sha256 %s", hex);
}

static int largest_first(const void *a, const void *b)
{
	const struct item *one = *(struct item *const *)a, *other = *(struct item *const *)b;

	return one->bytes > other->bytes ? -1 : one->bytes < other->bytes;
}

static bool is_digest(const char *name)
{
	return strlen(name) == DIGEST_HEX_SIZE - 1 &&
	       strspn(name, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
}

static int check_contents(struct verify *v, struct err *e)
{
	int result = 0;

	v->contents = xcalloc(v->inventory.count + 1, sizeof(struct item *));
	for (size_t i = 0; i < v->inventory.count; i++) {
		struct item *item = v->inventory.items[i];

		if (item->form == ITEM_FILE && is_digest(item->name) &&
		    (item_is_in(item, "downloads") || item_is_in(item, "files")))
			v->contents[v->content_count++] = item;
	}
	v->faults = xcalloc(v->content_count + 1, sizeof(char *));
	qsort(v->contents, v->content_count, sizeof(struct item *), largest_first);
	parallel_for(v->content_count, check_content, v);
	for (size_t i = 0; i < v->content_count; i++) {
		v->verified->downloads += item_is_in(v->contents[i], "downloads");
		if (v->faults[i] && !result) {
			tell(v, v->contents[i], "%s", v->faults[i]);
			result = remove_file(v, v->contents[i], e);
		}
		free(v->faults[i]);
	}
	free(v->faults);
	free(v->contents);
	return result;
}

/* --- Records --- */

static bool is_record(const struct item *item)
{
	static const char *const in[] = {
	    "results", "unpacked", "actions", "removed", "builds", "memos", "exports"};

	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		if (item->form == ITEM_FILE && item_is_in(item, in[i]))
			return true;
	return false;
}

/* Does a result name a tree that is there? One that was written a moment ago names one that was
 * not looked through. */
static bool names_tree(struct verify *v, const struct item *item, const struct buf *text)
{
	char hex[DIGEST_HEX_SIZE];
	const char *at = buf_text(text);
	_cleanup_free_ char *path = NULL;

	if (!item_is_in(item, "results"))
		return true;
	if (!next_digest(&at, hex))
		return false;
	path = xasprintf("trees/%s", hex);
	return !faccessat(v->store->fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int check_record(struct verify *v, struct item *item, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	bool is_whole;

	if (file_read(v->store->fd, item->path, 64UL << 20, &text, e))
		return e->errnum == ENOENT ? 0 : -1;
	v->verified->records++;
	is_whole = store_text_is_whole(&text);
	if (is_whole && names_tree(v, item, &text))
		return 0;
	tell(v, item, is_whole ? "the tree that it names is missing" : "it is not what it was");
	return remove_file(v, item, e);
}

/* Before the trees: what a damaged record says decides nothing. */
static int check_records(struct verify *v, struct err *e)
{
	for (size_t i = 0; i < v->inventory.count; i++)
		if (is_record(v->inventory.items[i]) && check_record(v, v->inventory.items[i], e))
			return -1;
	return 0;
}

int gc_verify(struct store *store, const struct gc_verify_options *options,
    struct gc_verified *ret_verified, struct err *e)
{
	struct verify v = {.store = store, .options = options, .verified = ret_verified};
	_cleanup_close_ int lock = -1;
	int result;

	*ret_verified = (struct gc_verified){0};
	use_end(store);
	if (!options->is_dry && (lock = gc_lock(store, options->notice, options->context, e)) < 0)
		return -1;
	if (inventory_open(store, NULL, 0, &v.inventory, e))
		return -1;
	result = check_records(&v, e) || check_contents(&v, e) || check_trees(&v, e) ? -1 : 0;
	inventory_close(&v.inventory);
	return result;
}
