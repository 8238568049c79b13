#include "cpp/call.h"

#include "base/cleanup.h"

#include <string.h>

/* What gcc(1), "Environment Variables", says of preprocessing, what ccache says of the rest of the
 * compiler, and what the runner says of all that a step was given. */
static const char *const variables[] = {"MINSYS_CPP_SCOPE", "CCACHE_NAMESPACE", "PWD", "CPATH",
    "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "COMPILER_PATH",
    "GCC_EXEC_PREFIX"};

/* How arguments begin that name files, or programs, which no line marker names. */
static const char *const unclear[] = {
    "@", "-Wp,@", "-fplugin", "-specs", "--specs", "-remap", "-wrapper", "-B", "-save-temps"};

static bool is_clear(const char *argument)
{
	for (size_t i = 0; i < sizeof(unclear) / sizeof(*unclear); i++)
		if (!strncmp(argument, unclear[i], strlen(unclear[i])))
			return false;
	/* -march=native and others: what the processor is. */
	return !strstr(argument, "=native");
}

static void add(struct digest_stream *s, const char *text)
{
	digest_add(s, text, strlen(text) + 1);
}

static struct digest make_key(const struct call *call, const char *directory)
{
	struct digest_stream s;

	digest_begin(&s);
	add(&s, directory);
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *value = getenv(variables[i]);

		add(&s, value ? variables[i] : "");
		add(&s, value ? value : "");
	}
	for (size_t i = 0; call->argv[i]; i++)
		if (call->argv[i] != call->output)
			add(&s, call->argv[i]);
	return digest_end(&s);
}

bool call_read(char *const *argv, struct call *ret_call)
{
	_cleanup_free_ char *directory = NULL;
	bool preprocesses = false;

	*ret_call = (struct call){.argv = argv};
	for (size_t i = 0; argv[i]; i++) {
		if (!is_clear(argv[i]))
			return false;
		ret_call->source = argv[i];
		preprocesses = preprocesses || !strcmp(argv[i], "-E");
		if (!strcmp(argv[i], "-o"))
			ret_call->output = argv[i + 1];
	}
	/* A compiler that has to be looked for is not known before it runs. */
	if (!preprocesses || !ret_call->output || !strchr(argv[0], '/'))
		return false;
	directory = getcwd(NULL, 0);
	if (!directory)
		return false;
	ret_call->key = make_key(ret_call, directory);
	return true;
}
