/*
 * toolchain/root.lock, and behind a line `===` root.yaml, which it must answer.
 */
#include "project.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t rest, lock = first_part(data, size, "===\n", &rest);
	struct problems problems = {0};
	struct plan *plan = NULL;
	struct err e = {0};
	int result;

	project_open();
	project_write("toolchain/root.lock", data, lock);
	if (rest < size)
		project_write("toolchain/root.yaml", data + rest, size - rest);
	else
		project_write(
		    "toolchain/root.yaml", project_files[6][1], strlen(project_files[6][1]));
	result = plan_load_tools(scratch_path, true, &plan, &problems, &e);
	claim_said(result, plan, &problems, &e);
	if (result)
		return 0;
	for (size_t i = 1; i < plan->tools.locked_count; i++)
		CLAIM(strcmp(plan->tools.locked[i - 1].name, plan->tools.locked[i].name) < 0);
	plan_free(plan);
	return 0;
}
