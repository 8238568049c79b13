#include "cpp/config.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>

#define HEADER "/autoconf.h"
#define PREFIX "CONFIG_"
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

static bool is_remark(const char *line)
{
	return !*line || !strncmp(line, "/*", 2) || !strncmp(line, " *", 2);
}

static bool is_option(const char *line)
{
	return !strncmp(line, DEFINITION PREFIX, strlen(DEFINITION PREFIX)) &&
	       line[strlen(line) - 1] != '\\';
}

/* Cut the text into lines and keep those of options. */
static bool read_lines(struct config *config)
{
	char *rest = config->text.data, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (is_remark(line))
			continue;
		if (!is_option(line))
			return false;
		config->lines = xgrow(config->lines, config->count, sizeof(*config->lines));
		config->lines[config->count++] = line + strlen(DEFINITION);
	}
	return true;
}

bool config_take(struct buf *text, struct config *ret_config)
{
	struct config config = {0};

	/* Of a copy, as the lines are cut in place. */
	buf_add(&config.text, buf_text(text), text->length);
	if (memchr(buf_text(text), 0, text->length) || !read_lines(&config)) {
		config_free(&config);
		return false;
	}
	if (config.count)
		qsort(config.lines, config.count, sizeof(*config.lines), compare_lines);
	buf_free(text);
	*ret_config = config;
	return true;
}

void config_free(struct config *config)
{
	free(config->lines);
	buf_free(&config->text);
	*config = (struct config){0};
}

bool config_find_names(const char *text, struct set *names)
{
	const char *at = text;

	while ((at = strstr(at, PREFIX))) {
		size_t length = name_length(at);
		const char *behind = at + length + strspn(at + length, " \t\\\n");

		if (!strncmp(behind, "##", 2))
			return false;
		set_add(names, at, length);
		at += length;
	}
	return true;
}

/* Add what the option is, if it is anything: the line that begins with its name and a blank. */
static void add_value(struct digest_stream *s, const struct config *config, const char *name)
{
	size_t length = strlen(name), from = 0, to = config->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		const char *line = config->lines[middle];
		int order = strncmp(line, name, length);

		if (!order)
			order = (unsigned char)line[length] - ' ';
		if (!order) {
			digest_add(s, line, strlen(line) + 1);
			return;
		}
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	digest_add(s, name, length + 1);
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
