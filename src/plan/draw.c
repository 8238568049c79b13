#include "plan/draw.h"

#include "base/memory.h"

#include <string.h>

static void add_needs(const struct stage *stage, struct buf *text)
{
	if (!stage->need_count)
		buf_puts(text, "-");
	for (size_t i = 0; i < stage->need_count; i++)
		buf_printf(text, "%s%s", i ? " " : "", stage->needs[i]->name);
}

static void pad(struct buf *text, size_t used, size_t width)
{
	buf_printf(text, "%*s", (int)(width > used ? width - used : 0) + 2, "");
}

static size_t wider(size_t width, size_t other)
{
	return other > width ? other : width;
}

void plan_list(const struct plan *plan, struct buf *ret_text)
{
	size_t name_width = strlen("STAGE"), needs_width = strlen("NEEDS");

	for (size_t i = 0; i < plan->stage_count; i++) {
		_cleanup_buf_ struct buf needs = {0};

		add_needs(plan->stages[i], &needs);
		name_width = wider(name_width, strlen(plan->stages[i]->name));
		needs_width = wider(needs_width, needs.length);
	}
	buf_puts(ret_text, "STAGE");
	pad(ret_text, strlen("STAGE"), name_width);
	buf_puts(ret_text, "NEEDS");
	pad(ret_text, strlen("NEEDS"), needs_width);
	buf_puts(ret_text, "SUMMARY\n");
	for (size_t i = 0; i < plan->stage_count; i++) {
		const struct stage *stage = plan->stages[i];
		size_t start;

		buf_puts(ret_text, stage->name);
		pad(ret_text, strlen(stage->name), name_width);
		start = ret_text->length;
		add_needs(stage, ret_text);
		pad(ret_text, ret_text->length - start, needs_width);
		buf_printf(ret_text, "%s\n", stage->summary);
	}
}

struct drawing {
	bool *drawn; /* with its needs, in the order of plan->stages */
	struct buf *text;
	struct buf indent;
};

static void draw_needs(struct drawing *d, const struct stage *stage)
{
	size_t length = d->indent.length;

	for (size_t i = 0; i < stage->need_count; i++) {
		const struct stage *need = stage->needs[i];
		bool last = i + 1 == stage->need_count;
		bool *drawn = &d->drawn[need->number];

		buf_printf(d->text, "%s%s%s%s\n", buf_text(&d->indent), last ? "└─ " : "├─ ",
		    need->name, *drawn && need->need_count ? " …" : "");
		if (*drawn)
			continue;
		*drawn = true;
		buf_puts(&d->indent, last ? "   " : "│  ");
		draw_needs(d, need);
		d->indent.length = length;
		d->indent.data[length] = 0;
	}
}

static void mark_needed(const struct plan *plan, bool *needed)
{
	for (size_t i = 0; i < plan->stage_count; i++)
		for (size_t n = 0; n < plan->stages[i]->need_count; n++)
			needed[plan->stages[i]->needs[n]->number] = true;
}

void plan_draw_tree(const struct plan *plan, struct buf *ret_text)
{
	_cleanup_free_ bool *drawn = xcalloc(plan->stage_count, sizeof(*drawn));
	_cleanup_free_ bool *needed = xcalloc(plan->stage_count, sizeof(*needed));
	struct drawing d = {.drawn = drawn, .text = ret_text};

	mark_needed(plan, needed);
	for (size_t i = 0; i < plan->stage_count; i++) {
		if (needed[i])
			continue;
		buf_printf(ret_text, "%s\n", plan->stages[i]->name);
		draw_needs(&d, plan->stages[i]);
	}
	buf_free(&d.indent);
}

void plan_draw_dot(const struct plan *plan, struct buf *ret_text)
{
	buf_puts(ret_text, "digraph minsys {\n\trankdir = LR;\n\tnode [shape = box];\n");
	for (size_t i = 0; i < plan->stage_count; i++) {
		const struct stage *stage = plan->stages[i];

		buf_printf(ret_text, "\t\"%s\";\n", stage->name);
		for (size_t n = 0; n < stage->need_count; n++)
			buf_printf(
			    ret_text, "\t\"%s\" -> \"%s\";\n", stage->needs[n]->name, stage->name);
	}
	buf_puts(ret_text, "}\n");
}
