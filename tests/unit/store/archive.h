/*
 * Archives as nobody's tar would write them, byte by byte, and a place to unpack them that has
 * something beside it to be harmed.
 */
#ifndef TESTS_UNIT_STORE_ARCHIVE_H
#define TESTS_UNIT_STORE_ARCHIVE_H

#include "base/file.h"
#include "base/memory.h"
#include "store/unpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>

#include <cmocka.h>

/* POSIX's ustar header, of which a test may change any field. */
struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8];
	char user[32], group[32];
	char major[8], minor[8];
	char prefix[155];
	char pad[12];
};
_Static_assert(sizeof(struct header) == 512, "a header is one block");

/* A field that is full has no NUL. */
static inline void set_field(char *field, size_t size, const char *text)
{
	for (size_t i = 0; i < size && text[i]; i++)
		field[i] = text[i];
}

static inline struct header header_of(char type, const char *name, unsigned mode, uint64_t size)
{
	struct header h = {.type = type, .magic = "ustar\0000"};

	h.magic[7] = '0';
	set_field(h.name, sizeof(h.name), name);
	snprintf(h.mode, sizeof(h.mode), "%07o", mode & 07777777);
	snprintf(h.uid, sizeof(h.uid), "%07o", 12345);
	snprintf(h.gid, sizeof(h.gid), "%07o", 12345);
	snprintf(h.size, sizeof(h.size), "%011llo", (unsigned long long)size & 077777777777);
	snprintf(h.mtime, sizeof(h.mtime), "%011o", 1000000000);
	return h;
}

static inline void add_header(struct buf *tar, struct header h)
{
	unsigned sum = 0;

	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const unsigned char *)&h)[i];
	snprintf(h.checksum, sizeof(h.checksum), "%06o", sum & 0777777);
	buf_add(tar, &h, sizeof(h));
}

static inline void add_data(struct buf *tar, const char *data, size_t length)
{
	static const char zeros[512];

	buf_add(tar, data, length);
	if (length % 512)
		buf_add(tar, zeros, 512 - length % 512);
}

static inline void add_file(struct buf *tar, const char *name, unsigned mode, const char *content)
{
	add_header(tar, header_of('0', name, mode, strlen(content)));
	add_data(tar, content, strlen(content));
}

static inline void add_folder(struct buf *tar, const char *name)
{
	add_header(tar, header_of('5', name, 0755, 0));
}

/* '1' a hard link, '2' a symbolic one. */
static inline void add_link(struct buf *tar, char type, const char *name, const char *target)
{
	struct header h = header_of(type, name, 0777, 0);

	set_field(h.link, sizeof(h.link), target);
	add_header(tar, h);
}

/* A pax header ('x') or a GNU long name ('L') for the entry that comes next. */
static inline void add_special(struct buf *tar, char type, const char *data, size_t length)
{
	add_header(tar, header_of(type, "././@LongLink", 0644, length));
	add_data(tar, data, length);
}

static inline void add_pax(struct buf *tar, const char *key, const char *value, size_t length)
{
	_cleanup_buf_ struct buf record = {0};
	size_t rest = strlen(key) + length + 3, total = rest;

	for (size_t i = 0; i < 3; i++) { /* the length counts its own digits */
		char digits[24];

		total = rest + (size_t)snprintf(digits, sizeof(digits), "%zu", total);
	}
	buf_printf(&record, "%zu %s=", total, key);
	buf_add(&record, value, length);
	buf_puts(&record, "\n");
	add_special(tar, 'x', record.data, record.length);
}

static inline void add_end(struct buf *tar)
{
	static const char zeros[1024];

	buf_add(tar, zeros, sizeof(zeros));
}

static inline struct buf gzipped(const struct buf *bytes)
{
	struct buf result = {0};
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)bytes->data;
	z.avail_in = (unsigned)bytes->length;
	z.avail_out = (unsigned)deflateBound(&z, bytes->length);
	z.next_out = (unsigned char *)buf_reserve(&result, z.avail_out);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	result.length = z.total_out;
	deflateEnd(&z);
	return result;
}

/* --- A place to unpack --- */

struct place {
	char path[32]; /* holds `into`, and `victim` with "secret" in it */
	int fd;
	int into;
};

static inline int place_set_up(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct err e;

	strcpy(p->path, "/tmp/minsys-test-XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->fd = folder_open(AT_FDCWD, p->path, &e);
	p->into = folder_make(p->fd, "into", 0755, &e);
	*state = p;
	return p->into < 0 || file_replace(p->fd, "victim", "secret", 6, 0640, &e) ? -1 : 0;
}

static inline int place_tear_down(void **state)
{
	struct place *p = *state;
	struct err e;
	int result;

	close(p->into);
	close(p->fd);
	result = tree_remove(AT_FDCWD, p->path, &e);
	free(p);
	return result;
}

/* Nothing was written beside `into`. */
static inline void assert_unharmed(const struct place *p)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_closedir_ DIR *folder = opendir(p->path);
	struct dirent *entry;
	struct stat status;
	struct err e;
	unsigned count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)))
		count += *entry->d_name != '.';
	assert_int_equal(count, 2);
	assert_int_equal(file_read(p->fd, "victim", 100, &text, &e), 0);
	assert_string_equal(buf_text(&text), "secret");
	assert_int_equal(fstatat(p->fd, "victim", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(status.st_mode, S_IFREG | 0640);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(faccessat(AT_FDCWD, "/minsys-test-escape", F_OK, 0), -1);
}

/* An empty `into` again. */
static inline void empty_place(struct place *p)
{
	struct err e = {0};

	close(p->into);
	if (tree_remove(p->fd, "into", &e))
		fail_msg("%s", e.text);
	p->into = folder_make(p->fd, "into", 0755, &e);
	assert_true(p->into >= 0);
}

typedef int unpacker(struct unpack *u, int archive_fd, const char *name, struct err *e);

static inline int unpack_bytes(struct place *p, unpacker *from,
    const struct unpack_options *options, const struct buf *bytes, struct tree *ret_tree,
    struct err *e)
{
	_cleanup_close_ int fd = memfd_create("archive", MFD_CLOEXEC);
	struct unpack *u = NULL;
	int result;

	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, buf_text(bytes), bytes->length, "archive", e), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(unpack_begin(p->into, options, &u, e), 0);
	result = from(u, fd, "the-archive", e);
	return unpack_end(u, result, ret_tree, e);
}

/* What was unpacked is what the tree says, by another way: a scan of what is there. */
static inline void assert_tree_is_there(struct place *p, struct tree *tree)
{
	_cleanup_buf_ struct buf told = {0}, seen = {0};
	const struct tree_limits none = {0};
	struct tree scanned = {0};
	struct err e = {0};

	tree_encode(tree, &told);
	if (tree_scan(p->into, &none, &scanned, &e))
		fail_msg("%s", e.text);
	tree_encode(&scanned, &seen);
	assert_string_equal(buf_text(&told), buf_text(&seen));
	tree_free(&scanned);
}

/* The archive must unpack; returns its manifest. */
static inline struct buf accepted_by(
    struct place *p, unpacker *from, const struct unpack_options *options, const struct buf *bytes)
{
	struct buf manifest = {0};
	struct tree tree = {0};
	struct err e = {0};

	if (unpack_bytes(p, from, options, bytes, &tree, &e))
		fail_msg("%s", e.text);
	assert_tree_is_there(p, &tree);
	assert_unharmed(p);
	tree_encode(&tree, &manifest);
	tree_free(&tree);
	return manifest;
}

/* The archive must be refused with this text, and as wrong input. */
static inline void refused_by(struct place *p, unpacker *from, const struct unpack_options *options,
    const struct buf *bytes, const char *why)
{
	struct tree tree = {0};
	struct err e = {0};

	if (!unpack_bytes(p, from, options, bytes, &tree, &e))
		fail_msg("it was unpacked, but should not be: %s", why);
	if (!strstr(e.text, why) || strncmp(e.text, "unpack the-archive: ", 20))
		fail_msg("`%s` does not say `%s`", e.text, why);
	assert_int_equal(e.kind, ERR_INPUT);
	for (const char *c = e.text; *c; c++)
		assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
	assert_null(tree.entries);
	assert_unharmed(p);
	empty_place(p);
}

#define PLACE_TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

#endif
