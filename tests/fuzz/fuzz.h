/*
 * What all fuzz targets share. A target gives the bytes that libFuzzer makes to the functions that
 * the programs give them to, and claims what must hold whatever they are.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/file.h"
#include "base/memory.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End here, so that the input is kept, unless this holds. */
#define CLAIM(claim) ((claim) ? (void)0 : claim_failed(__FILE__, __LINE__, #claim))

static inline void claim_failed(const char *file, int line, const char *claim)
{
	fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, claim);
	abort();
}

/* Something that has no reason to fail: the claim is that it did not. */
#define MUST(result, e) ((result) ? must_failed(__FILE__, __LINE__, (e)) : (void)0)

static inline void must_failed(const char *file, int line, const struct err *e)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, e->text);
	abort();
}

static char scratch_path[64];

static inline void remove_scratch(void)
{
	struct err e;

	tree_remove(AT_FDCWD, scratch_path, &e);
}

/* A folder for this run alone, in memory if $TMPDIR or /dev/shm is; it goes with the process. */
static inline int scratch_open(void)
{
	const char *above = getenv("TMPDIR");
	struct err e = {0};
	int fd;

	snprintf(scratch_path, sizeof(scratch_path), "%.40s/minsys-fuzz.XXXXXX",
	    above ? above : "/dev/shm");
	CLAIM(mkdtemp(scratch_path));
	atexit(remove_scratch);
	fd = folder_open(AT_FDCWD, scratch_path, &e);
	MUST(fd < 0, &e);
	return fd;
}

/* Is it one line that a terminal shows as it is? */
static inline bool is_plain_line(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

/* The input with a NUL behind it, for what asks for one; libFuzzer's own ends where its memory
 * does. The caller frees it. */
static inline struct buf buf_of(const uint8_t *data, size_t size)
{
	struct buf text = {0};

	buf_add(&text, data, size);
	return text;
}

/* Take the part of an input before the first `mark`, for what takes two texts; all of it, when
 * there is none, and the rest is empty. */
static inline size_t first_part(
    const uint8_t *data, size_t size, const char *mark, size_t *ret_rest)
{
	const uint8_t *found = size ? memmem(data, size, mark, strlen(mark)) : NULL;

	*ret_rest = found ? (size_t)(found - data) + strlen(mark) : size;
	return found ? (size_t)(found - data) : size;
}

#endif
