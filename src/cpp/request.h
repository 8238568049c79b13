/*
 * What ccache asks a preprocessor for: COMPILER ARGUMENT... -E -o FILE SOURCE.
 */
#ifndef CPP_REQUEST_H
#define CPP_REQUEST_H

#include "base/digest.h"

#include <stdbool.h>

struct request {
	char *const *argv;  /* NULL-terminated */
	const char *output; /* where the text goes; it is one of argv */
	struct digest
	    key; /* of all that asks for the same text, as long as the files are the same */
};

/* Read it. False: it is not of this form, or names files that the text would not tell of, as
 * `-imacros` does; its text must not be remembered. */
bool request_read(char *const *argv, struct request *ret_request);

#endif
