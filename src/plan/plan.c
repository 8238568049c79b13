#include "plan/plan.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/words.h"
#include "plan/loader.h"

#include <string.h>

/* --- Folders and files --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names loader_folders(struct loader *loader, const char *folder)
{
	struct arena *arena = &loader->plan->arena;
	struct names names = {0};
	struct err e = {0};
	int fd = folder_open(loader->project, folder, &e);
	_cleanup_closedir_ DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat status;
	int more;

	if (!directory) {
		problem_add(loader->problems, (struct place){folder, 1, 1}, "%s", e.text);
		return names;
	}
	while ((more = folder_next(directory, folder, &entry, &e)) > 0) {
		if (*entry->d_name == '.')
			continue;
		/* Not to be taken for a plan without it. */
		if (fstatat(fd, entry->d_name, &status, 0)) {
			err_errno(&e, "look at %s/%s", folder, entry->d_name);
			problem_add(loader->problems, (struct place){folder, 1, 1}, "%s", e.text);
			continue;
		}
		if (!S_ISDIR(status.st_mode))
			continue;
		names.items = arena_grow(arena, names.items, names.count, sizeof(*names.items));
		names.items[names.count++] = arena_strdup(arena, entry->d_name);
	}
	if (more < 0)
		problem_add(loader->problems, (struct place){folder, 1, 1}, "%s", e.text);
	if (names.count)
		qsort(names.items, names.count, sizeof(*names.items), by_text);
	return names;
}

void loader_check_file(struct loader *loader, const char *folder, const char *name, struct place at)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", folder, name);
	struct stat status;

	if (fstatat(loader->project, path, &status, AT_SYMLINK_NOFOLLOW))
		problem_add(loader->problems, at, "there is no file %s", path);
	else if (!S_ISREG(status.st_mode))
		problem_add(loader->problems, at, "%s is not a regular file", path);
}

/* --- Names looked up --- */

static struct stage_file *find_stage(struct loader *loader, const char *name)
{
	size_t number;

	return map_get(&loader->stage_numbers, name, &number) ? &loader->stages[number] : NULL;
}

static void unknown_name(struct loader *loader, struct place at, const char *kind, const char *name,
    const char *const *known)
{
	const char *nearest = word_nearest(name, known);

	if (nearest)
		problem_add(loader->problems, at, "there is no %s `%s`; did you mean `%s`?", kind,
		    name, nearest);
	else
		problem_add(loader->problems, at, "there is no %s `%s`", kind, name);
}

static void unknown_source(struct loader *loader, struct place at, const char *name)
{
	const struct plan *plan = loader->plan;
	_cleanup_free_ const char **known = xcalloc(plan->source_count + 1, sizeof(*known));

	for (size_t i = 0; i < plan->source_count; i++)
		known[i] = plan->sources[i].name;
	unknown_name(loader, at, "source", name, known);
}

static void unknown_stage(struct loader *loader, struct place at, const char *name)
{
	_cleanup_free_ const char **known = xcalloc(loader->stage_count + 1, sizeof(*known));

	for (size_t i = 0; i < loader->stage_count; i++)
		known[i] = loader->stages[i].stage->name;
	unknown_name(loader, at, "stage", name, known);
}

static const struct source **find_sources(
    struct loader *loader, const struct map *numbers, const struct names *names, size_t *ret_count)
{
	struct plan *plan = loader->plan;
	const struct source **sources = arena_alloc(&plan->arena, names->count, sizeof(*sources));
	size_t number;

	for (size_t i = 0; i < names->count; i++)
		if (map_get(numbers, names->items[i], &number))
			sources[(*ret_count)++] = &plan->sources[number];
		else
			unknown_source(loader, names->places[i], names->items[i]);
	return sources;
}

static void link_sources(struct loader *loader, const struct map *numbers, struct stage_file *file)
{
	struct stage *stage = file->stage;
	struct menu *menu = stage->menu;

	stage->sources = find_sources(loader, numbers, &file->sources, &stage->source_count);
	if (menu)
		menu->sources =
		    find_sources(loader, numbers, &file->menu_sources, &menu->source_count);
}

static void link_need(struct loader *loader, struct stage_file *file, size_t i)
{
	struct stage_file *needed = find_stage(loader, file->needs.items[i]);
	struct place at = file->needs.places[i];

	if (!needed)
		unknown_stage(loader, at, file->needs.items[i]);
	else if (needed->provides_nothing)
		problem_add(
		    loader->problems, at, "the stage %s provides nothing", needed->stage->name);
	else {
		file->needed[file->stage->need_count] = needed;
		file->stage->needs[file->stage->need_count++] = needed->stage;
	}
}

static void link_needs(struct loader *loader, struct stage_file *file)
{
	struct arena *arena = &loader->plan->arena;
	size_t count = file->needs.count;

	file->needed = arena_alloc(arena, count, sizeof(*file->needed));
	file->stage->needs = arena_alloc(arena, count, sizeof(*file->stage->needs));
	for (size_t i = 0; i < count; i++)
		link_need(loader, file, i);
}

static void link_names(struct loader *loader)
{
	struct map sources = {0};

	for (size_t i = 0; i < loader->plan->source_count; i++)
		map_put(&sources, loader->plan->sources[i].name, i);
	for (size_t i = 0; i < loader->stage_count; i++) {
		link_sources(loader, &sources, &loader->stages[i]);
		link_needs(loader, &loader->stages[i]);
	}
	map_free(&sources);
}

/* --- What must be there once only --- */

static void check_provides(struct loader *loader)
{
	struct map first = {0};
	size_t other;

	for (size_t i = 0; i < loader->stage_count; i++) {
		struct stage_file *file = &loader->stages[i];
		const char *provides = file->stage->provides;

		if (!provides)
			continue;
		if (map_get(&first, provides, &other))
			problem_add(loader->problems, file->provides,
			    "the stage %s provides `%s` too", loader->stages[other].stage->name,
			    provides);
		else
			map_put(&first, provides, i);
	}
	map_free(&first);
}

bool paths_meet(const char *a, const char *b)
{
	size_t length = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return !strncmp(a, b, length) && (!a[length] || a[length] == '/') &&
	       (!b[length] || b[length] == '/');
}

/* The exports so far: by their paths, and by the folders above these, the first in each. */
struct exports {
	struct arena *arena; /* for the folders' names */
	struct map paths, folders;
	const char **items; /* the path of each */
	const struct stage **stages;
	size_t count;
};

/* Is there one that the path is, or is in, or that is in the path? */
static bool find_meeting(const struct exports *exports, const char *path, size_t *ret_number)
{
	_cleanup_free_ char *above = xstrdup(path);

	if (map_get(&exports->folders, path, ret_number))
		return true;
	for (char *end = above + strlen(above); end; end = strrchr(above, '/')) {
		*end = 0;
		if (map_get(&exports->paths, above, ret_number))
			return true;
	}
	return false;
}

static void add_export(struct exports *exports, const struct stage *stage, const char *path)
{
	size_t number = exports->count++;

	exports->items = xgrow(exports->items, number, sizeof(*exports->items));
	exports->stages = xgrow(exports->stages, number, sizeof(*exports->stages));
	exports->items[number] = path;
	exports->stages[number] = stage;
	map_put(&exports->paths, path, number);
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *folder = arena_strndup(exports->arena, path, (size_t)(slash - path));

		if (!map_get(&exports->folders, folder, NULL))
			map_put(&exports->folders, folder, number);
	}
}

static void check_export(
    struct loader *loader, struct exports *exports, const struct stage *stage, size_t n)
{
	const char *path = stage->exports.items[n].key;
	struct place at = stage->exports.items[n].place;
	size_t other;

	if (paths_meet(path, "manifest.json"))
		problem_add(loader->problems, at, "manifest.json is written by minsys");
	if (find_meeting(exports, path, &other))
		problem_add(loader->problems, at,
		    "`%s` stands in the way of `%s`, which the stage %s exports", path,
		    exports->items[other], exports->stages[other]->name);
	add_export(exports, stage, path);
}

static void check_exports(struct loader *loader)
{
	struct exports exports = {.arena = &loader->plan->arena};

	for (size_t i = 0; i < loader->stage_count; i++) {
		const struct stage *stage = loader->stages[i].stage;

		for (size_t n = 0; n < stage->exports.count; n++)
			check_export(loader, &exports, stage, n);
	}
	map_free(&exports.paths);
	map_free(&exports.folders);
	free(exports.items);
	free(exports.stages);
}

/* --- The order --- */

/* The stages on the way from `stage` back to itself, which `trail` ends with. */
static void report_cycle(struct loader *loader, struct stage_file *file, size_t need,
    const struct stage *const *trail, size_t length)
{
	_cleanup_buf_ struct buf text = {0};
	const struct stage *again = file->stage->needs[need];
	size_t start = 0, item = 0;

	while (strcmp(file->needs.items[item], again->name))
		item++;
	while (trail[start] != again)
		start++;
	for (size_t i = start; i < length; i++)
		buf_printf(&text, "%s needs ", trail[i]->name);
	problem_add(loader->problems, file->needs.places[item], "a cycle: %s%s", buf_text(&text),
	    again->name);
}

static void order_from(
    struct loader *loader, struct stage_file *file, const struct stage **trail, size_t length)
{
	struct plan *plan = loader->plan;

	file->state = STAGE_OPEN;
	trail[length++] = file->stage;
	for (size_t i = 0; i < file->stage->need_count; i++) {
		struct stage_file *needed = file->needed[i];

		if (needed->state == STAGE_OPEN)
			report_cycle(loader, file, i, trail, length);
		else if (needed->state == STAGE_UNSEEN)
			order_from(loader, needed, trail, length);
	}
	file->state = STAGE_ORDERED;
	file->stage->number = plan->stage_count;
	plan->stages[plan->stage_count++] = file->stage;
}

/* Depth first from each stage in the order of names: the order is the same everywhere. */
static void order_stages(struct loader *loader)
{
	_cleanup_free_ const struct stage **trail = xcalloc(loader->stage_count, sizeof(*trail));

	loader->plan->stages =
	    arena_alloc(&loader->plan->arena, loader->stage_count, sizeof(*loader->plan->stages));
	for (size_t i = 0; i < loader->stage_count; i++)
		if (loader->stages[i].state == STAGE_UNSEEN)
			order_from(loader, &loader->stages[i], trail, 0);
}

/* --- The whole --- */

static int choose_target(struct loader *loader, const char *name, struct err *e)
{
	_cleanup_buf_ struct buf known = {0};

	for (size_t i = 0; i < loader->target_count; i++) {
		const struct target *target = &loader->targets[i];

		if (name ? !strcmp(target->name, name) : target->is_default) {
			loader->plan->target = *target;
			return 0;
		}
		buf_printf(&known, " %s", target->name);
	}
	if (!name)
		return 0; /* a problem that is reported already */
	return err_kind(
	    e, ERR_INPUT, "there is no target `%s`; there are:%s", name, buf_text(&known));
}

static void load_project(struct loader *loader)
{
	sources_load(loader);
	targets_load(loader);
	stages_load(loader);
	tools_load(loader, true);
	link_names(loader);
	check_provides(loader);
	check_exports(loader);
	order_stages(loader);
}

static int open_project(
    const char *project, struct problems *problems, struct loader *ret_loader, struct err *e)
{
	struct plan *plan;
	int fd = folder_open(AT_FDCWD, project, e);

	if (fd < 0) {
		e->kind = ERR_INPUT;
		return -1;
	}
	plan = xcalloc(1, sizeof(*plan));
	plan->project = arena_strdup(&plan->arena, project);
	*ret_loader = (struct loader){.project = fd, .plan = plan, .problems = problems};
	return 0;
}

/* Hand the plan over, unless something is wrong with it. */
static int finish(struct loader *loader, int result, struct plan **ret_plan, struct err *e)
{
	size_t count = loader->problems->count;

	close(loader->project);
	map_free(&loader->stage_numbers);
	if (!result && count)
		result =
		    err_kind(e, ERR_INPUT, "%zu problem%s in the files of %s; nothing was done",
			count, count == 1 ? "" : "s", loader->plan->project);
	problems_sort(loader->problems);
	if (result)
		plan_free(loader->plan);
	else
		*ret_plan = loader->plan;
	return result;
}

int plan_load(const char *project, const char *target, struct plan **ret_plan,
    struct problems *problems, struct err *e)
{
	struct loader loader;

	if (open_project(project, problems, &loader, e))
		return -1;
	load_project(&loader);
	return finish(&loader, choose_target(&loader, target, e), ret_plan, e);
}

int plan_load_tools(const char *project, bool with_lock, struct plan **ret_plan,
    struct problems *problems, struct err *e)
{
	struct loader loader;

	if (open_project(project, problems, &loader, e))
		return -1;
	tools_load(&loader, with_lock);
	return finish(&loader, 0, ret_plan, e);
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	arena_free(&plan->arena);
	free(plan);
}

const struct stage *plan_stage(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->stage_count; i++)
		if (!strcmp(plan->stages[i]->name, name))
			return plan->stages[i];
	return NULL;
}

const struct source *plan_source(const struct plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->source_count; i++)
		if (!strcmp(plan->sources[i].name, name))
			return &plan->sources[i];
	return NULL;
}
