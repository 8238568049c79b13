#include "build/timeline.h"

#include "base/map.h"
#include "base/memory.h"

/* Only a need that stands before the task counts: so nothing can go round in circles. */
static void read_needs(struct timeline_task *task, const struct map *places, size_t place)
{
	const struct history_task *record = task->record;

	task->needs = xcalloc(record->need_count, sizeof(*task->needs));
	for (size_t i = 0; i < record->need_count; i++) {
		size_t need;

		if (map_get(places, record->needs[i], &need) && need < place)
			task->needs[task->need_count++] = need;
	}
}

static void read_tasks(struct timeline *t, const struct history *history)
{
	char **names = xcalloc(t->task_count, sizeof(*names));
	struct map places = {0};

	for (size_t i = 0; i < t->task_count; i++) {
		const struct history_task *record = &history->tasks[i];

		t->tasks[i].record = record;
		names[i] = xasprintf("%s %s", history_kind_name(record->kind), record->name);
		read_needs(&t->tasks[i], &places, i);
		map_put(&places, names[i], i);
	}
	map_free(&places);
	for (size_t i = 0; i < t->task_count; i++)
		free(names[i]);
	free(names);
}

static int by_begin(const void *a, const void *b)
{
	const struct timeline_task *one = *(const struct timeline_task *const *)a;
	const struct timeline_task *other = *(const struct timeline_task *const *)b;

	if (one->record->begin != other->record->begin)
		return one->record->begin < other->record->begin ? -1 : 1;
	/* Of those that begin at once, one that takes no time fits before the others. */
	if (one->record->end != other->record->end)
		return one->record->end < other->record->end ? -1 : 1;
	return one < other ? -1 : one > other;
}

static size_t find_lane(struct timeline *t, const struct history_task *record)
{
	unsigned number = 1;

	for (size_t i = 0; i < t->lane_count; i++) {
		if (t->lanes[i].kind != record->kind)
			continue;
		if (t->lanes[i].end <= record->begin)
			return i;
		number++;
	}
	t->lanes = xgrow(t->lanes, t->lane_count, sizeof(*t->lanes));
	t->lanes[t->lane_count] = (struct timeline_lane){record->kind, number, 0};
	return t->lane_count++;
}

static void lay_out(struct timeline *t)
{
	struct timeline_task **order = xcalloc(t->task_count, sizeof(*order));
	size_t count = 0;

	for (size_t i = 0; i < t->task_count; i++)
		if (t->tasks[i].record->has_run)
			order[count++] = &t->tasks[i];
	if (count)
		qsort(order, count, sizeof(*order), by_begin);
	for (size_t i = 0; i < count; i++) {
		order[i]->lane = find_lane(t, order[i]->record);
		t->lanes[order[i]->lane].end = order[i]->record->end;
	}
	free(order);
}

static struct timeline_task *later(struct timeline_task *one, struct timeline_task *other)
{
	return !one || (other && other->record->end > one->record->end) ? other : one;
}

/* For each task the one of those it needs that ended last, which was what it had to wait for; and
 * through one that did not run, as its result was there, what that had to wait for. */
static struct timeline_task **find_awaited(struct timeline *t)
{
	struct timeline_task **awaited = xcalloc(t->task_count, sizeof(struct timeline_task *));

	for (size_t i = 0; i < t->task_count; i++)
		for (size_t n = 0; n < t->tasks[i].need_count; n++) {
			size_t place = t->tasks[i].needs[n];
			struct timeline_task *need = &t->tasks[place];

			awaited[i] =
			    later(awaited[i], need->record->has_run ? need : awaited[place]);
		}
	return awaited;
}

static void mark_critical(struct timeline *t)
{
	struct timeline_task **awaited = find_awaited(t);
	struct timeline_task *last = NULL;

	for (size_t i = 0; i < t->task_count; i++) {
		if (t->tasks[i].record->has_run)
			last = later(last, &t->tasks[i]);
		if (awaited[i])
			t->tasks[i].ready = awaited[i]->record->end;
	}
	for (; last; last = awaited[last - t->tasks])
		last->is_critical = true;
	free(awaited);
}

void timeline_make(const struct history *history, struct timeline *ret_timeline)
{
	*ret_timeline = (struct timeline){
	    .tasks = xcalloc(history->task_count, sizeof(*ret_timeline->tasks)),
	    .task_count = history->task_count,
	};
	read_tasks(ret_timeline, history);
	lay_out(ret_timeline);
	mark_critical(ret_timeline);
}

void timeline_free(struct timeline *timeline)
{
	for (size_t i = 0; i < timeline->task_count; i++)
		free(timeline->tasks[i].needs);
	free(timeline->tasks);
	free(timeline->lanes);
	*timeline = (struct timeline){0};
}
