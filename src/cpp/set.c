#include "cpp/set.h"

#include "base/cleanup.h"
#include "base/memory.h"

void set_add(struct set *set, const char *word, size_t length)
{
	_cleanup_free_ char *key = xstrndup(word, length);
	char *copy;

	if (map_get(&set->index, key, NULL))
		return;
	copy = arena_strdup(&set->arena, key);
	map_put(&set->index, copy, set->count);
	set->items = xgrow(set->items, set->count, sizeof(*set->items));
	set->items[set->count++] = copy;
}

void set_free(struct set *set)
{
	free(set->items);
	map_free(&set->index);
	arena_free(&set->arena);
	*set = (struct set){0};
}
