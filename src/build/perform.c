#include "build/perform.h"

#include "base/memory.h"
#include "build/cache.h"

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

static struct step step_of(const struct build *b, const struct action *action,
    struct jobserver_client *client, const struct step_output *output)
{
	const struct stage *stage = action->stage;
	struct limits limits = stage->limits;

	limits.most[LIMIT_TIME] = stage->timeout_seconds;
	return (struct step){
	    .name = stage->name,
	    .script = stage->run,
	    .tools = &action->tools,
	    .files = action->files,
	    .file_count = action->file_count,
	    .env = {&b->options->plan->target.env, &stage->env},
	    .jobserver = client,
	    .jobs = b->options->jobs,
	    .limits = limits,
	    .output = output,
	};
}

/* The action's inputs as the step's; to be taken again. */
static void give_inputs(const struct action *action, struct step *step)
{
	const struct stage *stage = action->stage;
	size_t count = stage->source_count + stage->need_count;
	struct step_input *inputs = xcalloc(count, sizeof(*inputs));

	for (size_t i = 0; i < stage->source_count; i++)
		inputs[i] = (struct step_input){
		    &action->sources[i], xasprintf("src/%s", stage->sources[i]->name)};
	for (size_t i = 0; i < stage->need_count; i++)
		inputs[stage->source_count + i] =
		    (struct step_input){&action->needs[i], xstrdup(stage->needs[i]->provides)};
	step->inputs = inputs;
	step->input_count = count;
}

static void take_inputs(struct step *step)
{
	for (size_t i = 0; i < step->input_count; i++)
		free((char *)step->inputs[i].place);
	free((struct step_input *)step->inputs);
}

static int run(const struct build *b, const struct action *action, struct step *step,
    struct digest *ret_tree, struct step_failure *ret_failure, struct err *e)
{
	int status;

	give_inputs(action, step);
	status = step_run(&b->host, step, &action->key, ret_tree, ret_failure, e);
	take_inputs(step);
	return status;
}

bool perform_has_ccache(const struct build *b, const struct stage *stage)
{
	return b->options->ccache && stage->can_use_ccache;
}

int perform_action(const struct build *b, const struct action *action,
    struct jobserver_client *client, const struct step_output *output, struct digest *ret_tree,
    struct step_failure *ret_failure, struct err *e)
{
	struct step step = step_of(b, action, client, output);
	const struct digest scope = cache_scope(action);

	if (perform_has_ccache(b, action->stage))
		step.cache = &scope;
	return run(b, action, &step, ret_tree, ret_failure, e);
}

int perform_again(const struct build *b, const struct action *action, unsigned jobs,
    struct jobserver_client *client, const struct step_output *output, struct digest *ret_tree,
    struct step_failure *ret_failure, struct err *e)
{
	struct step step = step_of(b, action, client, output);

	step.jobs = jobs;
	step.mark = "check";
	return run(b, action, &step, ret_tree, ret_failure, e);
}

static struct step_input menu_input(const struct build *b, const struct source *source)
{
	return (struct step_input){inputs_tree(&b->inputs, inputs_number(&b->inputs, source)),
	    xasprintf("src/%s", source->name)};
}

/* The menu in the place of the script, with its sources. */
static void become_menu(const struct build *b, const struct menu *menu, struct step *step)
{
	struct step_input *inputs = (struct step_input *)step->inputs;

	inputs = xrealloc(inputs, (step->input_count + menu->source_count) * sizeof(*step->inputs));
	for (size_t i = 0; i < menu->source_count; i++)
		inputs[step->input_count++] = menu_input(b, menu->sources[i]);
	step->inputs = inputs;
	step->script = menu->run;
}

int perform_visit(const struct build *b, const struct action *action, bool of_menu,
    struct step_visit *visit, struct err *e)
{
	/* Nobody else wants processors. */
	struct jobserver_client all = {.style = JOBSERVER_SHARE, .given = b->options->jobs - 1};
	bool is_share = action->stage->jobserver == JOBSERVER_SHARE;
	struct step step = step_of(b, action, is_share ? &all : NULL, NULL);
	int status;

	give_inputs(action, &step);
	if (of_menu)
		become_menu(b, action->stage->menu, &step);
	status = step_visit(&b->host, &step, visit, e);
	take_inputs(&step);
	return status;
}
