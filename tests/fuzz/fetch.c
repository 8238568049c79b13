/*
 * What minsys-fetch is asked and says while it works, and what apt tells it of its archives.
 */
#include "fuzz.h"

#include "fetch/archives.h"
#include "fetch/news.h"
#include "fetch/request.h"

#include <sys/mman.h>

static void claim_file(const struct wanted_file *file)
{
	CLAIM(file->name && file->origin_count);
	for (size_t i = 0; i < file->origin_count; i++) {
		const struct wanted_origin *origin = &file->origins[i];

		CLAIM(origin->in_pool ? pool_path_is_plain(origin->location)
				      : url_is_http(origin->location));
		free(url_to_show(origin->location));
	}
}

static void read_as_request(const struct buf *text)
{
	_cleanup_close_ int fd = memfd_create("request", MFD_CLOEXEC);
	struct request request;
	struct err e = {0};

	CLAIM(fd >= 0);
	MUST(file_write_all(fd, text->data, text->length, "request", &e), &e);
	CLAIM(!lseek(fd, 0, SEEK_SET));
	if (request_read(fd, &request, &e)) {
		CLAIM(e.kind == ERR_INPUT);
		return;
	}
	for (size_t i = 0; i < request.count; i++)
		claim_file(&request.files[i]);
	free(request_answer(&request, "try again"));
	request_free(&request);
}

static void hear(void *context, bool is_progress, const char *line)
{
	(void)is_progress;
	*(size_t *)context += strlen(line);
}

/* However it comes in pieces, the same is heard. */
static void read_as_news(const struct buf *text)
{
	size_t heard[2] = {0};
	struct fetch_options options[2] = {
	    {.tell = hear, .context = &heard[0]}, {.tell = hear, .context = &heard[1]}};
	struct news_reader whole = {.options = &options[0]}, pieces = {.options = &options[1]};

	news_read(&whole, text->data, text->length);
	for (size_t i = 0; i < text->length; i++)
		news_read(&pieces, text->data + i, 1);
	CLAIM(heard[0] == heard[1]);
	CLAIM(!strcmp(buf_text(&whole.words), buf_text(&pieces.words)));
	news_free(&whole);
	news_free(&pieces);
}

/* Not with a list of mirrors, which could be any file. */
static void read_as_archives(const struct buf *text)
{
	_cleanup_free_ char *copy = xstrdup(text->data);
	struct archives archives;

	if (strstr(copy, "mirror+file:"))
		return;
	archives_parse(copy, &archives);
	for (size_t i = 0; i < archives.count; i++) {
		const char *base = archives.items[i].base;

		CLAIM(strstr(base, "//") && base[strlen(base) - 1] == '/');
	}
	archives_free(&archives);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = buf_of(data, size);

	read_as_request(&text);
	read_as_news(&text);
	read_as_archives(&text);
	return 0;
}
