/*
 * minsys-attack: try to get out of the sandbox. `run` tries all of the table; a name, with its
 * arguments, one attack, here and now: it prints one line, the name of the errno that refused it,
 * `done` when it went through, or what it found. Arguments HOST_... are taken from the environment.
 */
#include "attack.h"
#include "suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct attack *const all[] = {
    on_files, on_modes, on_state, on_processes, on_talk, on_privilege, on_calls, helpers};

static const char help[] =
    "Usage: minsys-attack run ISOLATION MINSYS-SANDBOX [BEGIN]\n"
    "       minsys-attack NAME [WORD]...\n\n"
    "The first tries every attack there is on a sandbox of that isolation (userns, landlock, or\n"
    "landlock-own where a step has its caller's uid), and prints for each its verdict, its words,\n"
    "what it should come to, what it came to, and the name of the gap that it is; with BEGIN, "
    "only\n"
    "those whose words begin so. `minsys doctor --attack` prints that in a better form. The "
    "second\n"
    "tries one, here and now.\n";

long number(const char *text)
{
	return strtol(text, NULL, 0);
}

static void unknown(const char *name) __attribute__((noreturn));

static void unknown(const char *name)
{
	fprintf(stderr, "minsys-attack: there is no `%s`\n", name);
	exit(2);
}

long value_of(const struct named *list, const char *name)
{
	for (; list->name; list++)
		if (!strcmp(list->name, name))
			return list->value;
	unknown(name);
}

int spelled(const struct spelling *list, char **words)
{
	for (; list->name; list++)
		if (!strcmp(list->name, words[0]))
			return list->run(words + 1);
	unknown(words[0]);
}

/* HOST_FILE and the like stand for what the environment says. */
static char *host(char *word)
{
	char *value = strncmp(word, "HOST_", 5) ? word : getenv(word);

	if (value)
		return value;
	fprintf(stderr, "minsys-attack: %s is not in the environment\n", word);
	exit(2);
}

static int attack(const struct attack *chosen, char **words)
{
	int result;

	for (char **word = words; *word; word++)
		*word = host(*word);
	result = chosen->run(words);
	if (result == -1)
		puts(strerrorname_np(errno));
	else if (result != FOUND)
		puts("done");
	return 0;
}

static int run(int argc, char **argv)
{
	struct err e = {0};

	if (argc != 4 && argc != 5) {
		fputs(help, stderr);
		return ERR_INPUT;
	}
	if (!suite_run(argv[2], argv[3], argv[4], &e))
		return 0;
	fprintf(stderr, "minsys-attack: %s\n", e.text);
	return (int)e.kind;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "run"))
		return run(argc, argv);
	if (argc < 2 || !strcmp(argv[1], "--help")) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? ERR_INPUT : 0;
	}
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		for (const struct attack *one = all[i]; one->name; one++)
			if (!strcmp(one->name, argv[1]) && argc - 2 >= one->words)
				return attack(one, argv + 2);
	unknown(argv[1]);
}
