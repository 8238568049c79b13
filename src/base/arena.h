/*
 * Memory for objects that live and go together. A zeroed struct is an empty arena; what is taken
 * from it is zeroed, aligned for any type, and released with the whole.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena {
	struct arena_block *blocks; /* the one being filled comes first */
};

void *arena_alloc(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, returns_nonnull));
char *arena_strndup(struct arena *arena, const char *text, size_t length)
    __attribute__((malloc, returns_nonnull));
char *arena_strdup(struct arena *arena, const char *text) __attribute__((malloc, returns_nonnull));
/* Make room in an array for element number `count`, as xgrow() does; what it outgrew stays. */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t size)
    __attribute__((returns_nonnull));
void arena_free(struct arena *arena);

#endif
