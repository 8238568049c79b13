#include "image/sparse.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE_BITS 16
#define PIECE ((size_t)1 << PIECE_BITS)

struct sparse {
	unsigned char **pieces; /* of PIECE bytes; NULL: zeros */
	size_t count;
};

static struct sparse *store_of(io_channel channel)
{
	return channel->private_data;
}

static bool is_zero(const unsigned char *bytes, size_t length)
{
	return !length || (!bytes[0] && !memcmp(bytes, bytes + 1, length - 1));
}

static unsigned char *piece_to_write(struct sparse *s, size_t index)
{
	if (index >= s->count) {
		size_t count = 2 * index + 64;

		s->pieces = xrealloc(s->pieces, count * sizeof(*s->pieces));
		memset(s->pieces + s->count, 0, (count - s->count) * sizeof(*s->pieces));
		s->count = count;
	}
	if (!s->pieces[index])
		s->pieces[index] = xcalloc(1, PIECE);
	return s->pieces[index];
}

static void put(struct sparse *s, uint64_t offset, const unsigned char *bytes, size_t length)
{
	while (length) {
		size_t index = offset >> PIECE_BITS, start = offset & (PIECE - 1);
		size_t part = PIECE - start < length ? PIECE - start : length;
		bool there = index < s->count && s->pieces[index];

		if (there || !is_zero(bytes, part))
			memcpy(piece_to_write(s, index) + start, bytes, part);
		bytes += part;
		offset += part;
		length -= part;
	}
}

static void get(const struct sparse *s, uint64_t offset, unsigned char *ret_bytes, size_t length)
{
	while (length) {
		size_t index = offset >> PIECE_BITS, start = offset & (PIECE - 1);
		size_t part = PIECE - start < length ? PIECE - start : length;

		if (index < s->count && s->pieces[index])
			memcpy(ret_bytes, s->pieces[index] + start, part);
		else
			memset(ret_bytes, 0, part);
		ret_bytes += part;
		offset += part;
		length -= part;
	}
}

static errcode_t sparse_open(const char *name, int flags, io_channel *ret_channel)
{
	io_channel channel = xcalloc(1, sizeof(*channel));

	(void)flags;
	channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
	channel->manager = sparse_io_manager;
	channel->name = xstrdup(name);
	channel->block_size = 1024;
	channel->refcount = 1;
	channel->private_data = xcalloc(1, sizeof(struct sparse));
	*ret_channel = channel;
	return 0;
}

static errcode_t sparse_close(io_channel channel)
{
	struct sparse *s = store_of(channel);

	if (--channel->refcount > 0)
		return 0;
	for (size_t i = 0; i < s->count; i++)
		free(s->pieces[i]);
	free(s->pieces);
	free(s);
	free(channel->name);
	free(channel);
	return 0;
}

static errcode_t sparse_set_block_size(io_channel channel, int size)
{
	channel->block_size = size;
	return 0;
}

/* libext2fs counts in blocks, or, with a negative number, in bytes. */
static size_t byte_count(io_channel channel, int count)
{
	return count < 0 ? (size_t)-count : (size_t)count * (size_t)channel->block_size;
}

static errcode_t sparse_read64(
    io_channel channel, unsigned long long block, int count, void *ret_bytes)
{
	get(store_of(channel), block * (unsigned)channel->block_size, ret_bytes,
	    byte_count(channel, count));
	return 0;
}

static errcode_t sparse_write64(
    io_channel channel, unsigned long long block, int count, const void *bytes)
{
	put(store_of(channel), block * (unsigned)channel->block_size, bytes,
	    byte_count(channel, count));
	return 0;
}

static errcode_t sparse_read(io_channel channel, unsigned long block, int count, void *ret_bytes)
{
	return sparse_read64(channel, block, count, ret_bytes);
}

static errcode_t sparse_write(io_channel channel, unsigned long block, int count, const void *bytes)
{
	return sparse_write64(channel, block, count, bytes);
}

static errcode_t sparse_flush(io_channel channel)
{
	(void)channel;
	return 0;
}

/* Without this, libext2fs writes the zeros of a whole journal, piece by piece. */
static errcode_t sparse_zero(io_channel channel, unsigned long long block, unsigned long long count)
{
	static const unsigned char zeros[PIECE];
	uint64_t offset = block * (unsigned)channel->block_size;
	uint64_t length = count * (unsigned)channel->block_size;

	while (length) {
		size_t part = length < PIECE ? (size_t)length : PIECE;

		put(store_of(channel), offset, zeros, part);
		offset += part;
		length -= part;
	}
	return 0;
}

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "sparse memory",
    .open = sparse_open,
    .close = sparse_close,
    .set_blksize = sparse_set_block_size,
    .read_blk = sparse_read,
    .write_blk = sparse_write,
    .read_blk64 = sparse_read64,
    .write_blk64 = sparse_write64,
    .flush = sparse_flush,
    .zeroout = sparse_zero,
};

io_manager sparse_io_manager = &manager;

int sparse_write_at(int fd, const void *bytes, size_t length, off_t offset, struct err *e)
{
	const char *next = bytes;

	while (length) {
		ssize_t written = pwrite(fd, next, length, offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_errno(e, "write the image");
		next += written;
		offset += written;
		length -= (size_t)written;
	}
	return 0;
}

/* Runs of blocks that are not zeros. Blocks that are may hold a file's content by now. */
static int save_piece(
    const unsigned char *piece, size_t block_size, off_t offset, int fd, struct err *e)
{
	size_t begin = 0, end;

	while (begin < PIECE) {
		for (end = begin; end < PIECE && !is_zero(piece + end, block_size);)
			end += block_size;
		if (end > begin &&
		    sparse_write_at(fd, piece + begin, end - begin, offset + (off_t)begin, e))
			return -1;
		begin = end + block_size;
	}
	return 0;
}

int sparse_save(io_channel channel, int fd, struct err *e)
{
	const struct sparse *s = store_of(channel);

	for (size_t i = 0; i < s->count; i++)
		if (s->pieces[i] && save_piece(s->pieces[i], (size_t)channel->block_size,
					(off_t)(i << PIECE_BITS), fd, e))
			return -1;
	return 0;
}
