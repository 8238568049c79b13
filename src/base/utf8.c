#include "base/utf8.h"

/* How many bytes a character has by its first one; 0: no character begins with it. */
static size_t announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first < 0xe0)
		return 2;
	if (first >= 0xe0 && first < 0xf0)
		return 3;
	return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	size_t count = length ? announced((unsigned char)bytes[0]) : 0;
	uint32_t character;

	if (!count || count > length)
		return 0;
	character = (unsigned char)bytes[0] & mask[count];
	for (size_t i = 1; i < count; i++) {
		if (((unsigned char)bytes[i] & 0xc0) != 0x80)
			return 0;
		character = character << 6 | ((unsigned char)bytes[i] & 0x3f);
	}
	if (character < least[count] || character > 0x10ffff ||
	    (character >= 0xd800 && character < 0xe000))
		return 0;
	*ret_character = character;
	return count;
}

void add_utf8(struct buf *text, const char *bytes, size_t length)
{
	while (length) {
		uint32_t character;
		size_t count = utf8_decode(bytes, length, &character);

		if (count)
			buf_add(text, bytes, count);
		else
			buf_puts(text, "\xef\xbf\xbd");
		bytes += count ? count : 1;
		length -= count ? count : 1;
	}
}
