#include "image/devices.h"

#include "base/map.h"
#include "base/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

const char devices_help[] =
    "A table has one entry a line: PATH TYPE MODE UID GID [MAJOR MINOR]\n"
    "\n"
    "  /bin/su       f 4755 0 0        mode and owner of a file that the tree has\n"
    "  /tmp          d 1777 0 0        the same of a folder, made if the tree has none\n"
    "  /dev/console  c 600  0 0  5 1   a character device\n"
    "  /dev/vda      b 660  0 6  254 0 a block device\n"
    "  /run/pipe     p 600  0 0        a named pipe\n"
    "\n"
    "MODE is octal, the other numbers are decimal; `#` begins a comment; the order of the\n"
    "lines does not matter. What the table does not name belongs to root:root and has mode\n"
    "0755, or 0644 if it is a file that its owner cannot execute.\n";

/* Linux has 12 bits for a major number and 20 for a minor one. (uid_t)-1 means "no user". */
#define MAJOR_MAX ((1U << 12) - 1)
#define MINOR_MAX ((1U << 20) - 1)
#define OWNER_MAX (UINT32_MAX - 1)
#define FIELDS_MAX 7

struct field {
	const char *text;
	size_t length;
	unsigned column;
};

struct parser {
	struct faults *faults;
	struct map lines; /* of the paths so far: index + 1 in the result */
	unsigned line;
	struct field fields[FIELDS_MAX + 1]; /* one more, to notice it */
	size_t count;
	unsigned end_column;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void split(struct parser *p, const char *line, size_t length)
{
	size_t i = 0;

	p->count = 0;
	while (p->count <= FIELDS_MAX) {
		size_t begin;

		while (i < length && is_blank(line[i]))
			i++;
		if (i == length || line[i] == '#')
			break;
		for (begin = i; i < length && !is_blank(line[i]); i++)
			;
		p->end_column = (unsigned)i + 1;
		p->fields[p->count++] =
		    (struct field){line + begin, i - begin, (unsigned)begin + 1};
	}
}

/* A field as a fault shows it: not longer than a line of a terminal. */
#define SHOWN(field) (int)((field)->length < 60 ? (field)->length : 60), (field)->text

static void blame(struct parser *p, const struct field *field, const char *why)
{
	faults_add(p->faults, p->line, field->column, "`%.*s` %s", SHOWN(field), why);
}

/* Why a path cannot stand in a table; NULL when it can. */
static const char *wrong_with_path(const struct field *field)
{
	const char *end = field->text + field->length, *part = field->text;

	if (*part != '/')
		return "is not an absolute path; write it as the image has it, from `/` on";
	if (field->length > PATH_MAX - 1)
		return "is longer than 4095 bytes, the longest path that Linux takes";
	if (memchr(part, 0, field->length))
		return "has a NUL byte in it";
	while (field->length > 1 && part < end) {
		const char *begin = part + 1;
		const char *next = memchr(begin, '/', (size_t)(end - begin));
		size_t length = (size_t)((next ? next : end) - begin);

		if (!length)
			return "has an empty part (`//`, or `/` at its end); leave it out";
		if (length <= 2 && !strncmp(begin, "..", length))
			return "has a part `.` or `..`; write the path without it";
		if (length > NAME_MAX)
			return "has a part longer than 255 bytes";
		part = begin + length;
	}
	return NULL;
}

/* Digits of a base up to 10, and nothing else. */
static bool read_number(const struct field *field, unsigned base, uint32_t limit, uint32_t *ret)
{
	uint64_t number = 0;

	for (size_t i = 0; i < field->length; i++) {
		unsigned digit = (unsigned char)field->text[i] - '0';

		if (digit >= base)
			return false;
		number = base * number + digit;
		if (number > limit)
			return false;
	}
	*ret = (uint32_t)number;
	return field->length > 0;
}

static void parse_number(
    struct parser *p, size_t index, const char *what, uint32_t limit, uint32_t *ret_number)
{
	const struct field *field = &p->fields[index];

	if (!read_number(field, 10, limit, ret_number))
		faults_add(p->faults, p->line, field->column,
		    "`%.*s` is not a %s: a decimal number from 0 to %u", SHOWN(field), what, limit);
}

static void parse_device_number(struct parser *p, struct device *device)
{
	bool wanted = device->type == 'c' || device->type == 'b';

	if (wanted && p->count < FIELDS_MAX) {
		faults_add(p->faults, p->line, p->end_column,
		    "a device needs its major and minor number at the end of the line");
	} else if (wanted) {
		parse_number(p, 5, "major number", MAJOR_MAX, &device->major);
		parse_number(p, 6, "minor number", MINOR_MAX, &device->minor);
	} else if (p->count > 5) {
		blame(p, &p->fields[5],
		    "is too much: only the types c and b have a major and minor number");
	}
}

static void parse_attributes(struct parser *p, struct device *device)
{
	if (p->count < 5) {
		faults_add(p->faults, p->line, p->end_column,
		    "the line ends too early: it takes PATH TYPE MODE UID GID [MAJOR MINOR]");
		return;
	}
	if (!read_number(&p->fields[2], 8, 07777, &device->mode))
		blame(p, &p->fields[2], "is not a mode: an octal number from 0 to 7777");
	parse_number(p, 3, "user's number", OWNER_MAX, &device->uid);
	parse_number(p, 4, "group's number", OWNER_MAX, &device->gid);
	if (p->count > FIELDS_MAX)
		blame(p, &p->fields[FIELDS_MAX], "is too much: a line has at most 7 fields");
	parse_device_number(p, device);
}

/* Path and type decide whether there is an entry at all. */
static bool parse_identity(struct parser *p, struct device *device)
{
	const char *why = wrong_with_path(&p->fields[0]);

	if (why)
		blame(p, &p->fields[0], why);
	if (p->count > 1 && p->fields[1].length == 1)
		device->type = *p->fields[1].text;
	if (device->type && strchr("fdcbp", device->type))
		return !why;
	if (p->count > 1)
		blame(p, &p->fields[1],
		    "is not a type: f (file), d (folder), c or b (device), p (named pipe)");
	else
		parse_attributes(p, device); /* says that the line is too short */
	return false;
}

static void parse_line(struct parser *p, struct devices *devices)
{
	struct device device = {.line = p->line, .column = p->fields[0].column};
	size_t earlier;

	if (!parse_identity(p, &device))
		return;
	parse_attributes(p, &device);
	device.path = xstrndup(p->fields[0].text + 1, p->fields[0].length - 1);
	if (map_get(&p->lines, device.path, &earlier)) {
		faults_add(p->faults, p->line, device.column, "`/%s` is in line %zu already",
		    device.path, earlier);
		free(device.path);
		return;
	}
	map_put(&p->lines, device.path, p->line);
	devices->list = xgrow(devices->list, devices->count, sizeof(*devices->list));
	devices->list[devices->count++] = device;
}

void devices_parse(
    const char *text, size_t length, struct devices *ret_devices, struct faults *faults)
{
	struct parser p = {.faults = faults};
	const char *end = text + length;

	*ret_devices = (struct devices){0};
	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *line_end = newline ? newline : end;

		p.line++;
		split(&p, text, (size_t)(line_end - text));
		if (p.count)
			parse_line(&p, ret_devices);
		text = line_end + 1;
	}
	map_free(&p.lines);
}

void devices_free(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		free(devices->list[i].path);
	free(devices->list);
	*devices = (struct devices){0};
}
