#include "cpp/config.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>

#define HEADER "/autoconf.h"
#define WORD "CONFIG"
#define PREFIX WORD "_"
#define DEFINITION "#define "

static size_t name_length(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) || text[length] == '_')
		length++;
	return length;
}

bool config_has_name(const char *path)
{
	size_t length = strlen(path);

	return length > strlen(HEADER) && !strcmp(path + length - strlen(HEADER), HEADER);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names nothing else, and means the same wherever it stands. */
static bool is_value(const char *text)
{
	size_t length = strlen(text);

	if (*text == '"')
		return length > 1 && text[length - 1] == '"';
	return length && strspn(text, "0123456789abcdefABCDEFxX-") == length;
}

static bool is_option(const char *line)
{
	const char *name = line + strlen(DEFINITION);
	size_t length;

	if (strncmp(line, DEFINITION PREFIX, strlen(DEFINITION PREFIX)))
		return false;
	length = name_length(name);
	return name[length] == ' ' && is_value(name + length + 1);
}

/* A line of the remark, or behind it. */
static bool take_line(struct config *config, const char *line, bool *in_remark)
{
	bool ends = !strcmp(line, " */");

	if (*in_remark) {
		*in_remark = !ends;
		return ends || (!strncmp(line, " *", 2) && !strstr(line, "*/"));
	}
	if (!*line)
		return true;
	if (!config->count && !strcmp(line, "/*")) {
		*in_remark = true;
		return true;
	}
	if (!is_option(line))
		return false;
	config->lines = xgrow(config->lines, config->count, sizeof(*config->lines));
	config->lines[config->count++] = line + strlen(DEFINITION);
	return true;
}

/* Cut the text into lines and keep those of options. */
static bool read_lines(struct config *config)
{
	char *rest = config->text.data, *line;
	bool in_remark = false;

	while ((line = strsep(&rest, "\n")))
		if (!take_line(config, line, &in_remark))
			return false;
	return !in_remark;
}

/* Put them in order. False: one is there twice. */
static bool sort_lines(struct config *config)
{
	if (config->count)
		qsort(config->lines, config->count, sizeof(*config->lines), compare_lines);
	for (size_t i = 1; i < config->count; i++) {
		size_t length = name_length(config->lines[i]) + 1;

		if (!strncmp(config->lines[i - 1], config->lines[i], length))
			return false;
	}
	return true;
}

bool config_read(const struct buf *text, struct config *ret_config)
{
	struct config config = {0};

	/* Of a copy, as the lines are cut in place. */
	buf_add(&config.text, buf_text(text), text->length);
	if (memchr(buf_text(text), 0, text->length) || !read_lines(&config) ||
	    !sort_lines(&config)) {
		config_free(&config);
		return false;
	}
	*ret_config = config;
	return true;
}

void config_free(struct config *config)
{
	free(config->lines);
	buf_free(&config->text);
	*config = (struct config){0};
}

/* The first character that a compiler sees behind this one: blanks, remarks and ends of lines that
 * go on with the next one are nothing. */
static const char *behind(const char *at)
{
	for (;;) {
		const char *end;

		at += strspn(at, " \t");
		if (at[0] == '\\' && at[1] == '\n')
			at += 2;
		else if (at[0] == '/' && at[1] == '*' && (end = strstr(at, "*/")))
			at = end + 2;
		else
			return at;
	}
}

/* Is what is read no whole name: pasted to something, handed on without its end, cut by a line? */
static bool is_part(const char *name, size_t length)
{
	const char *next = behind(name + length);

	return !strncmp(next, "##", 2) ||
	       (length == strlen(PREFIX) && name[length - 1] == '_' &&
		   (*next == ',' || *next == ')')) ||
	       (name[length] == '\\' && name[length + 1] == '\n' && name_length(name + length + 2));
}

bool config_find_names(const char *text, struct set *names)
{
	const char *at = text;

	while ((at = strstr(at, WORD))) {
		size_t length = name_length(at);

		if (is_part(at, length))
			return false;
		if (!strncmp(at, PREFIX, strlen(PREFIX)))
			set_add(names, at, length);
		at += length;
	}
	return true;
}

/* The line of an option begins with its name and a blank. */
static int compare_name(const void *name, const void *line)
{
	const char *text = *(const char *const *)line;
	size_t length = strlen(name);
	int order = strncmp(name, text, length);

	return order ? order : ' ' - (unsigned char)text[length];
}

/* Add what the option is, if it is anything. */
static void add_value(struct digest_stream *s, const struct config *config, const char *name)
{
	const char *const *line = config->count ? bsearch(name, config->lines, config->count,
						      sizeof(*config->lines), compare_name)
						: NULL;
	const char *value = line ? *line : name;

	digest_add(s, value, strlen(value) + 1);
}

struct digest config_digest(const struct config *config, const struct set *names)
{
	struct digest_stream s;

	digest_begin(&s);
	for (size_t i = 0; i < names->count; i++) {
		_cleanup_free_ char *module = xasprintf("%s_MODULE", names->items[i]);

		add_value(&s, config, names->items[i]);
		add_value(&s, config, module);
	}
	return digest_end(&s);
}
