/*
 * minsys-image: make an initramfs or a disk of a tree and a device table. `--help` says how to
 * use it.
 */
#include "image/content.h"
#include "image/disk.h"
#include "image/initramfs.h"
#include "image/options.h"
#include "image/output.h"

#include "base/file.h"

#include <stdio.h>

#define TABLE_LIMIT ((size_t)64 << 20)

static int read_table(
    const char *path, struct devices *ret_devices, struct faults *faults, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (file_read(AT_FDCWD, path, TABLE_LIMIT, &text, e)) {
		e->kind = ERR_INPUT;
		return err_wrap(e, "read the device table");
	}
	devices_parse(buf_text(&text), text.length, ret_devices, faults);
	return 0;
}

static int write_image(const struct image_options *o, const struct content *content, struct err *e)
{
	_cleanup_output_ struct output output = {.fd = -1};
	struct disk_options disk = {o->size, o->size_text, o->label, o->time};

	if (output_begin(o->output, &output, e))
		return -1;
	if (o->disk ? disk_write(content, &disk, output.fd, e)
		    : initramfs_write(content, o->time, output.fd, e))
		return err_wrap(e, "make %s", o->output);
	return output_finish(&output, e);
}

/* What is wrong with the input goes to standard error as one line each. */
static int show_faults(struct faults *faults, const char *table, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	faults_print(faults, table, &text);
	fputs(buf_text(&text), stderr);
	return err_kind(e, ERR_INPUT, "no image was made: %zu %s with its input", faults->count,
	    faults->count == 1 ? "problem" : "problems");
}

static int run(int argc, char **argv, struct err *e)
{
	_cleanup_faults_ struct faults faults = {0};
	_cleanup_devices_ struct devices devices = {0};
	_cleanup_content_ struct content content = {.tree_fd = -1};
	struct image_options o;

	if (image_options_parse(argc, argv, getenv("SOURCE_DATE_EPOCH"), &o, e) ||
	    read_table(o.devices, &devices, &faults, e))
		return -1;
	if (content_gather(o.tree, &devices, &content, &faults, e)) {
		if (faults.count)
			show_faults(&faults, o.devices, &(struct err){0});
		return -1;
	}
	if (faults.count)
		return show_faults(&faults, o.devices, e);
	if (output_is_in_tree(o.output, content.tree_fd))
		return err_kind(e, ERR_INPUT,
		    "%s is to be in the tree %s itself, and so would be part of the next image; "
		    "write it elsewhere",
		    o.output, o.tree);
	return write_image(&o, &content, e);
}

int main(int argc, char **argv)
{
	struct err e = {0};

	if (!run(argc, argv, &e))
		return 0;
	fprintf(stderr, "minsys-image: %s\n", e.text);
	return (int)e.kind;
}
