/*
 * What ccache asks a preprocessor for: COMPILER ARGUMENT... -E -o FILE SOURCE.
 */
#ifndef CPP_CALL_H
#define CPP_CALL_H

#include "base/digest.h"

#include <stdbool.h>

struct call {
	char *const *argv;  /* NULL-terminated */
	const char *output; /* where the text goes; it is one of argv */
	const char *source; /* what it is made of first; so is this, the last one */
	/* The same for all calls that ask for the same text, as long as the files are the same. */
	struct digest key;
};

/* Read it. False: it is not of this form, or depends on what the text would not tell of, as with
 * `-march=native`; its text must not be remembered. */
bool call_read(char *const *argv, struct call *ret_call);

#endif
