/*
 * sha256 (FIPS 180-4), the only digest of this project, computed by OpenSSL's libcrypto. Written
 * out, a digest is 64 lower-case hexadecimal digits.
 *
 * The low-level calls are used on purpose, though OpenSSL 3 calls them deprecated: they allocate
 * nothing and need no provider to be loaded, which saves a start-up of about a millisecond and
 * keeps the resolver and the dynamic loader out of the static programs.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/err.h"

#include <openssl/sha.h>

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_HEX_SIZE 65 /* with its NUL */

struct digest {
	unsigned char bytes[32];
};

/* A digest under way. It owns nothing and may be dropped. */
struct digest_stream {
	SHA256_CTX context;
};

void digest_begin(struct digest_stream *s);
void digest_add(struct digest_stream *s, const void *bytes, size_t length);
/* The digest of all that was added; the stream must begin again before it takes more. */
struct digest digest_end(struct digest_stream *s);

struct digest digest_of(const void *bytes, size_t length);
/* Of all that a file holds from its offset on; `name` is for the error. */
int digest_of_file(int fd, const char *name, struct digest *ret_digest, struct err *e);

/* Write the digest's text and its NUL into `ret_text`; returns ret_text. */
char *digest_format(const struct digest *d, char ret_text[DIGEST_HEX_SIZE]);
/* Read a digest's text: exactly 64 lower-case hexadecimal digits. Anything else is ERR_INPUT. */
int digest_parse(const char *text, struct digest *ret_digest, struct err *e);
bool digest_equal(const struct digest *a, const struct digest *b);
/* Is it anything's? A zeroed one stands for what is not known. */
bool digest_is_known(const struct digest *d);

#endif
