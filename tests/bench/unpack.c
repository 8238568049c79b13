/*
 * unpack ARCHIVE FOLDER: unpack into an empty folder exactly as a source is unpacked into the
 * store, and say nothing. For `make bench`.
 */
#include "base/file.h"
#include "store/unpack.h"

#include <stdio.h>

static int run(const char *archive, const char *folder, struct err *e)
{
	const struct unpack_options options = {.strip_top = true};
	_cleanup_close_ int fd = open(archive, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int into = folder_make(AT_FDCWD, folder, 0755, e);
	_cleanup_buf_ struct buf manifest = {0};
	struct unpack *unpack;
	struct tree tree = {0};

	if (fd < 0)
		return err_errno(e, "open %s", archive);
	if (into < 0 || unpack_begin(into, &options, &unpack, e) ||
	    unpack_end(unpack, unpack_tar(unpack, fd, archive, e), &tree, e))
		return -1;
	tree_encode(&tree, &manifest);
	tree_free(&tree);
	return 0;
}

int main(int argc, char **argv)
{
	struct err e = {0};

	if (argc != 3 || run(argv[1], argv[2], &e)) {
		fprintf(stderr, "unpack: %s\n", argc == 3 ? e.text : "ARCHIVE FOLDER");
		return 1;
	}
	return 0;
}
