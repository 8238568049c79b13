#include "image/disk.h"

#include "base/digest.h"
#include "base/memory.h"
#include "image/filesystem.h"
#include "image/inode.h"

#include <string.h>
#include <unistd.h>

#define MIB ((uint64_t)1 << 20)

static void begin_identity(const struct disk_options *o, struct digest_stream *identity)
{
	_cleanup_buf_ struct buf text = {0};

	buf_printf(&text, "minsys-image disk 1 %llu %lld ", (unsigned long long)o->size,
	    (long long)o->time);
	buf_add(&text, o->label, strlen(o->label) + 1);
	digest_begin(identity);
	digest_add(identity, text.data, text.length);
}

/* How many blocks the content takes, found by writing it to a file system that is surely large
 * enough, and to no disk. */
static int count_blocks(const struct content *content, unsigned block_size, time_t time,
    uint64_t *ret_blocks, struct err *e)
{
	_cleanup_filesystem_ struct filesystem f = {0};
	uint64_t size = 64 * MIB;

	for (size_t i = 0; i < content->count; i++)
		size += content->entries[i].size + content->entries[i].size / 32 + 8192;
	if (filesystem_make(size, block_size, content->count, time, &f, e))
		return -1;
	*ret_blocks = ext2fs_free_blocks_count(f.ext2->super);
	if (inodes_write(content, &f, -1, NULL, e))
		return -1;
	*ret_blocks -= ext2fs_free_blocks_count(f.ext2->super);
	return 0;
}

static bool suffices(
    uint64_t size, uint64_t blocks, const struct content *content, const struct disk_options *o)
{
	_cleanup_filesystem_ struct filesystem f = {0};
	struct err ignored;

	return !filesystem_make(
		   size, filesystem_block_size(size), content->count, o->time, &f, &ignored) &&
	       ext2fs_free_blocks_count(f.ext2->super) >= blocks;
}

/* The least number of whole MiB, above the size asked for, that the content fits into. Tried one
 * by one from the content's own size on, because a journal grows in steps. */
static int find_size(
    const struct content *content, const struct disk_options *o, uint64_t *ret_size, struct err *e)
{
	uint64_t size = (o->size / MIB + 1) * MIB, blocks = 0;
	unsigned block_size = 0;

	for (; size <= DISK_SIZE_MAX; size += MIB) {
		if (block_size != filesystem_block_size(size)) {
			block_size = filesystem_block_size(size);
			if (count_blocks(content, block_size, o->time, &blocks, e))
				return -1;
		}
		if (size < blocks * block_size)
			size = blocks * block_size / MIB * MIB;
		if (block_size == filesystem_block_size(size) &&
		    suffices(size, blocks, content, o)) {
			*ret_size = size;
			return 0;
		}
	}
	return err_set(e, "the content does not fit into the largest disk, %llu GiB",
	    (unsigned long long)(DISK_SIZE_MAX >> 30));
}

static int too_small(const struct content *content, const struct disk_options *o, struct err *e)
{
	uint64_t size = 0;

	if (find_size(content, o, &size, e))
		return -1;
	return err_set(e,
	    "the disk is too small: needs at least %llu MiB, %llu MiB more than "
	    "--size %s",
	    (unsigned long long)(size / MIB),
	    (unsigned long long)((size - o->size + MIB - 1) / MIB), o->size_text);
}

int disk_write(
    const struct content *content, const struct disk_options *options, int fd, struct err *e)
{
	_cleanup_filesystem_ struct filesystem f = {0};
	struct digest_stream identity;
	struct digest digest;

	begin_identity(options, &identity);
	if (filesystem_make(options->size, filesystem_block_size(options->size), content->count,
		options->time, &f, e) ||
	    inodes_write(content, &f, fd, &identity, e))
		return f.is_full ? too_small(content, options, e) : -1;
	digest = digest_end(&identity);
	if (ftruncate(fd, (off_t)options->size))
		return err_errno(e, "set the image's size");
	return filesystem_save(&f, &digest, options->label, fd, e);
}
