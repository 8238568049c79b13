#include "fetch/request.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/memory.h"

#include <string.h>
#include <strings.h>

bool pool_path_is_plain(const char *path)
{
	for (const char *part = path;; part++) {
		size_t length = strcspn(part, "/");

		if (!length || (part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.'))))
			return false;
		for (size_t i = 0; i < length; i++)
			if ((unsigned char)part[i] <= ' ' || (unsigned char)part[i] >= 127 ||
			    strchr("\\?#\"<>", part[i]))
				return false;
		part += length;
		if (!*part)
			return true;
	}
}

bool url_is_http(const char *url)
{
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 127)
			return false;
	return !strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8);
}

char *url_to_show(const char *url)
{
	const char *slash = url + strcspn(url, "/");
	const char *host = !strncmp(slash, "//", 2) ? slash + 2 : url;
	const char *at = memrchr(host, '@', strcspn(host, "/?#"));

	if (!at)
		return xstrdup(url);
	return xasprintf("%.*s***%s", (int)(host - url), url, at);
}

static int read_digest(json_t *value, struct wanted_origin *origin, struct err *e)
{
	if (json_is_null(value))
		return 0;
	if (!json_is_string(value))
		return err_kind(e, ERR_INPUT, "`sha256` is missing; null takes whatever comes");
	origin->pinned = true;
	return digest_parse(json_string_value(value), &origin->sha256, e);
}

static int read_origin(json_t *value, struct wanted_origin *origin, struct err *e)
{
	const char *url = json_string_value(json_object_get(value, "url"));
	const char *pool = json_string_value(json_object_get(value, "pool"));
	_cleanup_free_ char *shown = url_to_show(url ? url : pool ? pool : "");

	if (!url == !pool)
		return err_kind(e, ERR_INPUT, "an origin has either a `url` or a `pool` path");
	if (url && !url_is_http(url))
		return err_kind(e, ERR_INPUT, "%s is not an http or https URL", shown);
	if (pool && !pool_path_is_plain(pool))
		return err_kind(e, ERR_INPUT, "%s is not a plain path below an archive", shown);
	origin->in_pool = pool;
	origin->location = pool ? pool : url;
	if (read_digest(json_object_get(value, "sha256"), origin, e))
		return err_wrap(e, "%s", shown);
	return 0;
}

static int read_file(json_t *value, struct wanted_file *file, struct err *e)
{
	json_t *origins = json_object_get(value, "origins");
	json_t *size = json_object_get(value, "size");

	file->name = json_string_value(json_object_get(value, "name"));
	if (!file->name)
		return err_kind(e, ERR_INPUT, "a file has no `name`");
	if (size && (!json_is_integer(size) || json_integer_value(size) < 0))
		return err_kind(e, ERR_INPUT, "%s: `size` is no number of bytes", file->name);
	file->size = (uint64_t)json_integer_value(size);
	file->origin_count = json_array_size(origins);
	if (!file->origin_count)
		return err_kind(e, ERR_INPUT, "%s has no `origins`", file->name);
	file->origins = xcalloc(file->origin_count, sizeof(*file->origins));
	for (size_t i = 0; i < file->origin_count; i++) {
		if (read_origin(json_array_get(origins, i), &file->origins[i], e))
			return err_wrap(e, "%s", file->name);
		if (file->origins[i].pinned != file->origins[0].pinned)
			return err_kind(e, ERR_INPUT,
			    "%s: either all of its origins have a sha256 or none has", file->name);
	}
	return 0;
}

static int read_files(struct request *request, struct err *e)
{
	json_t *files = json_object_get(request->text, "files");
	json_t *snapshot = json_object_get(request->text, "snapshot");

	request->snapshot = json_string_value(snapshot);
	if (snapshot && !json_is_null(snapshot) &&
	    (!request->snapshot || !*request->snapshot ||
		request->snapshot[strspn(request->snapshot, "0123456789TZ")]))
		return err_kind(e, ERR_INPUT, "`snapshot` is no timestamp");
	if (!json_is_array(files))
		return err_kind(e, ERR_INPUT, "`files` is no list");
	request->count = json_array_size(files);
	request->files = xcalloc(request->count, sizeof(*request->files));
	for (size_t i = 0; i < request->count; i++)
		if (read_file(json_array_get(files, i), &request->files[i], e))
			return -1;
	return 0;
}

int request_read(int fd, struct request *ret_request, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct request request = {0};
	json_error_t error;

	if (file_read_fd(fd, "the request", 64 << 20, &text, e))
		return -1;
	request.text = json_loadb(buf_text(&text), text.length, JSON_REJECT_DUPLICATES, &error);
	if (!request.text)
		return err_kind(e, ERR_INPUT, "the request, line %d, column %d: %s", error.line,
		    error.column, error.text);
	if (read_files(&request, e)) {
		request_free(&request);
		return err_wrap(e, "the request");
	}
	*ret_request = request;
	return 0;
}

/* JSON is UTF-8; what a server or the name of a folder puts into a text need not be. */
static json_t *json_text(const char *text)
{
	json_t *value = text ? json_string(text) : NULL;
	_cleanup_free_ char *plain = NULL;

	if (value || !text)
		return value;
	plain = xstrdup(text);
	for (char *c = plain; *c; c++)
		if (*c & 0x80)
			*c = '?';
	return json_string(plain);
}

static json_t *answer_file(const struct wanted_file *file)
{
	char digest[DIGEST_HEX_SIZE];

	if (!file->arrived)
		return json_pack(
		    "{s:o?, s:b}", "error", json_text(file->error), "wrong", file->wrong);
	return json_pack("{s:s, s:I, s:s*}", "sha256", digest_format(&file->digest, digest),
	    "origin", (json_int_t)file->origin, "url", file->url);
}

char *request_answer(const struct request *request, const char *advice)
{
	json_t *files = json_array();
	json_t *answer = json_pack("{s:o, s:o*}", "files", files, "advice", json_text(advice));
	char *text;

	for (size_t i = 0; i < request->count; i++)
		json_array_append_new(files, answer_file(&request->files[i]));
	text = json_dumps(answer, JSON_COMPACT);
	json_decref(answer);
	return text ? text : xstrdup("{}");
}

void request_free(struct request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		free(request->files[i].origins);
		free(request->files[i].url);
		free(request->files[i].error);
	}
	free(request->files);
	json_decref(request->text);
	*request = (struct request){0};
}
