/*
 * toolchain/root.yaml, which says what the tools root is made of, and toolchain/root.lock, which
 * pins each of its packages.
 */
#include "plan/loader.h"

#include "base/buf.h"

#include <string.h>

#define RENEW "`minsys lock` writes it anew"

static bool is_package(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789+-.");

	return length > 1 && !text[length] && *text != '+' && *text != '-' && *text != '.';
}

static bool is_snapshot(const char *text)
{
	for (size_t i = 0; i < 16; i++)
		if (i == 8    ? text[i] != 'T'
		    : i == 15 ? text[i] != 'Z'
			      : text[i] < '0' || text[i] > '9')
			return false;
	return !text[16];
}

static const struct form form_package = {is_package, "the name of a Debian package"};
static const struct form form_snapshot = {is_snapshot, "a time like 20260711T101637Z"};

static const struct field root_fields[] = {
    {"suite", FIELD_TEXT, offsetof(struct tools_root, suite), true, &form_name},
    {"packages", FIELD_NAMES, offsetof(struct tools_root, packages), true, &form_package},
    {"links", FIELD_PAIRS, offsetof(struct tools_root, links), false, &form_path},
    {"files", FIELD_PAIRS, offsetof(struct tools_root, files), false, &form_path},
    {"exclude", FIELD_NAMES, offsetof(struct tools_root, exclude), false, &form_path},
};

struct lock_fields {
	const char *snapshot;
	const char *suite;
	struct node *packages;
};

static const struct field lock_fields[] = {
    {"snapshot", FIELD_TEXT, offsetof(struct lock_fields, snapshot), true, &form_snapshot},
    {"suite", FIELD_TEXT, offsetof(struct lock_fields, suite), true, &form_name},
    {"packages", FIELD_NODE, offsetof(struct lock_fields, packages), true, NULL},
};

static const struct field package_fields[] = {
    {"name", FIELD_TEXT, offsetof(struct locked_package, name), true, &form_package},
    {"version", FIELD_TEXT, offsetof(struct locked_package, version), true, NULL},
    {"path", FIELD_TEXT, offsetof(struct locked_package, path), true, &form_pool},
    {"size", FIELD_SIZE, offsetof(struct locked_package, size), true, NULL},
    {"sha256", FIELD_DIGEST, offsetof(struct locked_package, sha256), true, NULL},
};

static int by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct locked_package *)a)->name, ((const struct locked_package *)b)->name);
}

static const struct locked_package *find_locked(const struct tools_root *tools, const char *name)
{
	/* Not bsearch(): a list in the wrong order is searched too. */
	for (size_t i = 0; i < tools->locked_count; i++)
		if (!strcmp(tools->locked[i].name, name))
			return &tools->locked[i];
	return NULL;
}

/* Was every item of the list readable? */
static bool read_locked(struct reader *r, struct node *list, struct tools_root *tools)
{
	size_t count;
	struct node *item = reader_items(r, list, "`packages`", &count);

	tools->locked = arena_alloc(r->arena, count, sizeof(*tools->locked));
	for (; item; item = item->next) {
		struct locked_package *package = &tools->locked[tools->locked_count];
		size_t before = r->problems->count;

		reader_fields(r, item, "a locked package", package_fields,
		    sizeof(package_fields) / sizeof(*package_fields), package);
		if (r->problems->count > before)
			continue;
		if (tools->locked_count && by_name(package - 1, package) >= 0)
			problem_add(r->problems, reader_place(r, item),
			    "%s does not come after %s: the list is sorted, none is there twice",
			    package->name, package[-1].name);
		tools->locked_count++;
	}
	return list && tools->locked_count == count;
}

/* Everything that the unpacked tree depends on, in a form that comments and layout do not touch. */
static struct digest digest_tools(const struct tools_root *tools)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];

	for (size_t i = 0; i < tools->locked_count; i++)
		buf_printf(&text, "package %s %s\n", tools->locked[i].name,
		    digest_format(&tools->locked[i].sha256, hex));
	for (size_t i = 0; i < tools->exclude.count; i++)
		buf_printf(&text, "exclude %s\n", tools->exclude.items[i]);
	for (size_t i = 0; i < tools->links.count; i++)
		buf_printf(&text, "link %s %zu\n%s\n", tools->links.items[i].key,
		    strlen(tools->links.items[i].value), tools->links.items[i].value);
	for (size_t i = 0; i < tools->files.count; i++)
		buf_printf(&text, "file %s %zu\n%s\n", tools->files.items[i].key,
		    strlen(tools->files.items[i].value), tools->files.items[i].value);
	return digest_of(buf_text(&text), text.length);
}

/* Does the lock answer what is asked for now? */
static void check_lock(struct loader *loader, struct reader *lock, const struct lock_fields *read)
{
	struct tools_root *tools = &loader->plan->tools;

	if (read->suite && tools->suite && strcmp(read->suite, tools->suite))
		problem_add(loader->problems, reader_key_place(lock, "suite"),
		    "the lock is of %s, and root.yaml asks for %s; " RENEW, read->suite,
		    tools->suite);
	for (size_t i = 0; i < tools->packages.count; i++)
		if (!find_locked(tools, tools->packages.items[i]))
			problem_add(loader->problems, tools->packages.places[i],
			    "%s is not in toolchain/root.lock; " RENEW, tools->packages.items[i]);
}

static void load_lock(struct loader *loader)
{
	struct tools_root *tools = &loader->plan->tools;
	struct lock_fields read = {0};
	struct reader lock;

	reader_open(
	    &lock, &loader->plan->arena, loader->problems, loader->project, "toolchain/root.lock");
	reader_fields(&lock, lock.top, "the lock", lock_fields,
	    sizeof(lock_fields) / sizeof(*lock_fields), &read);
	if (read_locked(&lock, read.packages, tools))
		check_lock(loader, &lock, &read);
	else if (!lock.top)
		problem_add(loader->problems, reader_place(&lock, NULL),
		    "the lock of the tools root cannot be read; " RENEW);
	tools->snapshot = read.snapshot;
	tools->lock_digest = digest_tools(tools);
	reader_close(&lock);
}

void tools_load(struct loader *loader, bool with_lock)
{
	struct tools_root *tools = &loader->plan->tools;
	struct reader root;

	reader_open(
	    &root, &loader->plan->arena, loader->problems, loader->project, "toolchain/root.yaml");
	reader_fields(&root, root.top, "the tools root", root_fields,
	    sizeof(root_fields) / sizeof(*root_fields), tools);
	if (with_lock)
		load_lock(loader);
	reader_close(&root);
}
