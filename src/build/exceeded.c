#include "build/exceeded.h"

#include <stdbool.h>
#include <string.h>

static const struct {
	const char *before, *behind; /* the value */
} words[LIMIT_COUNT] = {
    [LIMIT_NONE] = {"it has", ""},
    [LIMIT_TIME] = {"it was ended after", ""},
    [LIMIT_CPU] = {"it used more than", " of processor time"},
    [LIMIT_MEMORY] = {"it used more than", " of memory"},
    [LIMIT_PROCESSES] = {"it had", " processes and threads at once"},
    [LIMIT_FILES] = {"a process of it had more than", " files open"},
    [LIMIT_OUTPUT] = {"its output is larger than", ""},
    [LIMIT_ENTRIES] = {"its output has more than", " files, folders and links"},
    [LIMIT_LOG] = {"it printed more than", ""},
};

/* `timeout` is a key of its own. */
static const char *where(enum limit which)
{
	return which == LIMIT_TIME ? "" : " under `limits`";
}

int exceeded_say(const char *stage, enum limit which, uint64_t most, struct err *e)
{
	char text[LIMIT_TEXT_SIZE];

	return err_set(e,
	    "%s %s%s, its limit; if it needs more, set `%s`%s in stages/%s/stage.yaml",
	    words[which].before, limit_text(which, most, text), words[which].behind,
	    limit_name(which), where(which), stage);
}

/* What programs print when a limit of theirs alone is met, in LC_ALL=C. */
static const struct {
	const char *text;
	enum limit limit;
} signs[] = {
    {"Too many open files", LIMIT_FILES},	    /* glibc */
    {"No file descriptors available", LIMIT_FILES}, /* musl */
    {"Cannot allocate memory", LIMIT_MEMORY},	    /* glibc */
    {"Out of memory", LIMIT_MEMORY},		    /* musl */
    {"out of memory", LIMIT_MEMORY},		    /* compilers and linkers */
    {"virtual memory exhausted", LIMIT_MEMORY},
    {"memory exhausted", LIMIT_MEMORY},
};

static bool shows(const struct buf *log_end, const char *sign)
{
	const char *at = log_end->length ? strstr(log_end->data, sign) : NULL;

	/* That is the machine's limit. */
	return at && strncmp(at + strlen(sign), " in system", strlen(" in system"));
}

void exceeded_guess(
    const char *stage, const struct limits *limits, const struct buf *log_end, struct err *e)
{
	struct err cause = *e;

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		uint64_t most = limit_of(limits, signs[i].limit);
		char text[LIMIT_TEXT_SIZE];

		if (!most || !shows(log_end, signs[i].text))
			continue;
		err_set(e,
		    "%.1000s; its log says `%s`: each process of it may have %s; if it needs more, "
		    "set `%s` under `limits` in stages/%s/stage.yaml",
		    cause.text, signs[i].text, limit_text(signs[i].limit, most, text),
		    limit_name(signs[i].limit), stage);
		return;
	}
}
