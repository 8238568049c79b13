#include "image/inode.h"

#include "base/memory.h"
#include "image/sparse.h"

#include <endian.h>
#include <string.h>

/* A multiple of every block size. */
#define CHUNK ((size_t)262144)
/* What ext3 can count; later file systems have a feature for more. */
#define LINKS_MAX 32000

struct writer {
	const struct content *content;
	struct filesystem *f;
	int fd; /* -1: nothing is written */
	struct digest_stream *identity;
	size_t *first_child; /* by entry; 0: none, as the root is nobody's child */
	size_t *next_sibling;
	size_t lost; /* the entry of lost+found, if the content has one, else 0 */
	char *chunk; /* CHUNK bytes */
};

/* The blocks of one inode. */
struct blocks {
	uint32_t *list; /* where its content lies, block by block; 0: a hole */
	size_t count;
	uint64_t used; /* blocks taken, with those that hold this list */
};

static void blocks_free(struct blocks *b)
{
	free(b->list);
}

static ext2_ino_t number_of(const struct writer *w, size_t index)
{
	if (!index)
		return EXT2_ROOT_INO;
	return EXT2_GOOD_OLD_FIRST_INO + (index == w->lost ? 0 : (ext2_ino_t)index);
}

static bool is_zero(const char *bytes, size_t length)
{
	return !bytes[0] && !memcmp(bytes, bytes + 1, length - 1);
}

static int store_run(
    struct writer *w, uint32_t block, const char *bytes, size_t length, struct err *e)
{
	if (w->fd < 0 || !length)
		return 0;
	return sparse_write_at(w->fd, bytes, length, (off_t)block * w->f->block_size, e);
}

/* Take blocks for whole blocks of content, and write those that lie behind each other at once. */
static int store(
    struct writer *w, struct blocks *b, const char *bytes, size_t length, bool holes, struct err *e)
{
	unsigned size = w->f->block_size;
	const char *run = bytes;
	uint32_t run_block = 0, run_count = 0;

	for (const char *next = bytes; next < bytes + length; next += size) {
		uint32_t block = 0;

		if (!holes || !is_zero(next, size)) {
			if (filesystem_allocate(w->f, &block, e))
				return -1;
			b->used++;
		}
		if (!block || block != run_block + run_count) {
			if (store_run(w, run_block, run, (size_t)run_count * size, e))
				return -1;
			run = next;
			run_block = block;
			run_count = 0;
		}
		run_count += block != 0;
		b->list = xgrow(b->list, b->count, sizeof(*b->list));
		b->list[b->count++] = block;
	}
	return store_run(w, run_block, run, (size_t)run_count * size, e);
}

/* Write a block of block numbers (of blocks of block numbers, when depth is above 1). A range that
 * is one hole needs none: *ret_block is 0. */
static int store_map(struct writer *w, struct blocks *b, size_t from, size_t count, int depth,
    uint32_t *ret_block, struct err *e)
{
	uint32_t map[EXT2_MAX_BLOCK_SIZE / 16 / sizeof(uint32_t)] = {0};
	size_t span = 1, i;

	for (i = 0; i < count && !b->list[from + i]; i++)
		;
	*ret_block = 0;
	if (i == count)
		return 0;
	if (filesystem_allocate(w->f, ret_block, e))
		return -1;
	b->used++;
	for (int level = 1; level < depth; level++)
		span *= w->f->block_size / sizeof(*map);
	for (i = 0; i * span < count; i++) {
		size_t left = count - i * span, inner = left < span ? left : span;
		uint32_t block = b->list[from + i * span];

		if (depth > 1 && store_map(w, b, from + i * span, inner, depth - 1, &block, e))
			return -1;
		map[i] = htole32(block);
	}
	if (io_channel_write_blk64(w->f->ext2->io, *ret_block, 1, map))
		return err_set(e, "write a block of block numbers");
	return 0;
}

/* Say in the inode where its content is. */
static int map_blocks(
    struct writer *w, struct blocks *b, struct ext2_inode_large *inode, struct err *e)
{
	size_t span = 1, at = EXT2_NDIR_BLOCKS;

	for (size_t i = 0; i < b->count && i < EXT2_NDIR_BLOCKS; i++)
		inode->i_block[i] = b->list[i];
	for (int depth = 1; at < b->count; depth++) {
		size_t left = b->count - at;

		span *= w->f->block_size / sizeof(uint32_t);
		if (store_map(w, b, at, left < span ? left : span, depth,
			&inode->i_block[EXT2_IND_BLOCK + depth - 1], e))
			return -1;
		at += span;
	}
	ext2fs_iblk_set(w->f->ext2, (struct ext2_inode *)inode, b->used);
	return 0;
}

/* Twelve blocks, and one tree of block numbers of each depth from 1 to 3. */
static uint64_t largest_file(unsigned block_size)
{
	uint64_t span = block_size / sizeof(uint32_t);

	return (EXT2_NDIR_BLOCKS + span + span * span + span * span * span) * block_size;
}

static int write_file(
    struct writer *w, const struct entry *entry, struct ext2_inode_large *inode, struct err *e)
{
	_cleanup_content_reader_ struct content_reader reader = {.fd = -1};
	_cleanup_(blocks_free) struct blocks b = {0};
	struct digest_stream stream;
	struct digest digest;
	size_t length;

	if (entry->size > largest_file(w->f->block_size))
		return err_kind(e, ERR_INPUT, "%s is too large for ext3", entry->path);
	if (content_open(w->content, entry, &reader, e))
		return -1;
	digest_begin(&stream);
	for (;;) {
		if (content_read(&reader, w->chunk, CHUNK, &length, e))
			return -1;
		if (!length)
			break;
		if (w->identity)
			digest_add(&stream, w->chunk, length);
		memset(w->chunk + length, 0, -length & (w->f->block_size - 1));
		length += -length & (w->f->block_size - 1);
		if (store(w, &b, w->chunk, length, true, e))
			return -1;
	}
	digest = digest_end(&stream);
	if (w->identity)
		digest_add(w->identity, digest.bytes, sizeof(digest.bytes));
	return map_blocks(w, &b, inode, e);
}

static int write_link(
    struct writer *w, const struct entry *entry, struct ext2_inode_large *inode, struct err *e)
{
	_cleanup_(blocks_free) struct blocks b = {0};

	/* Short targets stand in place of the block numbers. */
	if (entry->size < sizeof(inode->i_block)) {
		memcpy(inode->i_block, entry->target, entry->size);
		return 0;
	}
	if (entry->size >= w->f->block_size)
		return err_kind(e, ERR_INPUT,
		    "the target of the link %s has %u bytes; ext3 takes up to %u here, and 4095 in "
		    "a disk of 512M or more",
		    entry->path, (unsigned)entry->size, w->f->block_size - 1);
	memset(w->chunk, 0, w->f->block_size);
	memcpy(w->chunk, entry->target, entry->size);
	if (store(w, &b, w->chunk, w->f->block_size, false, e))
		return -1;
	return map_blocks(w, &b, inode, e);
}

/* The kernel's two forms: 8 and 8 bits in the first place, or 12 and 20 in the second. */
static void write_node(const struct entry *entry, struct ext2_inode_large *inode)
{
	if (entry->major < 256 && entry->minor < 256)
		inode->i_block[0] = entry->major << 8 | entry->minor;
	else
		inode->i_block[1] =
		    (entry->minor & 0xff) | entry->major << 8 | (entry->minor & ~0xffU) << 12;
}

/* A folder's content: names in blocks, the last one in each reaching to the block's end. */
struct names {
	struct buf bytes;
	size_t last; /* offset of the last name */
	unsigned block_size;
};

static void names_fill_block(struct names *names)
{
	size_t end = names->bytes.length, gap = -end & (names->block_size - 1);
	uint16_t length;

	if (!gap)
		return;
	memset(buf_reserve(&names->bytes, gap), 0, gap);
	names->bytes.length += gap;
	length = htole16((uint16_t)(names->bytes.length - names->last));
	memcpy(names->bytes.data + names->last + offsetof(struct ext2_dir_entry_2, rec_len),
	    &length, sizeof(length));
}

/* `length` is 255 at most, as content.h says. */
static void names_add(
    struct names *names, ext2_ino_t number, unsigned char type, const char *name, size_t length)
{
	size_t size = (offsetof(struct ext2_dir_entry_2, name) + length + 3) & ~(size_t)3;
	struct ext2_dir_entry_2 entry = {
	    .inode = htole32(number),
	    .rec_len = htole16((uint16_t)size),
	    .name_len = (unsigned char)length,
	    .file_type = type,
	};

	if ((-names->bytes.length & (names->block_size - 1)) < size)
		names_fill_block(names);
	names->last = names->bytes.length;
	memcpy(entry.name, name, length);
	buf_add(&names->bytes, &entry, size);
}

static unsigned char type_in_folder(char type)
{
	switch (type) {
	case 'd':
		return EXT2_FT_DIR;
	case 'l':
		return EXT2_FT_SYMLINK;
	case 'c':
		return EXT2_FT_CHRDEV;
	case 'b':
		return EXT2_FT_BLKDEV;
	case 'p':
		return EXT2_FT_FIFO;
	default:
		return EXT2_FT_REG_FILE;
	}
}

/* e2fsck puts what it finds there, when it can no longer trust the free blocks: as mke2fs does, 12
 * blocks or 16 KiB are kept for that. */
static void names_add_spare(struct names *names)
{
	size_t wanted = EXT2_NDIR_BLOCKS * names->block_size;

	names_fill_block(names);
	if (wanted > 16384)
		wanted = 16384;
	while (names->bytes.length < wanted) {
		names_add(names, 0, 0, "", 0);
		names_fill_block(names);
	}
}

static int store_names(
    struct writer *w, struct names *names, struct ext2_inode_large *inode, struct err *e)
{
	_cleanup_(blocks_free) struct blocks b = {0};

	names_fill_block(names);
	if (names->bytes.length > largest_file(w->f->block_size))
		return err_kind(e, ERR_INPUT, "the folder has too many names for ext3");
	if (store(w, &b, names->bytes.data, names->bytes.length, false, e))
		return -1;
	ext2fs_inode_size_set(w->f->ext2, (struct ext2_inode *)inode, names->bytes.length);
	return map_blocks(w, &b, inode, e);
}

static int write_folder(
    struct writer *w, size_t index, struct ext2_inode_large *inode, struct err *e)
{
	const struct entry *entries = w->content->entries;
	struct names names = {.block_size = w->f->block_size};
	int result;

	names_add(&names, number_of(w, index), EXT2_FT_DIR, ".", 1);
	names_add(&names, number_of(w, entries[index].parent), EXT2_FT_DIR, "..", 2);
	if (!index && !w->lost) {
		names_add(&names, EXT2_GOOD_OLD_FIRST_INO, EXT2_FT_DIR, "lost+found", 10);
		inode->i_links_count++;
	}
	for (size_t i = w->first_child[index]; i; i = w->next_sibling[i])
		names_add(&names, number_of(w, i), type_in_folder(entries[i].type),
		    entry_name(&entries[i]), strlen(entry_name(&entries[i])));
	if (index && index == w->lost)
		names_add_spare(&names);
	result = store_names(w, &names, inode, e);
	buf_free(&names.bytes);
	return result ? err_wrap(e, "/%s", entries[index].path) : 0;
}

/* The one that the content does not have. */
static int add_lost_and_found(struct writer *w, struct err *e)
{
	struct ext2_inode_large inode = {.i_mode = LINUX_S_IFDIR | 0700, .i_links_count = 2};
	struct names names = {.block_size = w->f->block_size};
	int result;

	names_add(&names, EXT2_GOOD_OLD_FIRST_INO, EXT2_FT_DIR, ".", 1);
	names_add(&names, EXT2_ROOT_INO, EXT2_FT_DIR, "..", 2);
	names_add_spare(&names);
	result = store_names(w, &names, &inode, e);
	buf_free(&names.bytes);
	return result ? -1 : filesystem_add_inode(w->f, EXT2_GOOD_OLD_FIRST_INO, &inode, e);
}

static unsigned mode_of(const struct entry *entry)
{
	switch (entry->type) {
	case 'd':
		return LINUX_S_IFDIR | entry->mode;
	case 'l':
		return LINUX_S_IFLNK | entry->mode;
	case 'c':
		return LINUX_S_IFCHR | entry->mode;
	case 'b':
		return LINUX_S_IFBLK | entry->mode;
	case 'p':
		return LINUX_S_IFIFO | entry->mode;
	default:
		return LINUX_S_IFREG | entry->mode;
	}
}

/* All that an inode says, in a form that two different ones never share. */
static void identify(struct writer *w, const struct entry *entry)
{
	_cleanup_buf_ struct buf text = {0};

	if (!w->identity)
		return;
	buf_printf(&text, "%c %o %u %u %u %u %llu ", entry->type, entry->mode, entry->uid,
	    entry->gid, entry->major, entry->minor, (unsigned long long)entry->size);
	buf_add(&text, entry->path, strlen(entry->path) + 1);
	if (entry->target)
		buf_add(&text, entry->target, strlen(entry->target) + 1);
	digest_add(w->identity, text.data, text.length);
}

static int write_entry(struct writer *w, size_t index, struct err *e)
{
	const struct entry *entry = &w->content->entries[index];
	struct ext2_inode_large inode = {
	    .i_mode = (uint16_t)mode_of(entry),
	    .i_uid = (uint16_t)entry->uid,
	    .i_gid = (uint16_t)entry->gid,
	    .i_links_count = (uint16_t)entry->links,
	};

	if (entry->links > LINKS_MAX - 1)
		return err_kind(e, ERR_INPUT, "/%s has %u folders in it; ext3 takes up to %d",
		    entry->path, entry->links - 2, LINKS_MAX - 3);
	inode.osd2.linux2.l_i_uid_high = (uint16_t)(entry->uid >> 16);
	inode.osd2.linux2.l_i_gid_high = (uint16_t)(entry->gid >> 16);
	identify(w, entry);
	ext2fs_inode_size_set(w->f->ext2, (struct ext2_inode *)&inode, entry->size);
	if (entry->type == 'd'	 ? write_folder(w, index, &inode, e)
	    : entry->type == 'f' ? write_file(w, entry, &inode, e)
				 : entry->type == 'l' && write_link(w, entry, &inode, e))
		return -1;
	if (entry->type == 'c' || entry->type == 'b')
		write_node(entry, &inode);
	return filesystem_add_inode(w->f, number_of(w, index), &inode, e);
}

/* Lists of what is in each folder, in the content's order. */
static void link_children(struct writer *w)
{
	const struct content *content = w->content;

	w->first_child = xcalloc(content->count, sizeof(*w->first_child));
	w->next_sibling = xcalloc(content->count, sizeof(*w->next_sibling));
	for (size_t i = content->count - 1; i > 0; i--) {
		size_t parent = content->entries[i].parent;

		w->next_sibling[i] = w->first_child[parent];
		w->first_child[parent] = i;
		if (!strcmp(content->entries[i].path, "lost+found"))
			w->lost = i;
	}
}

static int write_all(struct writer *w, struct err *e)
{
	const struct entry *lost = w->lost ? &w->content->entries[w->lost] : NULL;

	if (lost && lost->type != 'd')
		return err_kind(e, ERR_INPUT,
		    "/lost+found is not a folder, and ext3 needs it to be one; remove it");
	for (size_t i = 0; i < w->content->count; i++)
		if (write_entry(w, i, e))
			return -1;
	return lost ? 0 : add_lost_and_found(w, e);
}

int inodes_write(const struct content *content, struct filesystem *f, int fd,
    struct digest_stream *identity, struct err *e)
{
	struct writer w = {.content = content, .f = f, .fd = fd, .identity = identity};
	int result;

	link_children(&w);
	w.chunk = xcalloc(1, CHUNK);
	result = write_all(&w, e);
	free(w.chunk);
	free(w.first_child);
	free(w.next_sibling);
	return result;
}
