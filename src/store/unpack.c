#include "store/unpack.h"

#include "base/map.h"
#include "base/memory.h"
#include "base/words.h"
#include "store/writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_RATIO 200
#define RATIO_FLOOR (64ULL << 20)
#define PIECE (1UL << 20) /* files up to this size are handed over whole */

struct unpack {
	const struct unpack_options *options;
	struct tree_limits limits;
	struct writer *writer;
	struct tree tree;
	struct map index; /* path -> number of the entry; keys are the entries' paths */
	uint64_t bytes;	  /* unpacked so far, over all archives */
	/* Of the archive at hand: */
	uint64_t packed, unpacked;
	char *top; /* the one top folder, once seen */
};

int unpack_begin(
    int into_fd, const struct unpack_options *options, struct unpack **ret_unpack, struct err *e)
{
	struct unpack *u = xcalloc(1, sizeof(*u));

	u->options = options;
	u->limits = tree_limits_or_default(&options->limits);
	if (writer_start(into_fd, &u->writer, e)) {
		free(u);
		return -1;
	}
	*ret_unpack = u;
	return 0;
}

static int bad(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int bad(struct err *e, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(e->text, sizeof(e->text), format, arguments);
	va_end(arguments);
	make_printable(e->text); /* names in it are the archive's */
	e->kind = ERR_INPUT;
	e->errnum = 0;
	return -1;
}

/* --- Entries --- */

/* What file systems hold at most, in bytes; a longer one would fail in the writer. */
static bool has_long_name(const char *path)
{
	for (; *path; path += *path == '/') {
		size_t length = strcspn(path, "/");

		if (length > NAME_MAX)
			return true;
		path += length;
	}
	return false;
}

static int check_path(const struct unpack *u, const char *path, struct err *e)
{
	if (!path_is_plain(path))
		return bad(e, "the entry `%.200s` has a path that leads outside", path);
	if (strlen(path) > u->limits.path)
		return bad(e, "the path %.100s… is longer than %u bytes", path, u->limits.path);
	if (has_long_name(path))
		return bad(e, "a name in %.100s… is longer than %d bytes", path, NAME_MAX);
	if (u->tree.count >= u->limits.entries)
		return bad(
		    e, "it holds more than %llu entries", (unsigned long long)u->limits.entries);
	return 0;
}

static struct tree_entry *add_entry(struct unpack *u, char type, const char *path)
{
	struct tree_entry *entry = tree_add(&u->tree, type, path);

	map_put(&u->index, entry->path, u->tree.count - 1);
	return entry;
}

static char type_of(const struct unpack *u, const char *path)
{
	size_t i;

	return map_get(&u->index, path, &i) ? u->tree.entries[i].type : 0;
}

static const char *type_name(char type)
{
	return type == 'd' ? "a folder" : type == 'l' ? "a link" : "a file";
}

static int make_folder(struct unpack *u, const char *path, struct err *e)
{
	char type = type_of(u, path);
	unsigned depth = 1;

	if (type == 'd')
		return 0;
	if (type)
		return bad(e,
		    "%.200s is there already, as %s; nothing is written through or over it", path,
		    type_name(type));
	for (const char *c = path; *c; c++)
		depth += *c == '/';
	if (depth > u->limits.depth)
		return bad(e, "%.100s… is nested deeper than %u folders", path, u->limits.depth);
	if (check_path(u, path, e))
		return -1;
	add_entry(u, 'd', path);
	return writer_folder(u->writer, path, e);
}

/* The folders that a path is in, made where they are missing. A link among them is refused by
 * make_folder(). */
static int make_parents(struct unpack *u, const char *path, struct err *e)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_free_ char *parent = xstrndup(path, (size_t)(slash - path));

		if (make_folder(u, parent, e))
			return -1;
	}
	return 0;
}

/* Make room for a new entry that is no folder. */
static int claim(struct unpack *u, const char *path, struct err *e)
{
	if (make_parents(u, path, e) || check_path(u, path, e))
		return -1;
	if (type_of(u, path))
		return bad(e, "%.200s is there already, as %s", path, type_name(type_of(u, path)));
	return 0;
}

int unpack_folder(struct unpack *u, const char *path, struct err *e)
{
	return make_parents(u, path, e) ? -1 : make_folder(u, path, e);
}

/* Does a link's target stay inside, counted from the folder that the link is in? Only the text is
 * looked at: links that other links lead through may still go further up. Nothing here follows
 * links, and steps, which do, see only what was declared. */
static bool stays_inside(const char *path, const char *target)
{
	int depth = 0;

	if (*target == '/')
		return false;
	for (const char *c = path; *c; c++)
		depth += *c == '/';
	while (*target) {
		size_t length = strcspn(target, "/");

		if (length == 2 && target[0] == '.' && target[1] == '.')
			depth--;
		else if (length && !(length == 1 && target[0] == '.'))
			depth++;
		if (depth < 0)
			return false;
		target += length + (target[length] == '/');
	}
	return true;
}

int unpack_link(struct unpack *u, const char *path, const char *target, struct err *e)
{
	if (claim(u, path, e))
		return -1;
	if (!*target || strlen(target) >= PATH_MAX)
		return bad(e, "the link %.200s has an empty or too long target", path);
	if (!u->options->rooted && !stays_inside(path, target))
		return bad(e, "the link %.200s leads outside, to %.200s", path, target);
	add_entry(u, 'l', path)->target = xstrdup(target);
	return writer_link(u->writer, path, target, e);
}

int unpack_file(struct unpack *u, const char *path, const char *content, struct err *e)
{
	if (claim(u, path, e))
		return -1;
	add_entry(u, 'f', path);
	return writer_file(u->writer, u->tree.count - 1, path, false, xstrdup(content),
	    strlen(content), true, true, e);
}

static int add_hard_link(struct unpack *u, const char *path, const char *original, struct err *e)
{
	size_t i;

	if (claim(u, path, e))
		return -1;
	if (!map_get(&u->index, original, &i) ||
	    (u->tree.entries[i].type != 'f' && u->tree.entries[i].type != 'x'))
		return bad(e, "the hard link %.200s names %.200s, which is no file before it", path,
		    original);
	add_entry(u, u->tree.entries[i].type, path);
	return writer_copy(u->writer, u->tree.count - 1, path, i, original, e);
}

/* --- Archives --- */

static int count_bytes(struct unpack *u, size_t more, struct err *e)
{
	unsigned ratio = u->options->ratio ? u->options->ratio : DEFAULT_RATIO;

	u->bytes += more;
	u->unpacked += more;
	if (u->bytes > u->limits.bytes)
		return bad(
		    e, "it unpacks to more than %llu bytes", (unsigned long long)u->limits.bytes);
	if (u->unpacked > RATIO_FLOOR && u->unpacked / ratio > u->packed)
		return bad(e,
		    "it unpacks to more than %u times its size, as only an archive made to fill "
		    "disks does",
		    ratio);
	return 0;
}

static int read_failed(struct archive *a, struct err *e)
{
	const char *why = archive_error_string(a);

	return bad(e, "the archive is damaged or cut short: %.300s", why ? why : "no reason given");
}

/* Read up to a piece; *ret_length is less than that only at the end of the file. */
static int read_piece(
    struct unpack *u, struct archive *a, char *piece, size_t *ret_length, struct err *e)
{
	size_t length = 0;

	while (length < PIECE) {
		la_ssize_t got = archive_read_data(a, piece + length, PIECE - length);

		if (got < 0)
			return read_failed(a, e);
		if (!got)
			break;
		length += (size_t)got;
		if (count_bytes(u, (size_t)got, e))
			return -1;
	}
	*ret_length = length;
	return 0;
}

static int add_file(
    struct unpack *u, struct archive *a, const char *path, bool executable, struct err *e)
{
	_cleanup_free_ char *piece = NULL;
	bool first = true, last = false;
	size_t index, length = 0;

	if (claim(u, path, e))
		return -1;
	add_entry(u, executable ? 'x' : 'f', path);
	index = u->tree.count - 1;
	for (; !last; first = false) {
		/* One buffer a thread, and a copy of the right size for the queue. */
		static _Thread_local char buffer[PIECE];

		if (read_piece(u, a, buffer, &length, e))
			return -1;
		last = length < PIECE;
		piece = xrealloc(NULL, length);
		memcpy(piece, buffer, length);
		if (writer_file(u->writer, index, path, executable, steal_ptr(&piece), length,
			first, last, e))
			return -1;
	}
	return 0;
}

/* libarchive gives a name in the locale's encoding if it can, in UTF-8 if it must. */
static const char *first_of(const char *raw, const char *utf8)
{
	return raw ? raw : utf8;
}

/* Leading `./` and trailing `/` say nothing. "" is the root itself. */
static char *normal_path(const char *raw)
{
	size_t length;

	while (raw[0] == '.' && (raw[1] == '/' || !raw[1]))
		raw += 1 + strspn(raw + 1, "/");
	length = strlen(raw);
	while (length && raw[length - 1] == '/')
		length--;
	return xstrndup(raw, length);
}

/* Debian merged these into /usr; packages of its release 12 still name them. */
static const char *const merged[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};

static bool is_merged(const char *path)
{
	size_t length = strcspn(path, "/");

	for (size_t i = 0; i < sizeof(merged) / sizeof(*merged); i++)
		if (strlen(merged[i]) == length && !memcmp(path, merged[i], length))
			return true;
	return false;
}

/* Take the top folder off a path, in place; the first one seen is the one expected. */
static int strip_top(struct unpack *u, char *path, struct err *e)
{
	size_t length = strcspn(path, "/");

	if (!u->top)
		u->top = xstrndup(path, length);
	if (strlen(u->top) != length || memcmp(path, u->top, length))
		return bad(e, "it has more than one top folder: %.100s and %.*s", u->top,
		    (int)(length > 100 ? 100 : length), path);
	memmove(path, path + length + (path[length] == '/'),
	    strlen(path + length + (path[length] == '/')) + 1);
	return 0;
}

/* Where an entry belongs in the tree: "" for the root itself. The caller frees it; NULL when the
 * name is not acceptable. */
static char *place(struct unpack *u, const char *raw, struct err *e)
{
	_cleanup_free_ char *path = raw ? normal_path(raw) : NULL;

	if (!path) {
		bad(e, "it holds an entry without a readable name");
		return NULL;
	}
	if (!*path)
		return steal_ptr(&path);
	if (!path_is_plain(path)) {
		bad(e, "the entry `%.200s` has a path that leads outside", raw);
		return NULL;
	}
	if (u->options->strip_top && strip_top(u, path, e))
		return NULL;
	if (u->options->rooted && is_merged(path))
		return xasprintf("usr/%s", path);
	return steal_ptr(&path);
}

static bool is_excluded(const struct unpack *u, const char *path)
{
	for (const char *const *exclude = u->options->exclude; exclude && *exclude; exclude++) {
		size_t length = strlen(*exclude);

		if (!strncmp(path, *exclude, length) && (!path[length] || path[length] == '/'))
			return true;
	}
	return false;
}

static int add_by_type(struct unpack *u, struct archive *a, struct archive_entry *entry,
    const char *path, struct err *e)
{
	const char *target;

	switch (archive_entry_filetype(entry)) {
	case AE_IFDIR:
		return unpack_folder(u, path, e);
	case AE_IFREG:
		return add_file(u, a, path, archive_entry_perm(entry) & S_IXUSR, e);
	case AE_IFLNK:
		target = first_of(archive_entry_symlink(entry), archive_entry_symlink_utf8(entry));
		return target ? unpack_link(u, path, target, e)
			      : bad(e, "the link %.200s has no readable target", path);
	case AE_IFCHR:
	case AE_IFBLK:
		return bad(e, "%.200s is a device", path);
	case AE_IFIFO:
		return bad(e, "%.200s is a fifo", path);
	case AE_IFSOCK:
		return bad(e, "%.200s is a socket", path);
	default:
		return bad(e, "%.200s is of an unknown type", path);
	}
}

static int add_archive_entry(
    struct unpack *u, struct archive *a, struct archive_entry *entry, struct err *e)
{
	const char *hard =
	    first_of(archive_entry_hardlink(entry), archive_entry_hardlink_utf8(entry));
	_cleanup_free_ char *path = place(
	    u, first_of(archive_entry_pathname(entry), archive_entry_pathname_utf8(entry)), e);
	_cleanup_free_ char *original = NULL;

	if (!path)
		return -1;
	if (!*path)
		return archive_entry_filetype(entry) == AE_IFDIR
			   ? 0
			   : bad(e, "an entry would replace the root folder");
	if (is_excluded(u, path))
		return 0;
	if (!hard)
		return add_by_type(u, a, entry, path, e);
	original = place(u, hard, e);
	return original ? add_hard_link(u, path, original, e) : -1;
}

/* A warning is as bad as an error, but for names that the locale cannot hold: those were had. */
static bool is_harmless(struct archive *a, int result)
{
	const char *why = archive_error_string(a);

	return result == ARCHIVE_WARN && why && strstr(why, "can't be converted");
}

static int read_entries(struct unpack *u, struct archive *a, struct err *e)
{
	struct archive_entry *entry;
	uint64_t headers = 0;
	int result;

	/* ARCHIVE_RETRY too is an error: it passes over a damaged header. */
	while ((result = archive_read_next_header(a, &entry)) != ARCHIVE_EOF) {
		if (result != ARCHIVE_OK && !is_harmless(a, result))
			return read_failed(a, e);
		/* Not all of them become entries: what is excluded, a folder a second time. */
		if (++headers > u->limits.entries)
			return bad(e, "it holds more than %llu entries",
			    (unsigned long long)u->limits.entries);
		if (add_archive_entry(u, a, entry, e))
			return -1;
	}
	return 0;
}

/* Only what sources and packages come as. */
static struct archive *new_reader(void)
{
	struct archive *a = archive_read_new();

	if (!a || archive_read_support_format_tar(a) || archive_read_support_filter_gzip(a) ||
	    archive_read_support_filter_bzip2(a) || archive_read_support_filter_xz(a) ||
	    archive_read_support_filter_zstd(a)) {
		fputs("minsys: libarchive cannot read tar archives\n", stderr);
		exit(ERR_ENVIRONMENT);
	}
	return a;
}

static int begin_archive(struct unpack *u, int fd, const char *name, struct err *e)
{
	struct stat status;

	if (fstat(fd, &status))
		return err_errno(e, "look at %s", name);
	u->packed = (uint64_t)status.st_size;
	u->unpacked = 0;
	free(steal_ptr(&u->top));
	return 0;
}

int unpack_tar(struct unpack *u, int archive_fd, const char *name, struct err *e)
{
	struct archive *a;
	int result;

	if (begin_archive(u, archive_fd, name, e))
		return -1;
	a = new_reader();
	result = archive_read_open_fd(a, archive_fd, 1 << 18) ? read_failed(a, e)
							      : read_entries(u, a, e);
	archive_read_free(a);
	return result ? err_wrap(e, "unpack %s", name) : 0;
}

/* The data of a package is an archive inside the archive. */
struct inner {
	struct archive *outer;
	char piece[65536];
};

static la_ssize_t read_inner(struct archive *a, void *context, const void **ret_piece)
{
	struct inner *inner = context;
	la_ssize_t got = archive_read_data(inner->outer, inner->piece, sizeof(inner->piece));

	if (got < 0)
		archive_set_error(
		    a, archive_errno(inner->outer), "%s", archive_error_string(inner->outer));
	*ret_piece = inner->piece;
	return got;
}

static int find_data(struct archive *outer, struct err *e)
{
	struct archive_entry *entry;
	int result;

	while ((result = archive_read_next_header(outer, &entry)) == ARCHIVE_OK) {
		const char *member = archive_entry_pathname(entry);

		if (member && !strncmp(member, "data.tar", strlen("data.tar")))
			return 0;
	}
	return result == ARCHIVE_EOF ? bad(e, "it is no Debian package: it has no data.tar")
				     : read_failed(outer, e);
}

int unpack_deb(struct unpack *u, int archive_fd, const char *name, struct err *e)
{
	struct inner inner = {.outer = archive_read_new()};
	struct archive *a = new_reader();
	int result = begin_archive(u, archive_fd, name, e);

	if (!result && (archive_read_support_format_ar(inner.outer) ||
			   archive_read_open_fd(inner.outer, archive_fd, 1 << 18)))
		result = read_failed(inner.outer, e);
	if (!result)
		result = find_data(inner.outer, e);
	if (!result)
		result = archive_read_open(a, &inner, NULL, read_inner, NULL)
			     ? read_failed(a, e)
			     : read_entries(u, a, e);
	archive_read_free(a);
	archive_read_free(inner.outer);
	return result ? err_wrap(e, "unpack %s", name) : 0;
}

/* --- The end --- */

/* Give the merged folders their old names. */
static int link_merged(struct unpack *u, struct err *e)
{
	for (size_t i = 0; i < sizeof(merged) / sizeof(*merged); i++) {
		_cleanup_free_ char *target = xasprintf("usr/%s", merged[i]);

		if (type_of(u, target) == 'd' && unpack_link(u, merged[i], target, e))
			return -1;
	}
	return 0;
}

static void take_results(struct unpack *u, const struct written *results)
{
	for (size_t i = 0; i < u->tree.count; i++) {
		struct tree_entry *entry = &u->tree.entries[i];

		if (entry->type == 'd' || entry->type == 'l')
			continue;
		entry->digest = results[i].digest;
		entry->size = results[i].size;
	}
}

int unpack_end(struct unpack *u, int result, struct tree *ret_tree, struct err *e)
{
	_cleanup_free_ struct written *results = NULL;
	struct err later = {0};

	if (!result && u->options->rooted)
		result = link_merged(u, e);
	if (writer_finish(u->writer, &results, &later) && !result) {
		*e = later;
		result = -1;
	}
	map_free(&u->index);
	free(u->top);
	if (result) {
		tree_free(&u->tree);
	} else {
		take_results(u, results);
		*ret_tree = u->tree;
	}
	free(u);
	return result;
}
