#include "build/choice.h"

#include "base/file.h"
#include "base/memory.h"
#include "sandbox/sandbox.h"

#include <string.h>

#define WEAKER_FORM "weaker"

static const struct isolation_kind kinds[] = {
    {.name = "userns"},
    {.name = "landlock", .in_place = true},
};

#define KINDS (sizeof(kinds) / sizeof(*kinds))

const struct isolation_kind *isolation_kind_at(size_t index)
{
	return index < KINDS ? &kinds[index] : NULL;
}

static const struct isolation_kind *find(const char *name, size_t length)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strlen(kinds[i].name) == length && !strncmp(kinds[i].name, name, length))
			return &kinds[i];
	return NULL;
}

const struct isolation_kind *isolation_kind_find(const char *name)
{
	return find(name, strlen(name));
}

/* Is this machine's `/` the tools root that the project asks for? */
static int check_mark(const struct digest *tools, struct err *e)
{
	_cleanup_buf_ struct buf mark = {0};
	char hex[DIGEST_HEX_SIZE];

	digest_format(tools, hex);
	if (!file_read(AT_FDCWD, TOOLS_ROOT_MARK, 4096, &mark, e) &&
	    !strncmp(buf_text(&mark), hex, strlen(hex)))
		return 0;
	return err_kind(e, ERR_ENVIRONMENT,
	    "isolation `landlock` does not work here: `/` is not the tools root that "
	    "toolchain/root.lock describes, as it is in the Dockerfile's builder image");
}

int isolation_kind_try(const struct isolation_kind *kind, const char *sandbox,
    const struct digest *tools, char **ret_weaker, struct err *e)
{
	struct sandbox_outcome outcome;

	if (sandbox_trial(sandbox, kind->name, &outcome, e) ||
	    (kind->in_place && tools && check_mark(tools, e)))
		return -1;
	*ret_weaker = *outcome.weaker ? xstrdup(outcome.weaker) : NULL;
	return 0;
}

/* Put what holds together, and in one line why it is not the strongest: `stronger` says why
 * nothing stronger works, or that it was not to be tried. */
static struct choice conclude(
    const struct isolation_kind *kind, const char *weaker, const char *stronger)
{
	struct choice choice = {.kind = kind, .is_weaker_form = weaker};

	if (weaker)
		choice.reason = xasprintf("the weaker form: %s%s%s", weaker, stronger ? "; " : "",
		    stronger ? stronger : "");
	else if (stronger)
		choice.reason = xstrdup(stronger);
	for (char *c = choice.reason; c && *c; c++)
		if (*c == '\n')
			*c = ' ';
	return choice;
}

/* The one that was named, and no less of it. */
static int choose_named(const struct isolation_kind *kind, const char *sandbox,
    const struct digest *tools, struct choice *ret_choice, struct err *e)
{
	_cleanup_free_ char *weaker = NULL;

	if (isolation_kind_try(kind, sandbox, tools, &weaker, e))
		return -1;
	if (weaker)
		return err_kind(e, ERR_ENVIRONMENT,
		    "isolation `%s` holds only in its weaker form here: %s; --isolation=auto is "
		    "content with that",
		    kind->name, weaker);
	*ret_choice = conclude(kind, NULL, kind > kinds ? "asked for" : NULL);
	return 0;
}

int choice_make(const char *asked, const char *sandbox, const struct digest *tools,
    struct choice *ret_choice, struct err *e)
{
	const struct isolation_kind *named = isolation_kind_find(asked);
	_cleanup_buf_ struct buf refusals = {0};

	if (sandbox_check(sandbox, e))
		return -1;
	if (named)
		return choose_named(named, sandbox, tools, ret_choice, e);
	for (const struct isolation_kind *kind = kinds; kind < kinds + KINDS; kind++) {
		_cleanup_free_ char *weaker = NULL;

		if (!isolation_kind_try(kind, sandbox, tools, &weaker, e)) {
			*ret_choice =
			    conclude(kind, weaker, refusals.length ? refusals.data : NULL);
			return 0;
		}
		buf_printf(&refusals, "%s%s", refusals.length ? "\n" : "", e->text);
	}
	return err_kind(e, ERR_ENVIRONMENT, "%s", buf_text(&refusals));
}

struct choice choice_copy(const struct choice *choice)
{
	struct choice copy = *choice;

	copy.reason = choice->reason ? xstrdup(choice->reason) : NULL;
	return copy;
}

void choice_free(struct choice *choice)
{
	free(choice->reason);
	*choice = (struct choice){0};
}

size_t choice_weakness(const struct choice *choice)
{
	return 2 * (size_t)(choice->kind - kinds) + choice->is_weaker_form;
}

char *choice_name(const struct choice *choice)
{
	return xasprintf("%s%s", choice->kind->name, choice->is_weaker_form ? " " WEAKER_FORM : "");
}

char *choice_format(const struct choice *choice)
{
	_cleanup_free_ char *name = choice_name(choice);

	return xasprintf(
	    "%s%s%s", name, choice->reason ? ": " : "", choice->reason ? choice->reason : "");
}

bool choice_parse(const char *line, struct choice *ret_choice)
{
	size_t length = strcspn(line, " :");
	struct choice choice = {.kind = find(line, length)};

	line += length;
	if (!strncmp(line, " " WEAKER_FORM, strlen(" " WEAKER_FORM))) {
		choice.is_weaker_form = true;
		line += strlen(" " WEAKER_FORM);
	}
	if (!choice.kind || (*line && strncmp(line, ": ", 2)))
		return false;
	if (*line)
		choice.reason = xstrdup(line + 2);
	*ret_choice = choice;
	return true;
}
