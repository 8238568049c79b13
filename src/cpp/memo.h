/*
 * What is remembered of a preprocessed text: its digest, which files it was made of, and which
 * options of Kconfig these and the arguments name. As long as those are as they were, so is the
 * text, but for a new header that the compiler's search comes upon before one of these. So all
 * trees that a step was given are in the key, and what is left is a header that the build itself
 * makes only now.
 */
#ifndef CPP_MEMO_H
#define CPP_MEMO_H

#include "base/digest.h"
#include "cpp/call.h"
#include "cpp/set.h"

#include <stdbool.h>
#include <time.h>

struct memo {
	struct digest text;
	struct digest files;   /* of what they hold, by their names */
	struct digest options; /* of what they are */
	struct set file_names; /* as the preprocessor names them; without `config` */
	struct set option_names;
	char *config; /* the header that says what the options are; NULL: none was included */
};
#define _cleanup_memo_ _cleanup_(memo_free)

/*
 * Make that of the text at call->output, which was made after `since` (CLOCK_REALTIME_COARSE,
 * which file systems go by). False: it must not be remembered, as it depends on something that is
 * not seen in its files (the time, an option whose name is made of parts), says what one must see
 * who decides by it (`.incbin`), or was made while one of its files changed.
 */
bool memo_make(const struct call *call, const struct timespec *since, struct memo *ret_memo);

/* Is there one in the folder, and all as it was? */
bool memo_find(int folder_fd, const struct digest *key, struct digest *ret_text);
/* Put it there, in the place of an earlier one. Not to be able to is no failure: what is to be
 * remembered is known only better then, and nothing of it is ever needed. */
void memo_put(int folder_fd, const struct digest *key, const struct memo *memo);
void memo_free(struct memo *memo);

#endif
