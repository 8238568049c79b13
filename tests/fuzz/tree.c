/*
 * The canonical texts of two trees, with `===` between them, and what differs.
 */
#include "fuzz.h"

#include "base/words.h"
#include "build/compare.h"
#include "store/tree.h"

/* What is taken is canonical: written again it is the same, byte for byte. */
static bool decode(const uint8_t *data, size_t size, struct tree *ret_tree)
{
	_cleanup_buf_ struct buf again = {0};
	struct err e = {0};

	if (tree_decode((const char *)data, size, ret_tree, &e)) {
		CLAIM(e.kind == ERR_INPUT);
		return false;
	}
	for (size_t i = 0; i < ret_tree->count; i++)
		CLAIM(path_is_plain(ret_tree->entries[i].path));
	tree_encode(ret_tree, &again);
	CLAIM(again.length == size);
	CLAIM(!size || !memcmp(again.data, data, size));
	return true;
}

static void compare(const struct tree *before, const struct tree *after)
{
	size_t count;
	struct tree_change *changes = trees_compare(before, after, &count);

	for (size_t i = 1; i < count; i++)
		CLAIM(strcmp(changes[i - 1].path, changes[i].path) < 0);
	free(changes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t rest, first = first_part(data, size, "===\n", &rest);
	struct tree before = {0}, after = {0};

	if (decode(data, first, &before) && decode(data + rest, size - rest, &after))
		compare(&before, &after);
	tree_free(&before);
	tree_free(&after);
	return 0;
}
