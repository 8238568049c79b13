/*
 * The options of Kconfig. Kbuild has every file include all of them, as
 * include/generated/autoconf.h, so the change of one changes a header of every file. But a file
 * depends on those alone that it or one of its other headers names: Kbuild itself decides by that
 * what is to be compiled again (scripts/basic/fixdep.c in Linux). As there, a name counts when it
 * can be read: `CONF##IG_A` cannot, nor can what `option##_TOO` makes of one, unless it is the
 * `_MODULE` of Kconfig's own macros.
 */
#ifndef CPP_CONFIG_H
#define CPP_CONFIG_H

#include "base/buf.h"
#include "base/digest.h"
#include "cpp/set.h"

#include <stdbool.h>
#include <stddef.h>

/* What they are. A zeroed struct has none. */
struct config {
	struct buf text;
	const char **lines; /* each begins with an option's name; sorted */
	size_t count;
};

/* Is this what Kbuild calls the header? */
bool config_has_name(const char *path);
/* Read what the header holds. False: it is not of the form that Kconfig writes (a remark, then
 * options with a number or a string, each once), and is a header as any other. */
bool config_read(const struct buf *text, struct config *ret_config);
void config_free(struct config *config);

/* Add all options that a text names. False: it makes a name of parts, which it does not show. */
bool config_find_names(const char *text, struct set *names);

/* Of what these are, as themselves and as modules. */
struct digest config_digest(const struct config *config, const struct set *names);

#endif
