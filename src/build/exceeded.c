#include "build/exceeded.h"

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

void exceeded_guess(
    const char *stage, const struct limits *limits, const struct buf *log_end, struct err *e)
{
	/* Of glibc and of musl; steps run with LC_ALL=C. */
	static const char *const signs[] = {"Too many open files", "No file descriptors available"};
	struct err cause = *e;

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++)
		if (log_end->length && strstr(log_end->data, signs[i])) {
			err_set(e,
			    "%.1000s; its log says `%s`: each process of it may have %llu; if it "
			    "needs more, set `files` under `limits` in stages/%s/stage.yaml",
			    cause.text, signs[i], (unsigned long long)limit_of(limits, LIMIT_FILES),
			    stage);
			return;
		}
}
