#include "cli/page.h"

#include "base/digest.h"

#include <string.h>

/* The assembler finds the files from where make runs: the project's folder. */
#define BEGIN_TEXT(name) ".section .rodata\n.global " name "\n" name ":\n"
#define ADD_FILE(file) ".incbin \"src/cli/report/" file "\"\n"
#define END_TEXT ".byte 0\n.previous\n"

__asm__(BEGIN_TEXT("page_markup") ADD_FILE("page.html") END_TEXT);
__asm__(BEGIN_TEXT("page_style") ADD_FILE("page.css") END_TEXT);
__asm__(BEGIN_TEXT("page_script") ADD_FILE("text.js") ADD_FILE("timeline.js") ADD_FILE("sizes.js")
	ADD_FILE("page.js") END_TEXT);
extern const char page_markup[], page_style[], page_script[];

/* RFC 4648, section 4. */
static void add_base64(struct buf *text, const struct digest *digest)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t size = sizeof(digest->bytes);

	for (size_t i = 0; i < size; i += 3) {
		unsigned bits = 0;

		for (size_t n = 0; n < 3; n++)
			bits = bits << 8 | (i + n < size ? digest->bytes[i + n] : 0);
		for (size_t n = 0; n < 4; n++)
			buf_puts(text,
			    i + n > size ? "=" : (char[]){letters[bits >> (18 - 6 * n) & 63], 0});
	}
}

static void add_source(struct buf *text, const char *kind, const char *content)
{
	struct digest digest = digest_of(content, strlen(content));

	buf_printf(text, "; %s 'sha256-", kind);
	add_base64(text, &digest);
	buf_puts(text, "'");
}

/* Content-Security-Policy: the browser itself refuses any other script, and all network. */
static void add_policy(struct buf *text)
{
	buf_puts(text, "default-src 'none'; base-uri 'none'; form-action 'none'");
	add_source(text, "style-src", page_style);
	add_source(text, "script-src", page_script);
}

static void add_part(struct buf *page, const char *name, size_t length, const char *data)
{
	if (!strncmp(name, "policy", length))
		add_policy(page);
	else if (!strncmp(name, "style", length))
		buf_puts(page, page_style);
	else if (!strncmp(name, "script", length))
		buf_puts(page, page_script);
	else
		buf_puts(page, data);
}

/* In the markup, @NAME@ stands for a part. What is put in is not looked at again. */
void page_format(const char *data, struct buf *ret_page)
{
	const char *rest = page_markup;

	for (;;) {
		size_t length = strcspn(rest, "@"), name;

		buf_add(ret_page, rest, length);
		if (!rest[length])
			return;
		rest += length + 1;
		name = strcspn(rest, "@");
		add_part(ret_page, rest, name, data);
		rest += name + 1;
	}
}
