/*
 * stages/sources.yaml: every source with its origins.
 */
#include "plan/loader.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/words.h"

#include <string.h>

struct source_fields {
	struct source source;
	struct node *origins;
};

struct origin_fields {
	const char *url;
	const char *pool;
	struct digest sha256;
};

static const struct field source_fields[] = {
    {"version", FIELD_TEXT, offsetof(struct source_fields, source.version), true, NULL},
    {"license", FIELD_TEXT, offsetof(struct source_fields, source.license), true, NULL},
    {"origins", FIELD_NODE, offsetof(struct source_fields, origins), false, NULL},
    {"exclude", FIELD_NAMES, offsetof(struct source_fields, source.exclude), false, &form_path},
    {"path", FIELD_TEXT, offsetof(struct source_fields, source.path), false, &form_path},
    {"include", FIELD_NAMES, offsetof(struct source_fields, source.include), false, &form_path},
};

/* One word, as URLs are: in requests and messages it must stay in one piece. */
static bool is_url(const char *text)
{
	size_t scheme = !strncmp(text, "https://", 8) ? 8 : !strncmp(text, "http://", 7) ? 7 : 0;

	for (const char *c = text; *c; c++)
		if (*c <= ' ' || *c > '~')
			return false;
	return scheme && text[scheme] && text[scheme] != '/';
}

static const struct form form_url = {is_url, "a URL that begins with https:// or http://"};

static const struct field origin_fields[] = {
    {"url", FIELD_TEXT, offsetof(struct origin_fields, url), false, &form_url},
    {"pool", FIELD_TEXT, offsetof(struct origin_fields, pool), false, &form_pool},
    {"sha256", FIELD_DIGEST, offsetof(struct origin_fields, sha256), true, NULL},
};

static void read_origins(struct reader *r, struct node *list, struct source *source)
{
	size_t count;
	struct node *item = reader_items(r, list, "`origins`", &count);

	source->origins = arena_alloc(r->arena, count, sizeof(*source->origins));
	for (; item; item = item->next) {
		struct origin_fields read = {0};
		bool url = node_value(item, "url");
		bool pool = node_value(item, "pool");

		reader_fields(r, item, "an origin", origin_fields,
		    sizeof(origin_fields) / sizeof(*origin_fields), &read);
		if (item->type == NODE_MAPPING && url == pool)
			problem_add(r->problems, reader_place(r, item),
			    "an origin has either `url` or `pool`");
		source->origins[source->origin_count++] =
		    (struct origin){pool, pool ? read.pool : read.url, read.sha256};
	}
}

/* What of a local source's folder is taken: names in it that are there. */
static void check_include(
    struct loader *loader, struct reader *r, const struct source *source, bool is_there)
{
	for (size_t i = 0; i < source->include.count; i++) {
		const char *name = source->include.items[i];
		_cleanup_free_ char *path = xasprintf("%s/%s", source->path, name);
		struct stat status;

		if (strchr(name, '/'))
			problem_add(r->problems, source->include.places[i],
			    "`%s` is not a name directly in the folder", name);
		else if (is_there && fstatat(loader->project, path, &status, AT_SYMLINK_NOFOLLOW))
			problem_add(r->problems, source->include.places[i], "there is no %s", path);
	}
}

static void check_local(
    struct loader *loader, struct reader *r, const struct source *source, struct node *node)
{
	struct stat status;

	bool is_there = !fstatat(loader->project, source->path, &status, AT_SYMLINK_NOFOLLOW) &&
			S_ISDIR(status.st_mode);

	if (!is_there)
		problem_add(r->problems, reader_place(r, node_value(node, "path")),
		    "there is no folder %s in the project", source->path);
	check_include(loader, r, source, is_there);
}

static void read_source(
    struct loader *loader, struct reader *r, const struct entry *entry, struct source *source)
{
	struct source_fields read = {.source = {.name = arena_strdup(r->arena, entry->key)}};

	if (!form_name.holds(entry->key))
		problem_add(
		    r->problems, entry->place, "`%.100s` is not %s", entry->key, form_name.what);
	reader_fields(r, entry->value, "a source", source_fields,
	    sizeof(source_fields) / sizeof(*source_fields), &read);
	read_origins(r, read.origins, &read.source);
	*source = read.source;
	if (entry->value->type != NODE_MAPPING)
		return;
	if (!read.origins == !node_value(entry->value, "path"))
		problem_add(r->problems, entry->place,
		    "a source has either `origins` to download it from, or the `path` of a folder "
		    "of this project");
	else if (read.origins && read.origins->type == NODE_LIST && !source->origin_count)
		problem_add(r->problems, reader_place(r, read.origins), "a source needs an origin");
	if (source->path)
		check_local(loader, r, source, entry->value);
	if (source->include.count && read.origins)
		problem_add(r->problems, entry->place,
		    "only a folder of this project has an "
		    "`include`; an archive has an `exclude`");
	if (source->exclude.count && source->path)
		problem_add(r->problems, entry->place,
		    "only an archive has an `exclude`; a folder has an `include`");
}

void sources_load(struct loader *loader)
{
	struct plan *plan = loader->plan;
	struct reader reader;
	struct entry *entries;
	size_t count;

	reader_open(
	    &reader, &plan->arena, loader->problems, loader->project, "stages/sources.yaml");
	entries = reader_entries(&reader, reader.top, "the list of sources", &count);
	plan->sources = arena_alloc(&plan->arena, count, sizeof(*plan->sources));
	for (size_t i = 0; i < count; i++)
		read_source(loader, &reader, &entries[i], &plan->sources[plan->source_count++]);
	reader_close(&reader);
}
