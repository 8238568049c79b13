/*
 * Records of builds, and what is made of them: a timeline, a trace, a report.
 */
#include "fuzz.h"
#include "store_of_run.h"

#include "build/history.h"
#include "build/report.h"
#include "build/trace.h"

#include <jansson.h>

#define NAME "20260101T000000.000Z-00000000"

static void claim_json(const struct buf *text)
{
	json_t *json = json_loadb(buf_text(text), text->length, JSON_DECODE_ANY, NULL);

	CLAIM(json);
	json_decref(json);
}

/* A report compares the build with those in the store, itself among them. */
static void show(const struct history *history, const struct buf *text)
{
	_cleanup_buf_ struct buf trace = {0}, report = {0};
	struct store *store = store_of_run();
	struct err e = {0};

	trace_format(history, &trace);
	claim_json(&trace);
	MUST(store_text_put(store, "builds/" NAME, text->data, text->length, &e), &e);
	MUST(report_format(store, history, &report, &e), &e);
	claim_json(&report);
	CLAIM(!memchr(report.data, '<', report.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf text = buf_of(data, size);
	struct history history;

	if (!history_parse(NAME, &text, &history))
		return 0;
	CLAIM(!strcmp(history.name, NAME));
	show(&history, &text);
	history_free(&history);
	return 0;
}
