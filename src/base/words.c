#include "base/words.h"

#include <string.h>

bool path_is_plain(const char *path)
{
	for (;;) {
		size_t length = strcspn(path, "/");

		if (!length || (length == 1 && path[0] == '.') ||
		    (length == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		if (!path[length])
			return true;
		path += length + 1;
	}
}

#define LONGEST 48
#define SLIPS 2

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Levenshtein's distance: letters inserted, deleted or replaced. */
static size_t slips(const char *a, const char *b)
{
	size_t row[LONGEST + 1];
	size_t length = strlen(b);

	if (length > LONGEST || strlen(a) > LONGEST)
		return LONGEST;
	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < length; j++) {
			size_t above = row[j + 1];

			row[j + 1] = smallest(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
			diagonal = above;
		}
	}
	return row[length];
}

const char *word_nearest(const char *word, const char *const *candidates)
{
	const char *nearest = NULL;
	size_t least = SLIPS + 1;

	for (; *candidates; candidates++) {
		size_t distance = slips(word, *candidates);

		if (distance < least && 2 * distance < strlen(word)) {
			least = distance;
			nearest = *candidates;
		}
	}
	return nearest;
}

void make_printable(char *text)
{
	for (char *c = text; *c; c++) {
		unsigned char byte = (unsigned char)c[0], next = (unsigned char)c[1];

		if (byte < ' ' || byte == 0x7f)
			*c = '?';
		else if (byte == 0xc2 && next >= 0x80 && next < 0xa0) /* U+0080 to U+009F */
			c[0] = c[1] = '?';
	}
}

/* How many bytes of a control character begin here, but for newlines and tabs. */
static size_t control_bytes(const char *bytes, size_t length)
{
	unsigned char byte = (unsigned char)bytes[0];

	if (byte == 0xc2) /* U+0080 to U+009F; nobody knows what comes behind the end */
		return length < 2 ? 1 : ((unsigned char)bytes[1] & 0xe0) == 0x80 ? 2 : 0;
	return (byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f;
}

void add_visible(struct buf *text, const char *bytes, size_t length)
{
	while (length) {
		size_t plain = 0, control = 0;

		while (plain < length && !(control = control_bytes(bytes + plain, length - plain)))
			plain++;
		buf_add(text, bytes, plain);
		for (size_t i = 0; i < control; i++)
			buf_printf(text, "\\x%02x", (unsigned char)bytes[plain + i]);
		bytes += plain + control;
		length -= plain + control;
	}
}
