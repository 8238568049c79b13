/*
 * hash FOLDER: the digest of all that a folder holds, as `minsys gc --verify` takes it of a tree,
 * and as a finished stage's output is taken. For `make bench`.
 */
#include "base/file.h"
#include "store/tree.h"

#include <stdio.h>

static int run(const char *path, char ret_hex[DIGEST_HEX_SIZE], struct err *e)
{
	const struct tree_limits limits = {0};
	_cleanup_close_ int folder = folder_open(AT_FDCWD, path, e);
	_cleanup_buf_ struct buf manifest = {0};
	struct tree tree = {0};
	struct digest digest;

	if (folder < 0 || tree_scan(folder, &limits, &tree, e))
		return -1;
	tree_encode(&tree, &manifest);
	tree_free(&tree);
	digest = digest_of(buf_text(&manifest), manifest.length);
	digest_format(&digest, ret_hex);
	return 0;
}

int main(int argc, char **argv)
{
	char hex[DIGEST_HEX_SIZE];
	struct err e = {0};

	if (argc != 2 || run(argv[1], hex, &e)) {
		fprintf(stderr, "hash: %s\n", argc == 2 ? e.text : "FOLDER");
		return 1;
	}
	puts(hex);
	return 0;
}
