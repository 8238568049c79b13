#include "build/perform.h"

#include "base/memory.h"

int perform_open(
    const struct build *b, const struct stage *stage, struct action *ret_action, struct err *e)
{
	const struct plan *plan = b->options->plan;

	if (action_open(plan, stage, ret_action, e))
		return -1;
	ret_action->tools = *inputs_tree(&b->inputs, inputs_tools_root(&b->inputs));
	for (size_t i = 0; i < stage->source_count; i++)
		ret_action->sources[i] =
		    *inputs_tree(&b->inputs, inputs_number(&b->inputs, stage->sources[i]));
	for (size_t i = 0; i < stage->need_count; i++)
		ret_action->needs[i] = build_result(b, stage->needs[i])->tree;
	action_seal(plan, ret_action);
	return 0;
}

int perform_action(const struct build *b, const struct action *action,
    struct jobserver_client *client, const struct step_output *output, struct digest *ret_tree,
    struct step_failure *ret_failure, struct err *e)
{
	const struct stage *stage = action->stage;
	size_t count = stage->source_count + stage->need_count;
	_cleanup_free_ struct step_input *inputs = xcalloc(count, sizeof(*inputs));
	const struct step step = {
	    .name = stage->name,
	    .script = stage->run,
	    .tools = &action->tools,
	    .inputs = inputs,
	    .input_count = count,
	    .files = action->files,
	    .file_count = action->file_count,
	    .env = {&b->options->plan->target.env, &stage->env},
	    .jobserver = client,
	    .jobs = b->options->jobs,
	    .timeout_seconds = stage->timeout_seconds,
	    .output = output,
	};
	int status;

	for (size_t i = 0; i < stage->source_count; i++)
		inputs[i] = (struct step_input){
		    &action->sources[i], xasprintf("src/%s", stage->sources[i]->name)};
	for (size_t i = 0; i < stage->need_count; i++)
		inputs[stage->source_count + i] =
		    (struct step_input){&action->needs[i], xstrdup(stage->needs[i]->provides)};
	status = step_run(&b->host, &step, &action->key, ret_tree, ret_failure, e);
	for (size_t i = 0; i < count; i++)
		free((char *)inputs[i].place);
	return status;
}
