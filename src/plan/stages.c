/*
 * stages/<name>/stage.yaml: what each says by itself.
 */
#include "plan/loader.h"

#include "base/memory.h"
#include "base/words.h"

#include <string.h>

#define SCRIPT_LIMIT (131072 - 1) /* bytes: Linux's MAX_ARG_STRLEN without its NUL */

/* What minsys gives every step: build/step.c. */
static const char *const reserved_variables[] = {
    "PATH",
    "LC_ALL",
    "TZ",
    "OUT",
    "HOME",
    "TMPDIR",
    "MAKEFLAGS",
    "JOBS",
};

/* Folders below /minsys in every step. */
static const char *const reserved_places[] = {
    "src", "build", "out", "tmp", "stage", "ccache", "cpp"};

struct stage_fields {
	struct stage stage;
	struct names sources, needs;
	const char *jobserver;
	struct node *menu, *limits;
	unsigned cpu_seconds;
};

struct menu_fields {
	struct menu menu;
	struct names sources;
};

static const struct field menu_fields[] = {
    {"file", FIELD_TEXT, offsetof(struct menu_fields, menu.file), true, &form_path},
    {"run", FIELD_TEXT, offsetof(struct menu_fields, menu.run), true, NULL},
    {"sources", FIELD_NAMES, offsetof(struct menu_fields, sources), false, &form_name},
};

#define FIELD(name, type, required, form)                                                          \
	{                                                                                          \
#name, type, offsetof(struct stage_fields, stage.name), required, form             \
	}

static const struct field fields[] = {
    FIELD(summary, FIELD_TEXT, true, NULL),
    {"sources", FIELD_NAMES, offsetof(struct stage_fields, sources), false, &form_name},
    {"needs", FIELD_NAMES, offsetof(struct stage_fields, needs), false, &form_name},
    FIELD(files, FIELD_NAMES, false, &form_path),
    FIELD(target_files, FIELD_NAMES, false, &form_path),
    FIELD(env, FIELD_PAIRS, false, &form_variable),
    FIELD(run, FIELD_TEXT, true, NULL),
    {"jobserver", FIELD_TEXT, offsetof(struct stage_fields, jobserver), false, NULL},
    FIELD(provides, FIELD_TEXT, false, &form_name),
    FIELD(exports, FIELD_PAIRS, false, &form_path),
    {"timeout", FIELD_SECONDS, offsetof(struct stage_fields, stage.timeout_seconds), false, NULL},
    {"menuconfig", FIELD_NODE, offsetof(struct stage_fields, menu), false, NULL},
    {"limits", FIELD_NODE, offsetof(struct stage_fields, limits), false, NULL},
    {"ccache", FIELD_FLAG, offsetof(struct stage_fields, stage.can_use_ccache), false, NULL},
};

#define LIMIT(key, type, which)                                                                    \
	{                                                                                          \
		key, type, offsetof(struct stage_fields, stage.limits.most[which]), false, NULL    \
	}

static const struct field limit_fields[] = {
    {"cpu", FIELD_SECONDS, offsetof(struct stage_fields, cpu_seconds), false, NULL},
    LIMIT("memory", FIELD_BYTES, LIMIT_MEMORY),
    LIMIT("processes", FIELD_COUNT, LIMIT_PROCESSES),
    LIMIT("files", FIELD_COUNT, LIMIT_FILES),
    LIMIT("output", FIELD_BYTES, LIMIT_OUTPUT),
    LIMIT("entries", FIELD_COUNT, LIMIT_ENTRIES),
    LIMIT("log", FIELD_BYTES, LIMIT_LOG),
};

static bool is_reserved(const char *variable)
{
	for (size_t i = 0; i < sizeof(reserved_variables) / sizeof(char *); i++)
		if (!strcmp(variable, reserved_variables[i]))
			return true;
	return false;
}

void loader_check_env(struct loader *loader, const struct pairs *env)
{
	for (size_t i = 0; i < env->count; i++)
		if (is_reserved(env->items[i].key))
			problem_add(loader->problems, env->items[i].place, "%s is set by minsys",
			    env->items[i].key);
}

/* A variable has one value, whoever gives it. */
static void check_facts(struct loader *loader, const struct pairs *env)
{
	for (size_t i = 0; i < env->count; i++)
		for (size_t t = 0; t < loader->target_count; t++)
			if (!is_reserved(env->items[i].key) &&
			    target_fact(&loader->targets[t], env->items[i].key))
				problem_add(loader->problems, env->items[i].place,
				    "%s is a fact of the target %s already", env->items[i].key,
				    loader->targets[t].name);
}

static void check_exports(struct reader *r, const struct stage *stage)
{
	const struct pairs *exports = &stage->exports;

	for (size_t i = 0; i < exports->count; i++) {
		const struct pair *pair = &exports->items[i];

		if (strcmp(pair->value, ".") && !path_is_plain(pair->value))
			problem_add(r->problems, pair->place,
			    "`%.100s` is neither a path in the output nor `.`, all of it",
			    pair->value);
	}
}

static void check_provides(struct reader *r, const struct stage *stage)
{
	const char *provides = stage->provides;

	for (size_t i = 0; provides && i < sizeof(reserved_places) / sizeof(char *); i++)
		if (!strcmp(provides, reserved_places[i]))
			problem_add(r->problems, reader_key_place(r, "provides"),
			    "/minsys/%s is another folder in every step", provides);
}

static void check_files(struct loader *loader, const char *folder, const struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		loader_check_file(loader, folder, names->items[i], names->places[i]);
}

/* Both kinds of files stand in one folder of the step. */
static void check_doubles(struct reader *r, const struct stage *stage)
{
	for (size_t i = 0; i < stage->target_files.count; i++)
		for (size_t j = 0; j < stage->files.count; j++)
			if (!strcmp(stage->target_files.items[i], stage->files.items[j]))
				problem_add(r->problems, stage->target_files.places[i],
				    "`%s` is in `files` too", stage->files.items[j]);
			else if (paths_meet(stage->target_files.items[i], stage->files.items[j]))
				problem_add(r->problems, stage->target_files.places[i],
				    "`%s` stands in the way of `%s`, which is in `files`",
				    stage->target_files.items[i], stage->files.items[j]);
}

/* The shell gets it as one argument. */
static void check_run(struct reader *r, const struct stage *stage)
{
	const char *run = stage->run;

	if (run && strlen(run) > SCRIPT_LIMIT)
		problem_add(r->problems, reader_key_place(r, "run"),
		    "`run` has %zu bytes, and %d are the most that Linux takes: put what it does "
		    "into a file, name that in `files`, and run it",
		    strlen(run), SCRIPT_LIMIT);
}

static void read_jobserver(struct reader *r, const char *name, struct stage *stage)
{
	static const char *const styles[] = {"pipe", "fifo", "share"};

	for (size_t i = 0; name && i < sizeof(styles) / sizeof(*styles); i++)
		if (!strcmp(name, styles[i])) {
			stage->jobserver = (enum stage_jobserver)i;
			return;
		}
	if (name)
		problem_add(r->problems, reader_key_place(r, "jobserver"),
		    "`%.100s` is none of pipe, fifo and share", name);
}

static bool is_among(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], name))
			return true;
	return false;
}

static void check_menu(struct reader *r, struct node *node, const struct stage_file *file)
{
	const struct stage *stage = file->stage;
	const struct names *sources = &file->menu_sources;
	const char *edited = stage->menu->file;

	if (edited && !is_among(&stage->files, edited) && !is_among(&stage->target_files, edited))
		problem_add(r->problems, reader_place(r, node_value(node, "file")),
		    "`%.100s` is neither in `files` nor in `target_files`", edited);
	for (size_t i = 0; i < sources->count; i++)
		if (is_among(&file->sources, sources->items[i]))
			problem_add(r->problems, sources->places[i],
			    "`%s` is in the stage's `sources` too", sources->items[i]);
}

static void read_menu(struct reader *r, struct node *node, struct stage_file *file)
{
	struct menu_fields read = {0};

	if (!node)
		return;
	reader_fields(r, node, "`menuconfig`", menu_fields,
	    sizeof(menu_fields) / sizeof(*menu_fields), &read);
	file->stage->menu = arena_alloc(r->arena, 1, sizeof(*file->stage->menu));
	*file->stage->menu = read.menu;
	file->menu_sources = read.sources;
	check_menu(r, node, file);
}

static void read_limits(struct reader *r, struct stage_fields *read)
{
	reader_fields(r, read->limits, "`limits`", limit_fields,
	    sizeof(limit_fields) / sizeof(*limit_fields), read);
	read->stage.limits.most[LIMIT_CPU] = read->cpu_seconds;
}

static void check_stage(struct loader *loader, struct reader *r, const struct stage *stage)
{
	_cleanup_free_ char *folder = xasprintf("stages/%s", stage->name);

	loader_check_env(loader, &stage->env);
	check_facts(loader, &stage->env);
	check_exports(r, stage);
	check_provides(r, stage);
	check_doubles(r, stage);
	check_run(r, stage);
	check_files(loader, folder, &stage->files);
	for (size_t i = 0; i < loader->target_count && stage->target_files.count; i++) {
		_cleanup_free_ char *target = xasprintf("targets/%s", loader->targets[i].name);

		check_files(loader, target, &stage->target_files);
	}
}

static void load_stage(struct loader *loader, const char *name, struct stage_file *file)
{
	struct arena *arena = &loader->plan->arena;
	_cleanup_free_ char *path = xasprintf("stages/%s/stage.yaml", name);
	struct stage_fields read = {.stage = {.name = name}};
	struct reader r;

	reader_open(&r, arena, loader->problems, loader->project, path);
	if (!form_name.holds(name))
		problem_add(loader->problems, reader_place(&r, NULL),
		    "the folder's name `%.100s` is not %s", name, form_name.what);
	reader_fields(&r, r.top, "a stage", fields, sizeof(fields) / sizeof(*fields), &read);
	read_jobserver(&r, read.jobserver, &read.stage);
	if (read.limits)
		read_limits(&r, &read);
	check_stage(loader, &r, &read.stage);
	file->stage = arena_alloc(arena, 1, sizeof(*file->stage));
	*file->stage = read.stage;
	file->sources = read.sources;
	file->needs = read.needs;
	read_menu(&r, read.menu, file);
	file->provides = reader_key_place(&r, "provides");
	file->provides_nothing = r.top && !node_value(r.top, "provides");
	reader_close(&r);
}

void stages_load(struct loader *loader)
{
	struct names names = loader_folders(loader, "stages");

	loader->stages = arena_alloc(&loader->plan->arena, names.count, sizeof(*loader->stages));
	for (size_t i = 0; i < names.count; i++) {
		map_put(&loader->stage_numbers, names.items[i], i);
		load_stage(loader, names.items[i], &loader->stages[loader->stage_count++]);
	}
	if (!names.count)
		problem_add(loader->problems, (struct place){"stages", 1, 1},
		    "there is no stage; each is a folder with a stage.yaml");
}
