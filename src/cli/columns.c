#include "cli/columns.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool columns_are_utf8(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		const char *locale = getenv(variables[i]);

		if (locale && *locale)
			return strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
	}
	return false;
}

struct range {
	uint32_t first, last;
};

static bool is_within(const struct range *ranges, size_t count, uint32_t character)
{
	for (size_t i = 0; i < count; i++)
		if (character >= ranges[i].first && character <= ranges[i].last)
			return true;
	return false;
}

/* Controls, invisible ones, and those that turn the direction of what follows. */
static bool has_no_place(uint32_t character)
{
	static const struct range ranges[] = {{0x80, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c},
	    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
	    {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xe0000, 0xe0fff}};

	return is_within(ranges, sizeof(ranges) / sizeof(*ranges), character);
}

/* One column, wherever it is shown: Latin, Greek, Cyrillic, Armenian, what is set around them,
 * arrows, mathematics and boxes. To take a narrow one for wide cuts a line early; to take a wide
 * one for narrow breaks the display, so that the others are wide. */
static bool is_narrow(uint32_t character)
{
	static const struct range ranges[] = {{0x20, 0x2ff}, {0x370, 0x482}, {0x48a, 0x556},
	    {0x1e00, 0x1fff}, {0x2010, 0x205e}, {0x20a0, 0x20bf}, {0x2100, 0x214f},
	    {0x2190, 0x22ff}, {0x2500, 0x259f}, {0xfffd, 0xfffd}};

	return is_within(ranges, sizeof(ranges) / sizeof(*ranges), character);
}

/* One character as it is shown. */
struct piece {
	char escape[5];
	const char *text; /* its bytes, or `escape` */
	size_t length;
	size_t columns;
	size_t taken; /* of the bytes that were to be shown */
};

static void show_instead(struct piece *piece, const char *text, size_t taken)
{
	strcpy(piece->escape, text);
	piece->text = piece->escape;
	piece->length = piece->columns = strlen(text);
	piece->taken = taken;
}

static void take(struct piece *piece, const char *bytes, size_t length, bool is_utf8)
{
	unsigned char byte = (unsigned char)bytes[0];
	uint32_t character = 0;
	size_t count = utf8_decode(bytes, length, &character);

	if (byte == '\t' || byte == '\n') {
		show_instead(piece, " ", 1);
	} else if (byte < ' ' || byte == 0x7f) {
		snprintf(piece->escape, sizeof(piece->escape), "\\x%02x", byte);
		piece->text = piece->escape;
		piece->length = piece->columns = 4;
		piece->taken = 1;
	} else if (!count || has_no_place(character) || (count > 1 && !is_utf8)) {
		show_instead(piece, "?", count ? count : 1);
	} else {
		piece->text = bytes;
		piece->length = piece->taken = count;
		piece->columns = is_narrow(character) ? 1 : 2;
	}
}

size_t add_columns(struct buf *line, const char *bytes, size_t length, size_t width, bool is_utf8)
{
	size_t columns = 0;

	while (length) {
		struct piece piece;

		take(&piece, bytes, length, is_utf8);
		if (columns + piece.columns > width)
			break;
		buf_add(line, piece.text, piece.length);
		columns += piece.columns;
		bytes += piece.taken;
		length -= piece.taken;
	}
	return columns;
}
