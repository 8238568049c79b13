/*
 * stages/<name>/stage.yaml, in a project with other stages, and the action made of it.
 */
#include "project.h"

#include "build/action.h"
#include "build/compare.h"
#include "plan/draw.h"

/* Each stands behind what it needs. */
static void claim_order(const struct plan *plan)
{
	for (size_t i = 0; i < plan->stage_count; i++) {
		const struct stage *stage = plan->stages[i];

		CLAIM(stage->number == i);
		for (size_t n = 0; n < stage->need_count; n++)
			CLAIM(stage->needs[n]->number < i);
	}
}

/* The text of an action can be read again: a value cannot be taken for a line. */
static void claim_action(const struct plan *plan, const struct stage *stage)
{
	struct action action = {0};
	struct facts facts = {0};
	struct err e = {0};

	if (action_open(plan, stage, &action, &e)) /* of what it names, a link say */
		return;
	action_seal(plan, &action);
	MUST(facts_parse(action.text.data, action.text.length, &facts, &e), &e);
	CLAIM(facts.count == 4 + stage->source_count + stage->need_count + action.file_count +
				 plan->target.env.count + stage->env.count);
	facts_free(&facts);
	action_free(&action);
}

static void draw(const struct plan *plan)
{
	_cleanup_buf_ struct buf text = {0};

	plan_list(plan, &text);
	plan_draw_tree(plan, &text);
	plan_draw_dot(plan, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *plan;

	project_open();
	project_write("stages/first/stage.yaml", data, size);
	plan = project_load();
	if (!plan)
		return 0;
	claim_order(plan);
	for (size_t i = 0; i < plan->stage_count; i++)
		claim_action(plan, plan->stages[i]);
	draw(plan);
	plan_free(plan);
	return 0;
}
