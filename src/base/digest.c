#include "base/digest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void digest_begin(struct digest_stream *s)
{
	SHA256_Init(&s->context);
}

void digest_add(struct digest_stream *s, const void *bytes, size_t length)
{
	SHA256_Update(&s->context, bytes, length);
}

struct digest digest_end(struct digest_stream *s)
{
	struct digest d;

	SHA256_Final(d.bytes, &s->context);
	return d;
}

struct digest digest_of(const void *bytes, size_t length)
{
	struct digest_stream s;

	digest_begin(&s);
	digest_add(&s, bytes, length);
	return digest_end(&s);
}

int digest_of_file(int fd, const char *name, struct digest *ret_digest, struct err *e)
{
	static _Thread_local char chunk[1 << 18];
	struct digest_stream s;
	ssize_t got;

	digest_begin(&s);
	while ((got = read(fd, chunk, sizeof(chunk)))) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read %s", name);
		digest_add(&s, chunk, (size_t)got);
	}
	*ret_digest = digest_end(&s);
	return 0;
}

char *digest_format(const struct digest *d, char ret_text[DIGEST_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(d->bytes); i++) {
		ret_text[2 * i] = digits[d->bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[d->bytes[i] & 15];
	}
	ret_text[DIGEST_HEX_SIZE - 1] = 0;
	return ret_text;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int digest_parse(const char *text, struct digest *ret_digest, struct err *e)
{
	struct digest d;
	size_t i;

	for (i = 0; i < sizeof(d.bytes); i++) {
		int high = hex_value(text[2 * i]);
		int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);

		if (low < 0)
			break;
		d.bytes[i] = (unsigned char)(high << 4 | low);
	}
	if (i < sizeof(d.bytes) || text[2 * i])
		return err_kind(e, ERR_INPUT,
		    "not a sha256: `%.80s` (expected 64 lower-case hexadecimal digits)", text);
	*ret_digest = d;
	return 0;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool digest_is_known(const struct digest *d)
{
	static const struct digest none;

	return !digest_equal(d, &none);
}
