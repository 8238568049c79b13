/*
 * Which isolation the steps of a build have: the strongest that works on this machine, found out
 * by doing, or the one that was asked for, and no less.
 */
#ifndef BUILD_CHOICE_H
#define BUILD_CHOICE_H

#include "base/digest.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* One that there is. */
struct isolation_kind {
	const char *name;
	bool in_place; /* it cannot mount: `/` must be the tools root itself */
};

/* What a step has, or had. */
struct choice {
	const struct isolation_kind *kind;
	bool is_weaker_form; /* of that kind */
	char *reason;	     /* in one line, why this is not the strongest; NULL: it is */
};

/* The kinds, the strongest first; NULL behind the last. */
const struct isolation_kind *isolation_kind_at(size_t index);
/* NULL when there is none of that name. */
const struct isolation_kind *isolation_kind_find(const char *name);

/* Try one, by way of minsys-sandbox at `sandbox`. `tools` is the digest of the lock that `/` must
 * have been made from where that matters; NULL: any. *ret_weaker, which the caller frees, is why
 * only its weaker form holds; NULL: it holds in full. */
int isolation_kind_try(const struct isolation_kind *kind, const char *sandbox,
    const struct digest *tools, char **ret_weaker, struct err *e);

/* Choose. `asked` is the name of a kind, which then has to hold in full, or "auto". When none works
 * it is ERR_ENVIRONMENT, and `e` says of each that was tried why not and what the user can do. */
int choice_make(const char *asked, const char *sandbox, const struct digest *tools,
    struct choice *ret_choice, struct err *e);
struct choice choice_copy(const struct choice *choice);
void choice_free(struct choice *choice);

/* How many there are that are stronger. */
size_t choice_weakness(const struct choice *choice);

/* The name of its kind, and " weaker" for the weaker form; the caller frees it. */
char *choice_name(const struct choice *choice);
/* The same and the reason in one line, for a record; the caller frees it. */
char *choice_format(const struct choice *choice);
/* Read that again; false when it is no such line. */
bool choice_parse(const char *line, struct choice *ret_choice);

#endif
