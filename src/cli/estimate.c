#include "cli/estimate.h"

#include "base/memory.h"

#include <stdlib.h>

static bool is_to_do(const struct task *task)
{
	return task->state == TASK_WAITING || task->state == TASK_RUNNING;
}

static uint64_t task_left(const struct task *task, uint64_t now)
{
	uint64_t passed = task->state == TASK_RUNNING && now > task->begin ? now - task->begin : 0;

	return is_to_do(task) && task->expected > passed ? task->expected - passed : 0;
}

/* When the last of those it needs will have ended. */
static uint64_t needs_left(const struct task *tasks, const uint64_t *ends, const struct task *task)
{
	uint64_t latest = 0;

	for (size_t i = 0; i < task->need_count; i++) {
		uint64_t end = ends[task->needs[i] - tasks];

		latest = end > latest ? end : latest;
	}
	return latest;
}

uint64_t estimate_left(const struct task *tasks, size_t count, unsigned jobs, uint64_t now)
{
	_cleanup_free_ uint64_t *ends = xcalloc(count, sizeof(*ends));
	uint64_t longest = 0, sum = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t left = task_left(&tasks[i], now);

		if (is_to_do(&tasks[i]) && !tasks[i].expected)
			return 0;
		ends[i] = left + needs_left(tasks, ends, &tasks[i]);
		longest = ends[i] > longest ? ends[i] : longest;
		sum += left;
	}
	return longest > sum / jobs ? longest : sum / jobs;
}
