/*
 * stages/sources.yaml, and new pins written into it.
 */
#include "project.h"

#include "plan/rewrite.h"

/* Of what cannot be edited it says so; what it hands out it has read back itself. */
static void rewrite(const struct plan *plan, const struct source *source)
{
	struct origin *origins = xcalloc(source->origin_count, sizeof(*origins));
	struct new_pins pins = {"2.7", origins};
	struct buf text = {0};
	struct err e = {0};

	for (size_t i = 0; i < source->origin_count; i++) {
		origins[i] = source->origins[i];
		origins[i].sha256.bytes[0] ^= 1;
		free(location_of_version(origins[i].location, source->version, "2.7"));
	}
	if (sources_rewrite(plan, source, &pins, &text, &e))
		CLAIM(e.kind == ERR_INPUT && is_plain_line(e.text));
	else
		CLAIM(text.length);
	buf_free(&text);
	free(origins);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *plan;

	project_open();
	project_write("stages/sources.yaml", data, size);
	plan = project_load();
	if (!plan)
		return 0;
	for (size_t i = 0; i < plan->source_count; i++)
		if (!plan->sources[i].path)
			rewrite(plan, &plan->sources[i]);
	plan_free(plan);
	return 0;
}
