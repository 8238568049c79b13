#include "image/options.h"

#include "image/devices.h"
#include "image/disk.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char image_options_help[] =
    "Usage: minsys-image initramfs --tree FOLDER --devices TABLE [--time EPOCH] -o FILE\n"
    "       minsys-image disk      --tree FOLDER --devices TABLE [--time EPOCH]\n"
    "                              [--size SIZE] [--label TEXT] -o FILE\n"
    "\n"
    "Make an initramfs (cpio, compressed with gzip) or a disk (ext3) of a folder and a table of\n"
    "what a folder cannot hold without root's rights. Any user can; the same folder and table\n"
    "give the same bytes, whoever makes them, where and when.\n"
    "\n"
    "  --tree FOLDER    what to put into the image\n"
    "  --devices TABLE  owners, modes and device nodes; see below\n"
    "  --time EPOCH     the one time that everything in it has, in seconds since 1970, from 1\n"
    "                   on; default: $SOURCE_DATE_EPOCH, else 1\n"
    "  --size SIZE      how large the disk is: bytes, or with K, M or G; default 32M\n"
    "  --label TEXT     the disk's label, up to 16 bytes\n"
    "  -o FILE          the image; an older one is replaced when the new one is complete\n"
    "  --help           show this\n"
    "\n";

enum {
	OPTION_TREE = 256,
	OPTION_DEVICES,
	OPTION_TIME,
	OPTION_SIZE,
	OPTION_LABEL,
	OPTION_HELP,
};

static const struct option long_options[] = {
    {"tree", required_argument, NULL, OPTION_TREE},
    {"devices", required_argument, NULL, OPTION_DEVICES},
    {"time", required_argument, NULL, OPTION_TIME},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"label", required_argument, NULL, OPTION_LABEL},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

/* The decimal number that the text begins with; false when there is none, or none of 63 bits. */
static bool read_number(const char *text, const char **ret_end, uint64_t *ret_number)
{
	uint64_t number = 0;
	const char *c;

	for (c = text; *c >= '0' && *c <= '9'; c++) {
		if (number > (INT64_MAX - 9) / 10)
			return false;
		number = 10 * number + (uint64_t)(*c - '0');
	}
	*ret_end = c;
	*ret_number = number;
	return c > text;
}

int image_size_parse(const char *text, uint64_t *ret_bytes, struct err *e)
{
	static const char units[] = "KMG";
	const char *end, *unit;
	uint64_t number;
	unsigned shift = 0;

	if (!read_number(text, &end, &number))
		end = "?";
	unit = *end ? strchr(units, *end) : NULL;
	if (unit)
		shift = 10 * (unsigned)(unit - units + 1);
	if ((*end && (!unit || end[1])) || number > DISK_SIZE_MAX >> shift ||
	    number << shift < DISK_SIZE_MIN)
		return err_kind(e, ERR_INPUT,
		    "`%s` is not a size: bytes, or a number with K, M or G behind it, from %uM "
		    "to %uG",
		    text, DISK_SIZE_MIN >> 20, (unsigned)(DISK_SIZE_MAX >> 30));
	*ret_bytes = number << shift;
	return 0;
}

/* An inode's time has 32 bits, and the sign is one of them. libext2fs takes 0 for "not set". */
static int parse_time(const char *from, const char *text, time_t *ret_time, struct err *e)
{
	const char *end;
	uint64_t number;

	if (!read_number(text, &end, &number) || *end || number < 1 || number > INT32_MAX)
		return err_kind(e, ERR_INPUT,
		    "%s: `%s` is not a time: whole seconds since 1970, from 1 to %d", from, text,
		    INT32_MAX);
	*ret_time = (time_t)number;
	return 0;
}

static int parse_option(struct image_options *o, int option, struct err *e)
{
	switch (option) {
	case OPTION_TREE:
		o->tree = optarg;
		return 0;
	case OPTION_DEVICES:
		o->devices = optarg;
		return 0;
	case OPTION_TIME:
		return parse_time("--time", optarg, &o->time, e);
	case OPTION_SIZE:
		o->size_text = optarg;
		return 0;
	case OPTION_LABEL:
		o->label = optarg;
		return 0;
	case 'o':
		o->output = optarg;
		return 0;
	case OPTION_HELP:
		fputs(image_options_help, stdout);
		fputs(devices_help, stdout);
		exit(0);
	default:
		return err_kind(
		    e, ERR_INPUT, "wrong usage; `minsys-image --help` shows the options");
	}
}

static int check_kind(struct image_options *o, int argc, char **argv, struct err *e)
{
	const char *kind = optind < argc ? argv[optind] : "";

	if (optind + 1 < argc)
		return err_kind(e, ERR_INPUT,
		    "`%s` is too much; `minsys-image --help` shows the "
		    "options",
		    argv[optind + 1]);
	o->disk = !strcmp(kind, "disk");
	if (!o->disk && strcmp(kind, "initramfs"))
		return err_kind(e, ERR_INPUT,
		    "the first word says what to make: `initramfs` or `disk`, not `%s`", kind);
	if (!o->disk && (o->size_text || o->label))
		return err_kind(
		    e, ERR_INPUT, "--size and --label belong to a disk; an initramfs has neither");
	return 0;
}

static int complete(struct image_options *o, const char *epoch, struct err *e)
{
	if (!o->tree || !o->devices || !o->output)
		return err_kind(e, ERR_INPUT,
		    "%s is missing; `minsys-image --help` shows the "
		    "options",
		    !o->tree	  ? "--tree"
		    : !o->devices ? "--devices"
				  : "-o");
	o->label = o->label ? o->label : "";
	if (strlen(o->label) > DISK_LABEL_MAX)
		return err_kind(e, ERR_INPUT, "the label `%s` is longer than %d bytes", o->label,
		    DISK_LABEL_MAX);
	o->size_text = o->size_text ? o->size_text : "32M";
	if (image_size_parse(o->size_text, &o->size, e))
		return err_wrap(e, "--size");
	if (o->time)
		return 0;
	o->time = 1;
	return epoch ? parse_time("SOURCE_DATE_EPOCH", epoch, &o->time, e) : 0;
}

int image_options_parse(
    int argc, char **argv, const char *epoch, struct image_options *ret_options, struct err *e)
{
	struct image_options o = {0};
	int option;

	while ((option = getopt_long(argc, argv, "o:", long_options, NULL)) >= 0)
		if (parse_option(&o, option, e))
			return -1;
	if (check_kind(&o, argc, argv, e) || complete(&o, epoch, e))
		return -1;
	*ret_options = o;
	return 0;
}
