#include "cpp/memo.h"

#include "base/file.h"
#include "base/memory.h"
#include "cpp/config.h"

#include <string.h>

#define HEAD "minsys-cpp 1"
#define SIZE_LIMIT ((size_t)256 << 20)

/* In a text: directives that ccache looks for, of which the second is what gcc makes of a header
 * that was compiled before; and macros themselves, with -g3, options among them that nothing names.
 */
static const char *const telling[] = {".incbin", "pch_preprocess", "#define ", NULL};
/* What stands in a file, or an argument, for what it does not hold. */
static const char *const elsewhere[] = {
    "__DATE__", "__TIME__", "__TIMESTAMP__", "__has_include", "__has_embed", NULL};

static bool has_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strstr(text, *words))
			return true;
	return false;
}

/* `#embed` of C23, whose file the text does not name. */
static bool embeds(const char *text)
{
	for (const char *at = text; (at = strstr(at, "embed")); at++) {
		const char *before = at;

		while (before > text && (before[-1] == ' ' || before[-1] == '\t'))
			before--;
		if (before > text && before[-1] == '#')
			return true;
	}
	return false;
}

/* The files that a text was made of, as its line markers (`# 1 "name" flags`) say; gcc's own
 * manual, "Preprocessor Output", has the form. False: a name that is written in another way. */
static bool find_files(const char *text, struct set *names)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		const char *name, *end;

		line += *line == '\n';
		if (strncmp(line, "# ", 2))
			continue;
		name = line + 2 + strspn(line + 2, "0123456789");
		if (name == line + 2 || strncmp(name, " \"", 2))
			continue;
		name += 2;
		end = name + strcspn(name, "\"\\\n");
		if (*end != '"')
			return false;
		/* No files: <built-in>, and the folder it was made in, which ends with two. */
		if ((*name != '<' || end[-1] != '>') && end[-1] != '/')
			set_add(names, name, (size_t)(end - name));
	}
	return true;
}

static bool read_text(const char *path, struct buf *ret_text)
{
	struct err ignored;

	return !file_read(AT_FDCWD, path, SIZE_LIMIT, ret_text, &ignored) &&
	       strlen(buf_text(ret_text)) == ret_text->length;
}

static bool find_names(const char *text, struct memo *memo)
{
	return !has_any(text, elsewhere) && config_find_names(text, &memo->option_names);
}

/* Find what a file names. The header of the options is not one of the files then. */
static bool look_into(const char *path, struct memo *memo, struct config *config)
{
	_cleanup_buf_ struct buf text = {0};

	if (!read_text(path, &text))
		return false;
	if (!memo->config && config_has_name(path) && config_read(&text, config)) {
		memo->config = xstrdup(path);
		return true;
	}
	set_add(&memo->file_names, path, strlen(path));
	return !embeds(buf_text(&text)) && find_names(buf_text(&text), memo);
}

static bool digest_files(const struct set *names, struct digest *ret_digest)
{
	struct digest_stream s;
	struct err ignored;

	digest_begin(&s);
	for (size_t i = 0; i < names->count; i++) {
		_cleanup_close_ int fd = open(names->items[i], O_RDONLY | O_CLOEXEC);
		struct digest digest;

		if (fd < 0 || digest_of_file(fd, names->items[i], &digest, &ignored))
			return false;
		digest_add(&s, names->items[i], strlen(names->items[i]) + 1);
		digest_add(&s, digest.bytes, sizeof(digest.bytes));
	}
	*ret_digest = digest_end(&s);
	return true;
}

static bool is_older(const char *path, const struct timespec *since)
{
	struct stat status;

	if (stat(path, &status))
		return false;
	if (status.st_ctim.tv_sec != since->tv_sec)
		return status.st_ctim.tv_sec < since->tv_sec;
	/* 0: probably a file system that knows whole seconds only. */
	return status.st_ctim.tv_nsec && status.st_ctim.tv_nsec < since->tv_nsec;
}

/* What these hold now is what the compiler has read. */
static bool are_older(const struct set *names, const struct timespec *since)
{
	for (size_t i = 0; i < names->count; i++)
		if (!is_older(names->items[i], since))
			return false;
	return true;
}

static bool make(const struct set *included, char *const *argv, struct memo *memo)
{
	struct config config = {0};
	bool result = true;

	/* The compiler too is a file that makes the text what it is, but no text itself. */
	set_add(&memo->file_names, argv[0], strlen(argv[0]));
	for (size_t i = 1; argv[i] && result; i++)
		result = find_names(argv[i], memo);
	for (size_t i = 0; i < included->count && result; i++)
		result = look_into(included->items[i], memo, &config);
	memo->options = config_digest(&config, &memo->option_names);
	config_free(&config);
	return result && digest_files(&memo->file_names, &memo->files);
}

bool memo_make(const struct call *call, const struct timespec *since, struct memo *ret_memo)
{
	_cleanup_buf_ struct buf text = {0};
	_cleanup_memo_ struct memo memo = {0};
	struct set included = {0};
	bool result = read_text(call->output, &text) && !has_any(buf_text(&text), telling) &&
		      find_files(buf_text(&text), &included) &&
		      map_get(&included.index, call->source, NULL) &&
		      make(&included, call->argv, &memo) && are_older(&included, since);

	set_free(&included);
	if (!result)
		return false;
	memo.text = digest_of(text.data, text.length);
	*ret_memo = memo;
	memo = (struct memo){0};
	return true;
}

static void add_digest(struct buf *text, const char *name, const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	buf_printf(text, "%s %s\n", name, digest_format(digest, hex));
}

static void add_names(struct buf *text, const char *kind, const struct set *names)
{
	for (size_t i = 0; i < names->count; i++)
		buf_printf(text, "%s %s\n", kind, names->items[i]);
}

void memo_put(int folder_fd, const struct digest *key, const struct memo *memo)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	struct err ignored;

	buf_puts(&text, HEAD "\n");
	add_digest(&text, "text", &memo->text);
	add_digest(&text, "files", &memo->files);
	add_digest(&text, "options", &memo->options);
	if (memo->config)
		buf_printf(&text, "config %s\n", memo->config);
	add_names(&text, "file", &memo->file_names);
	add_names(&text, "option", &memo->option_names);
	file_put(folder_fd, digest_format(key, hex), text.data, text.length, 0644, &ignored);
}

static bool read_line(char *line, struct memo *memo)
{
	char *value = strchr(line, ' ');
	struct err ignored;

	if (!value)
		return false;
	*value++ = 0;
	if (!strcmp(line, "file"))
		set_add(&memo->file_names, value, strlen(value));
	else if (!strcmp(line, "option"))
		set_add(&memo->option_names, value, strlen(value));
	else if (!strcmp(line, "config") && !memo->config)
		memo->config = xstrdup(value);
	else if (!strcmp(line, "text"))
		return !digest_parse(value, &memo->text, &ignored);
	else if (!strcmp(line, "files"))
		return !digest_parse(value, &memo->files, &ignored);
	else if (!strcmp(line, "options"))
		return !digest_parse(value, &memo->options, &ignored);
	else
		return false;
	return true;
}

static bool read_memo(int folder_fd, const struct digest *key, struct memo *ret_memo)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	struct err ignored;
	char *rest, *line;

	if (file_read(folder_fd, digest_format(key, hex), SIZE_LIMIT, &text, &ignored) ||
	    !text.length)
		return false;
	rest = text.data;
	line = strsep(&rest, "\n");
	if (strcmp(line, HEAD))
		return false;
	while ((line = strsep(&rest, "\n")) && *line)
		if (!read_line(line, ret_memo))
			return false;
	return digest_is_known(&ret_memo->text);
}

static bool has_same_options(const struct memo *memo)
{
	_cleanup_buf_ struct buf text = {0};
	struct config config = {0};
	struct digest now;

	if (memo->config && (!read_text(memo->config, &text) || !config_read(&text, &config)))
		return false;
	now = config_digest(&config, &memo->option_names);
	config_free(&config);
	return digest_equal(&now, &memo->options);
}

bool memo_find(int folder_fd, const struct digest *key, struct digest *ret_text)
{
	_cleanup_memo_ struct memo memo = {0};
	struct digest now;

	if (!read_memo(folder_fd, key, &memo) || !has_same_options(&memo) ||
	    !digest_files(&memo.file_names, &now) || !digest_equal(&now, &memo.files))
		return false;
	*ret_text = memo.text;
	return true;
}

void memo_free(struct memo *memo)
{
	set_free(&memo->file_names);
	set_free(&memo->option_names);
	free(memo->config);
	*memo = (struct memo){0};
}
