/*
 * The attacks on the sandbox: everything that a build step might try in order to get out, to see
 * more of the machine than it declared, or to outlive its end. Each is harmless by construction:
 * where nothing refuses it, it changes nothing but what was made for it to change.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stdbool.h>
#include <sys/types.h>

/* What an attack returns: -1 and errno when it was refused, FOUND when it has printed what it
 * found, anything else when it went through. */
enum { FOUND = -2 };

struct attack {
	const char *name;
	int words; /* that it needs at least */
	int (*run)(char **words);
};

/* One array a file, each ended by a NULL name. `helpers` are for the tests, not for a step. */
extern const struct attack on_files[], on_modes[], on_state[], on_processes[], on_talk[],
    on_privilege[], on_calls[], helpers[];

/* A list of names, ended by NULL. */
struct named {
	const char *name;
	long value;
};
/* The value of a name; ends the program when there is none. */
long value_of(const struct named *list, const char *name);
long number(const char *text);

/* One way among several to do the same deed. */
struct spelling {
	const char *name;
	int (*run)(char **words);
};
/* Do it the way that the first of `words` says, with the others; the list ends with NULL. */
int spelled(const struct spelling *list, char **words);

/* System calls by the 32-bit entry, int 0x80, in a process of its own. Where a kernel has no such
 * entry, that is killed, and it is ENOSYS. `path`, when there is one, is the first argument. */
long narrow_call(long call, const char *path, long second, long third);

/* A number of the x32 entry: a native call with this bit. */
#define X32_BIT 0x40000000L

#endif
