/*
 * A hash table from strings to numbers. A zeroed struct is an empty one. Keys are borrowed: they
 * must stay as they are while the table is used.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map_slot {
	const char *key; /* NULL: free */
	size_t value;
};

struct map {
	struct map_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

/* Is the key there? If so and ret_value is not NULL, it gets the value. */
bool map_get(const struct map *map, const char *key, size_t *ret_value);
/* Add a key, or give one that is there another value. */
void map_put(struct map *map, const char *key, size_t value);
void map_free(struct map *map);

#endif
