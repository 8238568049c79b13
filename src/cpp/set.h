/* Words, each once, in the order in which they came. A zeroed struct has none. */
#ifndef CPP_SET_H
#define CPP_SET_H

#include "base/arena.h"
#include "base/map.h"

#include <stddef.h>

struct set {
	const char **items; /* owned, as the words are */
	size_t count;
	struct map index;
	struct arena arena;
};

void set_add(struct set *set, const char *word, size_t length);
void set_free(struct set *set);

#endif
