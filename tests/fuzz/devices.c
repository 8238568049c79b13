/*
 * The device table.
 */
#include "fuzz.h"

#include "image/devices.h"

static void write_again(const struct devices *devices, struct buf *text)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct device *d = &devices->list[i];

		buf_printf(text, "/%s %c %o %u %u", d->path, d->type, d->mode, d->uid, d->gid);
		if (d->type == 'c' || d->type == 'b')
			buf_printf(text, " %u %u", d->major, d->minor);
		buf_puts(text, "\n");
	}
}

static void claim_same(const struct device *a, const struct device *b)
{
	CLAIM(!strcmp(a->path, b->path));
	CLAIM(a->type == b->type && a->mode == b->mode && a->uid == b->uid && a->gid == b->gid);
	CLAIM(a->major == b->major && a->minor == b->minor);
}

/* A table without a fault says what its entries do, and no more. */
static void claim_round_trip(const struct devices *devices)
{
	_cleanup_devices_ struct devices again = {0};
	_cleanup_faults_ struct faults faults = {0};
	_cleanup_buf_ struct buf text = {0};

	write_again(devices, &text);
	devices_parse(buf_text(&text), text.length, &again, &faults);
	CLAIM(!faults.count);
	CLAIM(again.count == devices->count);
	for (size_t i = 0; i < again.count; i++)
		claim_same(&devices->list[i], &again.list[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_devices_ struct devices devices = {0};
	_cleanup_faults_ struct faults faults = {0};
	_cleanup_buf_ struct buf shown = {0};

	devices_parse((const char *)data, size, &devices, &faults);
	if (!faults.count)
		claim_round_trip(&devices);
	faults_print(&faults, "table", &shown);
	return 0;
}
