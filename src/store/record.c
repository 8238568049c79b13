#include "store/store.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/use.h"

#include <string.h>
#include <time.h>

#define RECORD_LIMIT (64UL << 20) /* bytes */

static void record_path(const char *kind, const struct digest *key, char ret_path[128])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(ret_path, 128, "%s/%s", kind, digest_format(key, hex));
}

bool store_use_status(
    struct store *store, const char *kind, const struct digest *key, struct stat *ret_status)
{
	char path[128];

	record_path(kind, key, path);
	return use_status(store, path, ret_status);
}

bool store_use_record(struct store *store, const char *kind, const struct digest *key)
{
	struct stat status;

	return store_use_status(store, kind, key, &status);
}

bool store_text_is_whole(const struct buf *content)
{
	size_t length = content->length - DIGEST_HEX_SIZE;
	char hex[DIGEST_HEX_SIZE];
	struct digest digest;

	if (content->length < DIGEST_HEX_SIZE)
		return false;
	digest = digest_of(content->data, length);
	digest_format(&digest, hex);
	return !memcmp(content->data + length, hex, DIGEST_HEX_SIZE - 1) &&
	       content->data[content->length - 1] == '\n';
}

int store_text_read(
    struct store *store, const char *path, struct buf *ret_text, bool *ret_found, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	*ret_found = false;
	if (file_read(store->fd, path, RECORD_LIMIT, &text, e))
		return e->errnum == ENOENT ? 0 : err_wrap(e, "%s", store->path);
	if (!store_text_is_whole(&text)) {
		unlinkat(store->fd, path, 0);
		return 0;
	}
	buf_add(ret_text, text.data, text.length - DIGEST_HEX_SIZE);
	*ret_found = true;
	return 0;
}

int store_record_read(struct store *store, const char *kind, const struct digest *key,
    struct buf *ret_text, bool *ret_found, struct err *e)
{
	char path[128];

	record_path(kind, key, path);
	return store_text_read(store, path, ret_text, ret_found, e);
}

/* The text with its own sha256 behind it. */
static struct buf sealed(const char *text, size_t length)
{
	struct digest digest = digest_of(text, length);
	char hex[DIGEST_HEX_SIZE];
	struct buf whole = {0};

	buf_add(&whole, text, length);
	buf_printf(&whole, "%s\n", digest_format(&digest, hex));
	return whole;
}

int store_record_write(struct store *store, const char *kind, const struct digest *key,
    const char *text, size_t length, struct err *e)
{
	_cleanup_buf_ struct buf whole = sealed(text, length);
	char path[128];

	record_path(kind, key, path);
	if (file_replace(store->fd, path, whole.data, whole.length, 0644, e))
		return store_explain(store, e);
	return 0;
}

int store_text_put(
    struct store *store, const char *path, const char *text, size_t length, struct err *e)
{
	_cleanup_buf_ struct buf whole = sealed(text, length);

	if (file_put(store->fd, path, whole.data, whole.length, 0644, e))
		return store_explain(store, e);
	return 0;
}

void store_note_removed(struct store *store, const char *name, const char *reason)
{
	_cleanup_free_ char *path = xasprintf("removed/%s", name), *text = NULL;
	time_t now = time(NULL);
	struct err ignored;
	char when[32];
	struct tm utc;

	gmtime_r(&now, &utc);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	text = xasprintf("%s\n%s\n", when, reason);
	store_text_put(store, path, text, strlen(text), &ignored);
}

int store_record_copy(struct store *from, const char *kind, const struct digest *key,
    struct store *into, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	bool found;

	if (store_record_read(from, kind, key, &text, &found, e))
		return -1;
	return found ? store_record_write(into, kind, key, text.data, text.length, e) : 0;
}

int store_content_keep(struct store *store, const struct digest *digest, const void *bytes,
    size_t length, struct err *e)
{
	char path[128];

	record_path("files", digest, path);
	/* The time says when it was last of use. */
	if (!utimensat(store->fd, path, NULL, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (file_put(store->fd, path, bytes, length, 0644, e))
		return store_explain(store, e);
	return 0;
}

int store_content_read(struct store *store, const struct digest *digest, struct buf *ret_content,
    bool *ret_found, struct err *e)
{
	_cleanup_buf_ struct buf content = {0};
	struct digest read;
	char path[128];

	*ret_found = false;
	record_path("files", digest, path);
	if (file_read(store->fd, path, RECORD_LIMIT, &content, e))
		return e->errnum == ENOENT ? 0 : err_wrap(e, "%s", store->path);
	read = digest_of(buf_text(&content), content.length);
	if (!digest_equal(&read, digest)) {
		unlinkat(store->fd, path, 0);
		return 0;
	}
	buf_add(ret_content, buf_text(&content), content.length);
	*ret_found = true;
	return 0;
}
