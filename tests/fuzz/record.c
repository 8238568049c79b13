/*
 * Small texts of the store, a manifest and a memo, as they are found and as they would be written.
 */
#include "fuzz.h"
#include "store_of_run.h"

#include "build/choice.h"
#include "build/manifest.h"
#include "build/memo.h"

/* It is taken when it is whole, and else it is gone. */
static void read_as_found(struct store *store, const struct buf *text)
{
	const struct digest key = {{1}};
	struct buf content = {0};
	char hex[DIGEST_HEX_SIZE], path[96];
	struct err e = {0};
	bool found;

	snprintf(path, sizeof(path), "results/%s", digest_format(&key, hex));
	MUST(file_put(store->fd, path, buf_text(text), text->length, 0644, &e), &e);
	MUST(store_record_read(store, "results", &key, &content, &found, &e), &e);
	CLAIM(found == store_text_is_whole(text));
	CLAIM(found == !faccessat(store->fd, path, F_OK, 0));
	CLAIM(!found || content.length + DIGEST_HEX_SIZE == text->length);
	buf_free(&content);
}

static void read_as_memo(struct store *store, const struct buf *text)
{
	static const char *const none[] = {NULL};
	struct buf content = {0};
	struct err e = {0};
	struct memo memo;
	char *out = NULL;
	bool found;

	memo_begin(scratch_path, NULL, NULL, none, &memo);
	MUST(store_text_put(store, memo.path, buf_text(text), text->length, &e), &e);
	MUST(store_text_read(store, memo.path, &content, &found, &e), &e);
	CLAIM(found && content.length == text->length);
	CLAIM(!content.length || !memcmp(content.data, text->data, content.length));
	if (memo_holds(&memo, store, scratch_path, &out))
		free(out);
	buf_free(&content);
}

static void read_as_choice(const char *line)
{
	_cleanup_free_ char *again = NULL;
	struct choice choice = {0};

	if (!choice_parse(line, &choice))
		return;
	again = choice_format(&choice);
	CLAIM(!strcmp(again, line));
	choice_free(&choice);
}

static void read_as_digest(const char *text)
{
	struct digest digest;
	char hex[DIGEST_HEX_SIZE];
	struct err e = {0};

	if (!digest_parse(text, &digest, &e))
		CLAIM(!strcmp(digest_format(&digest, hex), text));
	else
		CLAIM(e.kind == ERR_INPUT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = buf_of(data, size);
	struct store *store = store_of_run();
	int64_t time = 0;

	read_as_found(store, &text);
	read_as_memo(store, &text);
	if (manifest_read(&text, &time))
		CLAIM(memmem(text.data, text.length, "\"minsys manifest 1\"", 19));
	read_as_choice(buf_text(&text));
	read_as_digest(buf_text(&text));
	return 0;
}
