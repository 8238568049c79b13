#include "image/filesystem.h"

#include "base/memory.h"
#include "image/sparse.h"

#include <stdlib.h>
#include <string.h>

#include <et/com_err.h>

/* Room for what a running system adds to a file system that holds many small files. */
#define SPARE_INODES 256

static int failed(const char *what, errcode_t code, struct err *e)
{
	if (code < 256)
		return err_set(e, "%s: %s", what, strerrordesc_np((int)code));
	initialize_ext2_error_table();
	return err_set(e, "%s: %s", what, error_message(code));
}

unsigned filesystem_block_size(uint64_t size)
{
	return size < (uint64_t)512 << 20 ? 1024 : 4096;
}

/* The inodes of mke2fs's configuration (one for each 4096 or 16384 bytes), or more. */
static uint32_t inode_count(uint64_t size, unsigned block_size, size_t needed)
{
	uint64_t usual = size / (block_size == 1024 ? 4096 : 16384);
	uint64_t least = needed + EXT2_GOOD_OLD_FIRST_INO + SPARE_INODES;
	uint64_t count = usual > least ? usual : least;

	return count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
}

static struct ext2_super_block parameters(uint64_t size, unsigned block_size, size_t inodes)
{
	struct ext2_super_block p = {
	    .s_rev_level = EXT2_DYNAMIC_REV,
	    .s_inode_size = 256, /* 128 bytes cannot hold times beyond 2038 */
	    .s_inodes_count = inode_count(size, block_size, inodes),
	    .s_log_block_size = block_size == 1024 ? 0 : 2,
	    .s_log_cluster_size = block_size == 1024 ? 0 : 2,
	    .s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX,
	    .s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE,
	    .s_feature_ro_compat =
		EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE,
	};

	ext2fs_blocks_count_set(&p, size / block_size);
	return p;
}

static void fix_superblock(struct filesystem *f)
{
	struct ext2_super_block *super = f->ext2->super;

	/* Where this is 0, libext2fs asks the clock. */
	f->ext2->now = f->time;
	super->s_mkfs_time = super->s_lastcheck = (uint32_t)f->time;
	super->s_max_mnt_count = -1; /* no check for the number of mounts alone */
	super->s_def_hash_version = EXT2_HASH_HALF_MD4;
	/* How characters are hashed: the same on machines with and without a sign in char. */
	super->s_flags |= EXT2_FLAGS_SIGNED_HASH;
	super->s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
}

/* The numbers below the first free one; the root is counted when it is written. */
static void reserve_inodes(ext2_filsys ext2)
{
	for (ext2_ino_t i = EXT2_BAD_INO; i < EXT2_GOOD_OLD_FIRST_INO; i++)
		if (i != EXT2_ROOT_INO)
			ext2fs_inode_alloc_stats2(ext2, i, +1, 0);
}

static int add_journal(struct filesystem *f, struct err *e)
{
	int blocks = ext2fs_default_journal_size(ext2fs_blocks_count(f->ext2->super));
	errcode_t code;

	f->is_full = blocks < 0;
	if (blocks < 0)
		return err_set(e, "there is no room for a journal");
	code = ext2fs_add_journal_inode(f->ext2, (blk_t)blocks, EXT2_MKJOURNAL_NO_MNT_CHECK);
	f->is_full = code == EXT2_ET_BLOCK_ALLOC_FAIL;
	return code ? failed("make the journal", code, e) : 0;
}

static bool means_too_small(errcode_t code)
{
	return code == EXT2_ET_TOOSMALL || code == EXT2_ET_BLOCK_ALLOC_FAIL ||
	       code == EXT2_ET_TOO_MANY_INODES || code == EXT2_ET_INVALID_ARGUMENT;
}

int filesystem_make(uint64_t size, unsigned block_size, size_t inodes, time_t time,
    struct filesystem *ret_filesystem, struct err *e)
{
	struct ext2_super_block p = parameters(size, block_size, inodes);
	struct filesystem *f = ret_filesystem;
	errcode_t code;

	*f = (struct filesystem){.block_size = block_size, .time = time};
	code = ext2fs_initialize("image", EXT2_FLAG_64BITS, &p, sparse_io_manager, &f->ext2);
	if (!code) {
		fix_superblock(f);
		code = ext2fs_allocate_tables(f->ext2);
	}
	f->is_full = means_too_small(code);
	if (code)
		return failed("make an empty file system", code, e);
	reserve_inodes(f->ext2);
	code = ext2fs_update_bb_inode(f->ext2, NULL);
	if (code)
		return failed("make the list of bad blocks", code, e);
	f->next = f->ext2->super->s_first_data_block;
	return add_journal(f, e);
}

int filesystem_allocate(struct filesystem *f, uint32_t *ret_block, struct err *e)
{
	blk64_t block;
	errcode_t code = ext2fs_new_block2(f->ext2, f->next, NULL, &block);

	f->is_full = code == EXT2_ET_BLOCK_ALLOC_FAIL;
	if (code)
		return failed("find a free block", code, e);
	ext2fs_block_alloc_stats2(f->ext2, block, +1);
	f->next = block + 1;
	/* Behind the last block, libext2fs would not look from the beginning on. */
	if (f->next >= ext2fs_blocks_count(f->ext2->super))
		f->next = f->ext2->super->s_first_data_block;
	*ret_block = (uint32_t)block;
	return 0;
}

int filesystem_add_inode(
    struct filesystem *f, ext2_ino_t number, struct ext2_inode_large *inode, struct err *e)
{
	errcode_t code;

	inode->i_atime = inode->i_ctime = inode->i_mtime = (uint32_t)f->time;
	inode->i_crtime = (uint32_t)f->time;
	inode->i_extra_isize = sizeof(*inode) - EXT2_GOOD_OLD_INODE_SIZE;
	ext2fs_inode_alloc_stats2(f->ext2, number, +1, LINUX_S_ISDIR(inode->i_mode));
	code = ext2fs_write_inode_full(f->ext2, number, (struct ext2_inode *)inode, sizeof(*inode));
	return code ? failed("write an inode", code, e) : 0;
}

/* RFC 9562: version 8 leaves all bits to us but the version's and the variant's. */
static void form_uuid(const unsigned char bytes[16], unsigned char ret_uuid[16])
{
	memcpy(ret_uuid, bytes, 16);
	ret_uuid[6] = (unsigned char)(0x80 | (ret_uuid[6] & 0x0f));
	ret_uuid[8] = (unsigned char)(0x80 | (ret_uuid[8] & 0x3f));
}

int filesystem_save(
    struct filesystem *f, const struct digest *identity, const char *label, int fd, struct err *e)
{
	struct ext2_super_block *super = f->ext2->super;
	errcode_t code;

	form_uuid(identity->bytes, super->s_uuid);
	form_uuid(identity->bytes + 16, (unsigned char *)super->s_hash_seed);
	memcpy(super->s_volume_name, label, strnlen(label, sizeof(super->s_volume_name)));
	ext2fs_mark_super_dirty(f->ext2);
	code = ext2fs_flush2(f->ext2, EXT2_FLAG_FLUSH_NO_SYNC);
	if (code)
		return failed("complete the file system", code, e);
	return sparse_save(f->ext2->io, fd, e);
}

void filesystem_free(struct filesystem *f)
{
	if (f->ext2)
		ext2fs_free(f->ext2);
	f->ext2 = NULL;
}
