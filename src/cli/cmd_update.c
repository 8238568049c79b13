/*
 * minsys update SOURCE VERSION: look for the other version at each of the source's origins, and
 * write what was found as the new pins.
 */
#include "cli/cli.h"

#include "base/file.h"
#include "base/memory.h"
#include "plan/rewrite.h"

#include <string.h>

static bool is_version(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._+~-");

	return length && !text[length] && length <= 64;
}

/* An update under way: `origins` are the new ones; one without a location was not found. */
struct update {
	const struct source *source;
	const char *version;
	struct origin *origins;
	char **reasons; /* why an origin was not found */
	size_t found;
};

static int look_at_origin(
    struct update *u, size_t i, const struct fetch_options *options, struct err *e)
{
	const struct origin *old = &u->source->origins[i];
	_cleanup_free_ char *name = xasprintf("%s %s", u->source->name, u->version);
	char *location = location_of_version(old->location, u->source->version, u->version);
	struct fetch_origin origin = {.in_pool = old->in_pool, .location = location};
	struct digest digest;

	if (!location)
		return err_kind(e, ERR_INPUT,
		    "the version %s does not stand in %s: edit stages/sources.yaml by hand",
		    u->source->version, old->location);
	if (fetch_unpinned(options, name, &origin, &digest, e)) {
		u->reasons[i] = xstrdup(e->text);
		u->origins[i] = (struct origin){.in_pool = old->in_pool};
		free(location);
		return 0;
	}
	u->origins[i] = (struct origin){old->in_pool, location, digest};
	u->found++;
	return 0;
}

/* An origin out of reach that had the very file of one that answered most probably has the very
 * same again; if not, a download from there will say so and go on to the next. */
static void adopt_twins(struct update *u)
{
	for (size_t i = 0; i < u->source->origin_count; i++)
		for (size_t j = 0; j < u->source->origin_count && u->reasons[i]; j++) {
			const struct origin *old = u->source->origins;

			if (u->reasons[j] || !digest_equal(&old[i].sha256, &old[j].sha256))
				continue;
			u->origins[i].location =
			    location_of_version(old[i].location, u->source->version, u->version);
			u->origins[i].sha256 = u->origins[j].sha256;
			fprintf(stderr, "%s: not reached; pinned as the same file, as before\n",
			    u->origins[i].location);
			free(steal_ptr(&u->reasons[i]));
		}
}

/* Of why a download failed, the line that names the place. */
static const char *place_of(const char *reason, int *ret_length)
{
	const char *line = strchr(reason, '\n');

	line = line ? line + 1 : reason;
	*ret_length = (int)strcspn(line, "\n");
	return line;
}

static void report(const struct update *u)
{
	char hex[DIGEST_HEX_SIZE];
	const char *place;
	int length;

	printf("%s %s -> %s\n", u->source->name, u->source->version, u->version);
	for (size_t i = 0; i < u->source->origin_count; i++) {
		if (u->origins[i].location) {
			printf("  %s\n    sha256 %s\n", u->origins[i].location,
			    digest_format(&u->origins[i].sha256, hex));
			continue;
		}
		place = place_of(u->reasons[i], &length);
		printf("  removed, since it was not found:\n  %.*s\n", length, place);
	}
}

static int write_pins(const struct plan *plan, const struct update *u, struct err *e)
{
	const struct new_pins pins = {u->version, u->origins};
	_cleanup_free_ char *path = xasprintf("%s/stages/sources.yaml", plan->project);
	_cleanup_buf_ struct buf text = {0};

	if (sources_rewrite(plan, u->source, &pins, &text, e))
		return -1;
	return file_replace(AT_FDCWD, path, text.data, text.length, 0644, e);
}

static int found_nowhere(const struct update *u, struct err *e)
{
	_cleanup_buf_ struct buf places = {0};

	for (size_t i = 0; i < u->source->origin_count; i++) {
		int length;
		const char *place = place_of(u->reasons[i], &length);

		buf_printf(&places, "\n%.*s", length, place);
	}
	return err_kind(e, ERR_ENVIRONMENT, "%s %s is nowhere; stages/sources.yaml is as it was:%s",
	    u->source->name, u->version, buf_text(&places));
}

static int update(
    struct update *u, const struct plan *plan, const struct fetch_options *options, struct err *e)
{
	for (size_t i = 0; i < u->source->origin_count; i++)
		if (look_at_origin(u, i, options, e))
			return -1;
	if (!u->found)
		return found_nowhere(u, e);
	adopt_twins(u);
	if (write_pins(plan, u, e))
		return -1;
	report(u);
	return 0;
}

static void update_free(struct update *u)
{
	for (size_t i = 0; i < u->source->origin_count; i++) {
		free((char *)u->origins[i].location);
		free(u->reasons[i]);
	}
	free(u->origins);
	free(u->reasons);
}

static int update_source(
    struct cli *cli, const struct plan *plan, const struct source *source, struct store *store)
{
	const struct fetch_options options = cli_fetch_options(cli, plan, store);
	struct update u = {
	    .source = source,
	    .version = cli->words[1],
	    .origins = xcalloc(source->origin_count, sizeof(struct origin)),
	    .reasons = xcalloc(source->origin_count, sizeof(char *)),
	};
	struct err e = {0};
	int status = update(&u, plan, &options, &e) ? cli_fail(&e) : 0;

	update_free(&u);
	return status;
}

static int run_with_plan(struct cli *cli, const struct plan *plan)
{
	const struct source *source = plan_source(plan, cli->words[0]);
	struct store *store = NULL;
	struct err e = {0};
	int status;

	if (!source)
		return cli_usage("there is no source `%s` in stages/sources.yaml", cli->words[0]);
	if (source->path)
		return cli_usage("%s is a folder of this project, not a download", source->name);
	if (!strcmp(source->version, cli->words[1])) {
		printf("%s is at %s already\n", source->name, source->version);
		return 0;
	}
	if (store_open(NULL, &store, &e))
		return cli_fail(&e);
	status = update_source(cli, plan, source, store);
	store_close(store);
	return status;
}

static int run_update(struct cli *cli)
{
	struct plan *plan = NULL;
	int status;

	if (cli->word_count != 2)
		return cli_usage("`update` takes a source and its new version");
	if (!is_version(cli->words[1]))
		return cli_usage("`%s` is not a version", cli->words[1]);
	if (cli->offline)
		return cli_usage("`update` has to download; it cannot be done --offline");
	status = cli_plan(cli, &plan);
	if (status)
		return status;
	status = run_with_plan(cli, plan);
	plan_free(plan);
	return status;
}

const struct command cmd_update = {
    .name = "update",
    .words = "SOURCE VERSION",
    .summary = "pin another version of a source, after downloading it",
    .run = run_update,
};
