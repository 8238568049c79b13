/*
 * Unpacking an archive that the fuzzer makes. The first byte says how, the rest is the archive;
 * `into` stands beside a file that must stay as it is.
 */
#ifndef TESTS_FUZZ_UNPACKING_H
#define TESTS_FUZZ_UNPACKING_H

#include "fuzz.h"

#include "store/unpack.h"

#include <sys/mman.h>

#define STRIP_TOP 1
#define ROOTED 2
#define EXCLUDE 4

#define BLOCK 512

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t limit);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t limit, unsigned seed);

/* A header whose sum is wrong is all that libarchive would ever see. */
static inline void set_sum(uint8_t *header)
{
	char digits[8];
	unsigned sum = 0;

	memset(header + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += header[i];
	snprintf(digits, sizeof(digits), "%06o", sum & 0777777);
	memcpy(header + 148, digits, 7);
}

/* What has a header's magic number where a header has it gets the sum of one. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t limit, unsigned seed)
{
	(void)seed;
	size = LLVMFuzzerMutate(data, size, limit);
	for (size_t at = 0; size >= BLOCK && at <= size - BLOCK; at++)
		if (!memcmp(data + at + 257, "ustar", 5)) {
			set_sum(data + at);
			at += BLOCK - 1;
		}
	return size;
}

static int place_fd = -1;

static inline int empty_folder(void)
{
	struct err e = {0};
	int fd;

	if (place_fd < 0) {
		place_fd = scratch_open();
		MUST(file_replace(place_fd, "victim", "secret", 6, 0640, &e), &e);
	}
	MUST(tree_remove(place_fd, "into", &e), &e);
	fd = folder_make(place_fd, "into", 0755, &e);
	MUST(fd < 0, &e);
	return fd;
}

static inline void claim_unharmed(void)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_closedir_ DIR *above = opendir(scratch_path);
	struct stat status;
	struct err e = {0};
	unsigned count = 0;

	CLAIM(!fstatat(place_fd, "victim", &status, AT_SYMLINK_NOFOLLOW));
	CLAIM(status.st_mode == (S_IFREG | 0640) && status.st_nlink == 1);
	MUST(file_read(place_fd, "victim", 100, &text, &e), &e);
	CLAIM(!strcmp(buf_text(&text), "secret"));
	CLAIM(above);
	for (struct dirent *entry; (entry = readdir(above));)
		count += *entry->d_name != '.';
	CLAIM(count == 2);
}

/* What is there is what the tree says. */
static inline void claim_tree(int fd, struct tree *tree)
{
	_cleanup_buf_ struct buf told = {0}, seen = {0};
	const struct tree_limits none = {0};
	struct tree scanned = {0}, decoded = {0};
	struct err e = {0};

	tree_encode(tree, &told);
	MUST(tree_scan(fd, &none, &scanned, &e), &e);
	tree_encode(&scanned, &seen);
	CLAIM(!strcmp(buf_text(&told), buf_text(&seen)));
	MUST(tree_decode(buf_text(&told), told.length, &decoded, &e), &e);
	tree_free(&decoded);
	tree_free(&scanned);
}

typedef int unpacker(struct unpack *u, int archive_fd, const char *name, struct err *e);

static inline int unpack_input(unpacker *from, const uint8_t *data, size_t size)
{
	static const char *const exclude[] = {"excluded", "a/b", NULL};
	const uint8_t how = size ? data[0] : 0;
	const struct unpack_options options = {
	    .strip_top = how & STRIP_TOP,
	    .rooted = how & ROOTED,
	    .exclude = how & EXCLUDE ? exclude : NULL,
	    .limits = {.bytes = 1 << 20, .entries = 200, .depth = 16, .path = 1024},
	};
	_cleanup_close_ int archive = memfd_create("archive", MFD_CLOEXEC), into = empty_folder();
	struct unpack *u = NULL;
	struct tree tree = {0};
	struct err e = {0};

	CLAIM(archive >= 0);
	MUST(file_write_all(archive, data + !!size, size - !!size, "archive", &e), &e);
	CLAIM(!lseek(archive, 0, SEEK_SET));
	MUST(unpack_begin(into, &options, &u, &e), &e);
	if (!unpack_end(u, from(u, archive, "the-archive", &e), &tree, &e))
		claim_tree(into, &tree);
	else
		CLAIM(e.kind == ERR_INPUT && is_plain_line(e.text));
	tree_free(&tree);
	claim_unharmed();
	return 0;
}

#endif
