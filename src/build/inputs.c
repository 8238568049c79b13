#include "build/inputs.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "sandbox/sandbox.h"
#include "store/unpack.h"

#include <pthread.h>
#include <string.h>

/* Counts up when unpacking changes in a way that changes trees, or how they lie on disk. */
#define UNPACK_VERSION 2

static void tell(const struct inputs *in, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(const struct inputs *in, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	in->notice(in->context, text);
}

size_t inputs_number(const struct inputs *in, const struct source *source)
{
	return (size_t)(source - in->plan->sources);
}

size_t inputs_tools_root(const struct inputs *in)
{
	return in->plan->source_count;
}

const struct digest *inputs_tree(const struct inputs *in, size_t number)
{
	return &in->items[number].tree;
}

const char *inputs_name(const struct inputs *in, size_t number)
{
	return number == inputs_tools_root(in) ? "tools root" : in->plan->sources[number].name;
}

void inputs_open(struct inputs *in)
{
	in->count = in->plan->source_count + 1;
	in->items = xcalloc(in->count, sizeof(*in->items));
	in->wanted = xcalloc(in->count, sizeof(*in->wanted));
}

void inputs_close(struct inputs *in)
{
	free(in->items);
	free(in->wanted);
}

/* The key of the record that says which tree one archive unpacks to. */
static struct digest source_key(const struct source *source, const struct digest *archive)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];

	buf_printf(&text, "minsys source %d\n%s\n", UNPACK_VERSION, digest_format(archive, hex));
	for (size_t i = 0; i < source->exclude.count; i++)
		buf_printf(&text, "exclude %s\n", source->exclude.items[i]);
	return digest_of(text.data, text.length);
}

static struct digest tools_key(const struct plan *plan)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];

	buf_printf(&text, "minsys tools root %d\n%s\n", UNPACK_VERSION,
	    digest_format(&plan->tools.lock_digest, hex));
	return digest_of(text.data, text.length);
}

static int read_record(struct store *store, const struct digest *key, struct digest *ret_tree,
    bool *ret_found, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (store_record_read(store, "unpacked", key, &text, ret_found, e))
		return -1;
	if (!*ret_found)
		return 0;
	store_use_record(store, "unpacked", key);
	text.data[strcspn(text.data, "\n")] = 0;
	return digest_parse(text.data, ret_tree, e);
}

/* The record of any origin will do: origins hold the same files. */
static int look_for_source(
    struct store *store, const struct source *source, struct input *input, struct err *e)
{
	for (size_t i = 0; i < source->origin_count && !input->is_known; i++) {
		input->record = source_key(source, &source->origins[i].sha256);
		if (read_record(store, &input->record, &input->tree, &input->is_known, e))
			return -1;
	}
	input->is_recorded = input->is_known;
	return 0;
}

static int look_for_tools(
    struct store *store, const struct plan *plan, struct input *input, struct err *e)
{
	input->record = tools_key(plan);
	if (read_record(store, &input->record, &input->tree, &input->is_known, e))
		return -1;
	input->is_recorded = input->is_known;
	return 0;
}

/* One tree being put together in a temporary folder of the store. */
struct assembly {
	struct store *store;
	struct store_temp temp;
	int fd;
};

static int assembly_begin(struct store *store, struct assembly *a, struct err *e)
{
	*a = (struct assembly){.store = store, .fd = -1};
	if (store_temp_make(store, &a->temp, e))
		return -1;
	a->fd = folder_make(a->temp.fd, "tree", 0755, e);
	if (a->fd >= 0)
		return 0;
	store_temp_remove(store, &a->temp);
	return -1;
}

/* Commit what was put together, unless `result` says that it failed; release it either way. */
static int assembly_end(
    struct assembly *a, int result, struct tree *tree, struct digest *ret_tree, struct err *e)
{
	_cleanup_buf_ struct buf manifest = {0};

	if (!result) {
		tree_encode(tree, &manifest);
		result = store_tree_commit(a->store, &a->temp, "tree", &manifest, ret_tree, e);
	}
	if (result)
		store_explain_disk(a->store, e);
	close(a->fd);
	tree_free(tree);
	store_temp_remove(a->store, &a->temp);
	return result;
}

static int open_download(const struct inputs *in, const struct digest *archive, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	int fd = openat(
	    in->host->store->downloads_fd, digest_format(archive, hex), O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_errno(e, "open the download %s", hex) : fd;
}

/* An array of the names, ended by NULL, which the caller frees. */
static const char **terminated(const struct names *names)
{
	const char **list = xcalloc(names->count + 1, sizeof(*list));

	for (size_t i = 0; i < names->count; i++)
		list[i] = names->items[i];
	return list;
}

static int unpack_archive(const struct inputs *in, int fd, const char *name,
    const struct unpack_options *options, struct digest *ret_tree, struct err *e)
{
	struct assembly assembly;
	struct tree tree = {0};
	struct unpack *unpack;
	int result;

	if (assembly_begin(in->host->store, &assembly, e))
		return -1;
	tell(in, "unpack %s", name);
	result = unpack_begin(assembly.fd, options, &unpack, e);
	if (!result)
		result = unpack_end(unpack, unpack_tar(unpack, fd, name, e), &tree, e);
	return assembly_end(&assembly, result, &tree, ret_tree, e);
}

static int unpack_source(const struct inputs *in, const struct source *source,
    const struct digest *archive, struct digest *ret_tree, struct err *e)
{
	_cleanup_close_ int fd = open_download(in, archive, e);
	_cleanup_free_ char *name = xasprintf("%s %s", source->name, source->version);
	_cleanup_free_ const char **exclude = terminated(&source->exclude);
	const struct unpack_options options = {.strip_top = true, .exclude = exclude};

	if (fd < 0 || unpack_archive(in, fd, name, &options, ret_tree, e))
		return err_wrap(e, "source %s", source->name);
	return 0;
}

/* What the unpacked packages lack: mount points for the sandbox, what maintainer scripts would
 * have made, and a mark by which a step can know that it stands on this root. */
static int complete_tools(const struct tools_root *tools, struct unpack *unpack, struct err *e)
{
	static const char *const mount_points[] = {"proc", "dev", "tmp", "minsys"};
	char hex[DIGEST_HEX_SIZE + 1];

	for (size_t i = 0; i < sizeof(mount_points) / sizeof(*mount_points); i++)
		if (unpack_folder(unpack, mount_points[i], e))
			return -1;
	for (size_t i = 0; i < tools->links.count; i++)
		if (unpack_link(unpack, tools->links.items[i].key, tools->links.items[i].value, e))
			return -1;
	for (size_t i = 0; i < tools->files.count; i++)
		if (unpack_file(unpack, tools->files.items[i].key, tools->files.items[i].value, e))
			return -1;
	strcat(digest_format(&tools->lock_digest, hex), "\n");
	return unpack_file(unpack, &TOOLS_ROOT_MARK[1], hex, e);
}

static int unpack_packages(const struct inputs *in, struct unpack *unpack, struct err *e)
{
	const struct tools_root *tools = &in->plan->tools;

	for (size_t i = 0; i < tools->locked_count; i++) {
		_cleanup_close_ int fd = open_download(in, &tools->locked[i].sha256, e);

		if (fd < 0 || unpack_deb(unpack, fd, tools->locked[i].name, e))
			return -1;
	}
	return complete_tools(tools, unpack, e);
}

static int unpack_tools(const struct inputs *in, struct digest *ret_tree, struct err *e)
{
	_cleanup_free_ const char **exclude = terminated(&in->plan->tools.exclude);
	const struct unpack_options options = {.rooted = true, .exclude = exclude};
	struct assembly assembly;
	struct tree tree = {0};
	struct unpack *unpack;
	int result;

	if (assembly_begin(in->host->store, &assembly, e))
		return -1;
	tell(in, "unpack the tools root (%zu packages)", in->plan->tools.locked_count);
	result = unpack_begin(assembly.fd, &options, &unpack, e);
	if (!result)
		result = unpack_end(unpack, unpack_packages(in, unpack, e), &tree, e);
	return assembly_end(&assembly, result, &tree, ret_tree, e) ? err_wrap(e, "the tools root")
								   : 0;
}

/* Learn which tree a folder holds; nothing is written. */
static int scan_folder(int fd, const char *const *include, struct digest *ret_digest, struct err *e)
{
	_cleanup_buf_ struct buf manifest = {0};
	struct tree tree = {0};

	if (tree_import(fd, include, -1, &(struct tree_limits){0}, &tree, e))
		return -1;
	tree_encode(&tree, &manifest);
	*ret_digest = digest_of(buf_text(&manifest), manifest.length);
	tree_free(&tree);
	return 0;
}

static int import_folder(
    struct store *store, int fd, const char *const *include, struct digest *ret_tree, struct err *e)
{
	struct assembly assembly;
	struct tree tree = {0};
	int result;

	if (assembly_begin(store, &assembly, e))
		return -1;
	result = tree_import(fd, include, assembly.fd, &(struct tree_limits){0}, &tree, e);
	return assembly_end(&assembly, result, &tree, ret_tree, e);
}

/* A folder of the project is read anew each time; the store gets what it holds now, unless it has
 * that already. */
static int capture_local(
    const struct inputs *in, const struct source *source, struct digest *ret_tree, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", in->plan->project, source->path);
	_cleanup_free_ const char **names = terminated(&source->include);
	const char *const *include = source->include.count ? names : NULL;
	_cleanup_close_ int fd = folder_open(AT_FDCWD, path, e);
	struct store *store = in->host->store;
	struct digest tree;

	if (fd < 0 || scan_folder(fd, include, &tree, e))
		return err_wrap(e, "source %s", source->name);
	if (!store_has_tree(store, &tree) && import_folder(store, fd, include, &tree, e))
		return err_wrap(e, "source %s", source->name);
	*ret_tree = tree;
	return 0;
}

/* What has to be downloaded: a growing list that owns its origins. */
struct wants {
	struct fetch_item *items;
	size_t count;
};

static void want_source(struct wants *wants, const struct source *source)
{
	struct fetch_origin *origins = xcalloc(source->origin_count, sizeof(*origins));

	for (size_t i = 0; i < source->origin_count; i++)
		origins[i] = (struct fetch_origin){source->origins[i].in_pool,
		    source->origins[i].location, source->origins[i].sha256};
	wants->items = xgrow(wants->items, wants->count, sizeof(*wants->items));
	wants->items[wants->count++] = (struct fetch_item){
	    .name = xasprintf("%s %s", source->name, source->version),
	    .origins = origins,
	    .origin_count = source->origin_count,
	};
}

static void want_tools(struct wants *wants, const struct tools_root *tools)
{
	for (size_t i = 0; i < tools->locked_count; i++) {
		const struct locked_package *package = &tools->locked[i];
		struct fetch_origin *origin = xcalloc(1, sizeof(*origin));

		*origin = (struct fetch_origin){true, package->path, package->sha256};
		wants->items = xgrow(wants->items, wants->count, sizeof(*wants->items));
		wants->items[wants->count++] = (struct fetch_item){
		    .name = xasprintf("%s %s", package->name, package->version),
		    .size = package->size,
		    .origins = origin,
		    .origin_count = 1,
		};
	}
}

static void wants_free(struct wants *wants)
{
	for (size_t i = 0; i < wants->count; i++) {
		free((char *)wants->items[i].name);
		free((struct fetch_origin *)wants->items[i].origins);
	}
	free(wants->items);
}

static void want(struct wants *wants, const struct inputs *in, size_t number)
{
	if (number == inputs_tools_root(in))
		want_tools(wants, &in->plan->tools);
	else if (!in->plan->sources[number].path)
		want_source(wants, &in->plan->sources[number]);
}

static void add_line(struct buf *text, const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	buf_printf(text, "%s\n", digest_format(digest, hex));
}

/* The first line is the digest of the tree, the others are what it was unpacked from: that is of
 * use for as long as the tree is. */
static int write_record(struct store *store, const struct digest *key, const struct digest *tree,
    const struct wants *wants, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	add_line(&text, tree);
	for (size_t i = 0; i < wants->count; i++)
		add_line(&text, &wants->items[i].ret_digest);
	return store_record_write(store, "unpacked", key, text.data, text.length, e);
}

/* What is there of them stays. */
static void use_downloads(const struct inputs *in, const struct wants *wants)
{
	for (size_t i = 0; i < wants->count; i++)
		for (size_t n = 0; n < wants->items[i].origin_count; n++)
			store_use_download(in->host->store, &wants->items[i].origins[n].sha256);
}

/* Downloads being read back, before they are unpacked. */
struct check {
	const struct inputs *in;
	const struct wants *wants;
	pthread_mutex_t lock;
	struct err *error;
	bool failed;
};

static void check_item(void *context, size_t i)
{
	struct check *check = context;
	const struct fetch_item *item = &check->wants->items[i];
	struct err e = {0};

	for (size_t n = 0; n < item->origin_count; n++) {
		bool damaged = false, failed = store_download_check(check->in->host->store,
					  &item->origins[n].sha256, &damaged, &e);

		pthread_mutex_lock(&check->lock);
		if (damaged)
			tell(check->in, "the download of %s was damaged, and is removed",
			    item->name);
		if (failed)
			*check->error = e;
		check->failed |= failed;
		pthread_mutex_unlock(&check->lock);
	}
}

/* A disk may have changed them since they came. What is damaged is missing then. */
static int check_downloads(const struct inputs *in, const struct wants *wants, struct err *e)
{
	struct check check = {in, wants, PTHREAD_MUTEX_INITIALIZER, e, false};

	parallel_for(wants->count, check_item, &check);
	pthread_mutex_destroy(&check.lock);
	return check.failed ? -1 : 0;
}

struct hearing {
	const struct inputs *in;
	size_t number;
};

static void hear(void *context, bool is_progress, const char *line)
{
	const struct hearing *hearing = context;
	const struct inputs *in = hearing->in;

	if (is_progress)
		in->downloading(in->context, hearing->number, line);
	else
		in->notice(in->context, line);
}

/* `number`: on whose behalf. */
static int fetch(const struct inputs *in, size_t number, struct wants *wants, struct err *e)
{
	struct hearing hearing = {in, number};
	struct fetch_options options = *in->fetch;

	use_downloads(in, wants);
	if (in->downloading && !options.quiet) {
		options.tell = hear;
		options.context = &hearing;
	}
	return wants->count ? fetch_items(&options, wants->items, wants->count, e) : 0;
}

int inputs_download(const struct inputs *in, size_t number, struct err *e)
{
	struct wants wants = {0};
	int result;

	want(&wants, in, number);
	result = fetch(in, number, &wants, e);
	wants_free(&wants);
	return result;
}

int inputs_download_all(const struct inputs *in, const bool *numbers, struct err *e)
{
	struct wants wants = {0};
	int result;

	for (size_t i = 0; i < in->count; i++)
		if (numbers[i])
			want(&wants, in, i);
	result = fetch(in, INPUTS_ALL, &wants, e);
	wants_free(&wants);
	return result;
}

bool inputs_are_downloaded(const struct inputs *in, size_t number)
{
	struct wants wants = {0};
	bool is_there;

	want(&wants, in, number);
	use_downloads(in, &wants);
	is_there = fetch_look(in->fetch->downloads_fd, wants.items, wants.count) == 0;
	wants_free(&wants);
	return is_there;
}

/* The download of any origin will do: origins hold the same files. */
static int copy_download(
    const struct inputs *in, const struct source *source, struct store *into, struct err *e)
{
	bool found = false;

	for (size_t i = 0; i < source->origin_count && !found; i++)
		if (store_download_copy(
			in->host->store, &source->origins[i].sha256, into, &found, e))
			return -1;
	if (found || source->path)
		return 0;
	return err_kind(e, ERR_ENVIRONMENT, "the download of %s %s is gone from the store",
	    source->name, source->version);
}

int inputs_copy_downloads(const struct inputs *in, struct store *into, struct err *e)
{
	for (size_t i = 0; i < in->plan->source_count; i++)
		if (in->wanted[i] && copy_download(in, &in->plan->sources[i], into, e))
			return -1;
	return 0;
}

/* A tree that had to be unpacked again must come out as it was, or the keys made from it lie. */
static int check_same(
    const struct inputs *in, size_t number, const struct digest *after, struct err *e)
{
	if (!in->items[number].is_known || digest_equal(&in->items[number].tree, after))
		return 0;
	return err_kind(e, ERR_ENVIRONMENT,
	    "%s unpacked to another tree than before; this is a defect of minsys or of the disk",
	    inputs_name(in, number));
}

/* Unpack it; *ret_key is what the tree is remembered by. */
static int unpack(const struct inputs *in, size_t number, const struct wants *wants,
    struct digest *ret_tree, struct digest *ret_key, struct err *e)
{
	const struct source *source = &in->plan->sources[number];

	if (number == inputs_tools_root(in)) {
		*ret_key = tools_key(in->plan);
		return unpack_tools(in, ret_tree, e);
	}
	*ret_key = source_key(source, &wants->items[0].ret_digest);
	return unpack_source(in, source, &wants->items[0].ret_digest, ret_tree, e);
}

int inputs_unpack(struct inputs *in, size_t number, struct err *e)
{
	struct wants wants = {0};
	struct digest tree, key;
	int result;

	want(&wants, in, number);
	result = check_downloads(in, &wants, e) || fetch(in, number, &wants, e) ||
		 unpack(in, number, &wants, &tree, &key, e) || check_same(in, number, &tree, e) ||
		 write_record(in->host->store, &key, &tree, &wants, e);
	wants_free(&wants);
	if (result)
		return -1;
	in->items[number] = (struct input){.tree = tree, .is_known = true, .is_present = true};
	return 0;
}

/* A folder of the project is there already; of the others the records may tell. */
static int look(struct inputs *in, size_t number, struct err *e)
{
	struct input *input = &in->items[number];
	const struct source *source;

	if (number == inputs_tools_root(in))
		return look_for_tools(in->host->store, in->plan, input, e);
	source = &in->plan->sources[number];
	if (!source->path)
		return look_for_source(in->host->store, source, input, e);
	if (capture_local(in, source, &input->tree, e))
		return -1;
	input->is_known = input->is_present = true;
	return 0;
}

int inputs_look(struct inputs *in, struct err *e)
{
	for (size_t i = 0; i < in->count; i++)
		if (in->wanted[i] && look(in, i, e))
			return -1;
	return 0;
}

bool inputs_are_present(struct inputs *in, size_t number)
{
	struct input *input = &in->items[number];

	/* Once seen is enough: a tree may be away at its place while a step uses it. */
	input->is_present |= input->is_known && store_has_tree(in->host->store, &input->tree);
	return input->is_present;
}

/* Only one that is missing. */
static int obtain(struct inputs *in, size_t number, struct err *e)
{
	return inputs_are_present(in, number) ? 0 : inputs_unpack(in, number, e);
}

int inputs_materialize_tools(struct inputs *in, struct err *e)
{
	return obtain(in, inputs_tools_root(in), e);
}

int inputs_materialize(struct inputs *in, const struct stage *stage, struct err *e)
{
	const struct menu *menu = stage->menu;

	if (!in->host->choice->kind->in_place && inputs_materialize_tools(in, e))
		return -1;
	for (size_t i = 0; i < stage->source_count; i++)
		if (obtain(in, inputs_number(in, stage->sources[i]), e))
			return -1;
	for (size_t i = 0; menu && i < menu->source_count; i++)
		if (in->wanted[inputs_number(in, menu->sources[i])] &&
		    obtain(in, inputs_number(in, menu->sources[i]), e))
			return -1;
	return 0;
}

int inputs_records(const struct inputs *in, struct store *into, struct err *e)
{
	struct digest key = tools_key(in->plan);

	if (store_record_copy(in->host->store, "unpacked", &key, into, e))
		return -1;
	for (size_t i = 0; i < in->plan->source_count; i++) {
		const struct source *source = &in->plan->sources[i];

		for (size_t n = 0; in->wanted[i] && n < source->origin_count; n++) {
			key = source_key(source, &source->origins[n].sha256);
			if (store_record_copy(in->host->store, "unpacked", &key, into, e))
				return -1;
		}
	}
	return 0;
}

int inputs_read_folder(const struct plan *plan, const struct source *source, struct tree *ret_tree,
    struct buf *ret_manifest, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", plan->project, source->path);
	_cleanup_free_ const char **names = terminated(&source->include);
	const char *const *include = source->include.count ? names : NULL;
	_cleanup_close_ int fd = folder_open(AT_FDCWD, path, e);

	if (fd < 0 || tree_import(fd, include, -1, &(struct tree_limits){0}, ret_tree, e))
		return err_wrap(e, "source %s", source->name);
	tree_encode(ret_tree, ret_manifest);
	return 0;
}

static int peek_folder(
    const struct plan *plan, const struct source *source, struct digest *ret_tree, struct err *e)
{
	_cleanup_buf_ struct buf manifest = {0};
	struct tree tree = {0};

	if (inputs_read_folder(plan, source, &tree, &manifest, e))
		return -1;
	*ret_tree = digest_of(buf_text(&manifest), manifest.length);
	tree_free(&tree);
	return 0;
}

int inputs_peek_source(struct store *store, const struct plan *plan, const struct source *source,
    struct digest *ret_tree, bool *ret_found, struct err *e)
{
	struct input input = {.is_known = source->path};

	if (source->path ? peek_folder(plan, source, &input.tree, e)
			 : look_for_source(store, source, &input, e))
		return -1;
	*ret_tree = input.tree;
	*ret_found = input.is_known;
	return 0;
}

int inputs_peek_tools(struct store *store, const struct plan *plan, struct digest *ret_tree,
    bool *ret_found, struct err *e)
{
	struct input input = {0};

	if (look_for_tools(store, plan, &input, e))
		return -1;
	*ret_tree = input.tree;
	*ret_found = input.is_known;
	return 0;
}

struct digest inputs_pin(const struct source *source)
{
	struct digest_stream stream;

	digest_begin(&stream);
	for (size_t i = 0; i < source->origin_count; i++) {
		struct digest key = source_key(source, &source->origins[i].sha256);

		digest_add(&stream, key.bytes, sizeof(key.bytes));
	}
	if (source->path)
		digest_add(&stream, source->path, strlen(source->path));
	return digest_end(&stream);
}
