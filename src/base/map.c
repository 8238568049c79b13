#include "base/map.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *key)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3;
	return h ^ h >> 32;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct map_slot *find(const struct map *map, const char *key)
{
	size_t i = hash(key) & (map->capacity - 1);

	while (map->slots[i].key && strcmp(map->slots[i].key, key))
		i = (i + 1) & (map->capacity - 1);
	return &map->slots[i];
}

bool map_get(const struct map *map, const char *key, size_t *ret_value)
{
	const struct map_slot *slot = map->capacity ? find(map, key) : NULL;

	if (!slot || !slot->key)
		return false;
	if (ret_value)
		*ret_value = slot->value;
	return true;
}

static void grow(struct map *map)
{
	struct map old = *map;

	map->capacity = old.capacity ? 2 * old.capacity : 64;
	map->slots = xcalloc(map->capacity, sizeof(*map->slots));
	for (size_t i = 0; i < old.capacity; i++)
		if (old.slots[i].key)
			*find(map, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

void map_put(struct map *map, const char *key, size_t value)
{
	struct map_slot *slot;

	if (4 * (map->count + 1) > 3 * map->capacity)
		grow(map);
	slot = find(map, key);
	map->count += !slot->key;
	*slot = (struct map_slot){key, value};
}

void map_free(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}
