#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 16384

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	struct arena_block *block = arena->blocks;
	size_t wanted;

	if (__builtin_mul_overflow(count, size, &wanted) || wanted > SIZE_MAX / 2)
		abort(); /* sizes here are never the user's */
	wanted = (wanted + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->size - block->used < wanted) {
		size_t room = wanted > BLOCK_SIZE ? wanted : BLOCK_SIZE;

		block = xrealloc(NULL, sizeof(*block) + room);
		*block = (struct arena_block){.next = arena->blocks, .size = room};
		arena->blocks = block;
	}
	block->used += wanted;
	return memset(block->bytes + block->used - wanted, 0, wanted);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	return memcpy(arena_alloc(arena, length + 1, 1), text, length);
}

char *arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

void *arena_grow(struct arena *arena, void *array, size_t count, size_t size)
{
	void *larger;

	if (count && (count & (count - 1)))
		return array;
	larger = arena_alloc(arena, count ? 2 * count : 1, size);
	return count ? memcpy(larger, array, count * size) : larger;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
}
