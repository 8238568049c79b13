#include "build/action.h"

#include "base/file.h"
#include "base/memory.h"

#include <string.h>

#define FILE_LIMIT (64UL << 20) /* bytes of one file beside a stage file */

static int read_input(int folder, const char *name, struct input_file *file, struct err *e)
{
	_cleanup_close_ int fd = file_open_beneath(folder, name, O_RDONLY, e);
	struct stat status;

	if (fd < 0 || file_read_status(fd, name, FILE_LIMIT, &file->content, &status, e))
		return -1;
	file->name = name;
	file->executable = status.st_mode & S_IXUSR;
	file->digest = digest_of(buf_text(&file->content), file->content.length);
	return 0;
}

static int read_inputs(const char *project, const char *folder, const struct names *names,
    struct action *action, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", project, folder);
	_cleanup_close_ int fd = -1;

	if (!names->count)
		return 0;
	fd = folder_open(AT_FDCWD, path, e);
	if (fd < 0)
		return -1;
	for (size_t i = 0; i < names->count; i++)
		if (read_input(fd, names->items[i], &action->files[action->file_count++], e))
			return err_wrap(e, "%s", path);
	return 0;
}

int action_open(
    const struct plan *plan, const struct stage *stage, struct action *ret_action, struct err *e)
{
	_cleanup_free_ char *beside = xasprintf("stages/%s", stage->name);
	_cleanup_free_ char *target = xasprintf("targets/%s", plan->target.name);
	struct action action = {
	    .stage = stage,
	    .sources = xcalloc(stage->source_count, sizeof(*action.sources)),
	    .needs = xcalloc(stage->need_count, sizeof(*action.needs)),
	    .files = xcalloc(stage->files.count + stage->target_files.count, sizeof(*action.files)),
	};

	if (read_inputs(plan->project, beside, &stage->files, &action, e) ||
	    read_inputs(plan->project, target, &stage->target_files, &action, e)) {
		action_free(&action);
		return err_wrap(e, "stage %s", stage->name);
	}
	*ret_action = action;
	return 0;
}

/* A value may hold newlines: its length stands before it. */
static void add_text(struct buf *text, const char *fact, const char *name, const char *value)
{
	buf_printf(text, "%s %s %zu\n%s\n", fact, name, strlen(value), value);
}

static void add_digest(
    struct buf *text, const char *fact, const char *name, const struct digest *digest)
{
	char hex[DIGEST_HEX_SIZE];

	buf_printf(text, "%s %s %s\n", fact, name, digest_format(digest, hex));
}

void action_seal(const struct plan *plan, struct action *action)
{
	const struct stage *stage = action->stage;
	struct buf *text = &action->text;

	buf_printf(text, "minsys action 1\nstage %s\n", stage->name);
	add_digest(text, "tools", "root", &action->tools);
	for (size_t i = 0; i < stage->source_count; i++)
		add_digest(text, "source", stage->sources[i]->name, &action->sources[i]);
	for (size_t i = 0; i < stage->need_count; i++)
		add_digest(text, "need", stage->needs[i]->provides, &action->needs[i]);
	for (size_t i = 0; i < action->file_count; i++)
		add_digest(text, action->files[i].executable ? "program" : "file",
		    action->files[i].name, &action->files[i].digest);
	for (size_t i = 0; i < plan->target.env.count; i++)
		add_text(
		    text, "target", plan->target.env.items[i].key, plan->target.env.items[i].value);
	for (size_t i = 0; i < stage->env.count; i++)
		add_text(text, "env", stage->env.items[i].key, stage->env.items[i].value);
	add_text(text, "run", "sh", stage->run);
	action->key = digest_of(text->data, text->length);
}

void action_free(struct action *action)
{
	for (size_t i = 0; i < action->file_count; i++)
		buf_free(&action->files[i].content);
	free(action->sources);
	free(action->needs);
	free(action->files);
	buf_free(&action->text);
}
