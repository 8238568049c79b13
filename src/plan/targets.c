/*
 * targets/<name>/target.yaml: the facts of each target.
 */
#include "plan/loader.h"

#include "base/memory.h"

#include <string.h>

static const struct field fields[] = {
    {"summary", FIELD_TEXT, offsetof(struct target, summary), true, NULL},
    {"default", FIELD_FLAG, offsetof(struct target, is_default), false, NULL},
    {"env", FIELD_PAIRS, offsetof(struct target, env), true, &form_variable},
};

const char *target_fact(const struct target *target, const char *key)
{
	for (size_t i = 0; i < target->env.count; i++)
		if (!strcmp(target->env.items[i].key, key))
			return target->env.items[i].value;
	return NULL;
}

static void load_target(struct loader *loader, const char *name, struct target *target)
{
	_cleanup_free_ char *path = xasprintf("targets/%s/target.yaml", name);
	struct reader r;
	const char *epoch;

	*target = (struct target){.name = name};
	reader_open(&r, &loader->plan->arena, loader->problems, loader->project, path);
	if (!form_name.holds(name))
		problem_add(loader->problems, reader_place(&r, NULL),
		    "the folder's name `%.100s` is not %s", name, form_name.what);
	reader_fields(&r, r.top, "a target", fields, sizeof(fields) / sizeof(*fields), target);
	target->place = reader_key_place(&r, "default");
	loader_check_env(loader, &target->env);
	epoch = target_fact(target, "SOURCE_DATE_EPOCH");
	if (!epoch && node_value(r.top, "env"))
		problem_add(loader->problems, reader_key_place(&r, "env"),
		    "a target needs SOURCE_DATE_EPOCH, the one time that all files carry");
	else if (epoch && (!*epoch || strlen(epoch) > 10 || epoch[strspn(epoch, "0123456789")]))
		problem_add(loader->problems,
		    reader_place(&r, node_value(node_value(r.top, "env"), "SOURCE_DATE_EPOCH")),
		    "SOURCE_DATE_EPOCH must be seconds since 1970, not `%.100s`", epoch);
	reader_close(&r);
}

/* One target is always the default: the only one, or the one that says so. */
static void settle_default(struct loader *loader)
{
	const struct target *first = NULL;

	if (loader->target_count == 1)
		loader->targets[0].is_default = true;
	for (size_t i = 0; i < loader->target_count; i++) {
		struct target *target = &loader->targets[i];

		if (target->is_default && first)
			problem_add(loader->problems, target->place,
			    "both %s and %s say `default: true`", first->name, target->name);
		else if (target->is_default)
			first = target;
	}
	if (!first)
		problem_add(loader->problems, (struct place){"targets", 1, 1},
		    loader->target_count
			? "no target says `default: true`"
			: "there is no target; each is a folder with a target.yaml");
}

void targets_load(struct loader *loader)
{
	struct names names = loader_folders(loader, "targets");

	loader->targets = arena_alloc(&loader->plan->arena, names.count, sizeof(*loader->targets));
	for (size_t i = 0; i < names.count; i++)
		load_target(loader, names.items[i], &loader->targets[loader->target_count++]);
	settle_default(loader);
}
