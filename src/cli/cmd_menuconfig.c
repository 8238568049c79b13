/*
 * minsys menuconfig STAGE: the menu that the stage's source has, in the stage's sandbox, and the
 * file of the project that it edits.
 */
#include "base/file.h"
#include "base/memory.h"
#include "cli/relay.h"
#include "cli/session.h"

#include <stdio.h>
#include <string.h>

/* A file of the project that was read for the stage's action. */
struct edited {
	char *folder; /* below the project */
	const struct input_file *input;
};

static bool is_among(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (!strcmp(names->items[i], name))
			return true;
	return false;
}

static void find_edited(const struct session *s, struct edited *ret_edited)
{
	const char *name = s->stage->menu->file;

	for (size_t i = 0; i < s->action.file_count; i++)
		if (!strcmp(s->action.files[i].name, name))
			ret_edited->input = &s->action.files[i];
	ret_edited->folder = is_among(&s->stage->files, name)
				 ? xasprintf("stages/%s", s->stage->name)
				 : xasprintf("targets/%s", s->plan->target.name);
}

/* --- What changed --- */

static bool has_line(const struct buf *text, const char *line, size_t length)
{
	for (const char *next = buf_text(text); *next;) {
		size_t here = strcspn(next, "\n");

		if (here == length && !memcmp(next, line, length))
			return true;
		next += here + (next[here] == '\n');
	}
	return false;
}

/* The lines of one text that the other one has not. */
static void show_lines(char sign, const struct buf *of, const struct buf *without)
{
	for (const char *next = buf_text(of); *next;) {
		size_t length = strcspn(next, "\n");

		if (length && !has_line(without, next, length)) {
			_cleanup_free_ char *line = xasprintf("%c %.*s\n", sign, (int)length, next);

			cli_show(line, strlen(line));
		}
		next += length + (next[length] == '\n');
	}
}

/* --- Writing it back --- */

static bool is_same(const struct buf *a, const struct buf *b)
{
	return a->length == b->length && !memcmp(buf_text(a), buf_text(b), a->length);
}

/* An editor may have it open as well. */
static int write_back(const struct session *s, const struct edited *edited, struct err *e)
{
	const struct buf *after = &s->visit.ret_result;
	mode_t mode = edited->input->executable ? 0755 : 0644;
	_cleanup_free_ char *path =
	    xasprintf("%s/%s/%s", s->plan->project, edited->folder, edited->input->name);
	_cleanup_free_ char *beside = xasprintf("%s.new", path);
	_cleanup_buf_ struct buf now = {0};

	if (strlen(buf_text(after)) != after->length)
		return err_set(e, "the menu left a file that is no text");
	if (file_read(AT_FDCWD, path, SIZE_MAX / 2, &now, e))
		return -1;
	if (is_same(&now, &edited->input->content))
		return file_replace(AT_FDCWD, path, buf_text(after), after->length, mode, e);
	if (file_replace(AT_FDCWD, beside, buf_text(after), after->length, mode, e))
		return -1;
	return err_set(e,
	    "%s was changed while the menu was open, and is left as it is; what the menu would "
	    "have made of it is in %s",
	    path, beside);
}

static int finish(const struct session *s, const struct edited *edited)
{
	const struct buf *before = &edited->input->content, *after = &s->visit.ret_result;
	struct err e = {0};

	if (is_same(before, after)) {
		cli_notice(s->cli, "nothing was changed");
		return 0;
	}
	if (write_back(s, edited, &e))
		return cli_fail(&e);
	if (s->cli->quiet)
		return 0;
	fprintf(stderr, "%s/%s:\n", edited->folder, edited->input->name);
	show_lines('-', before, after);
	show_lines('+', after, before);
	return 0;
}

static int open_menu(struct session *s)
{
	_cleanup_free_ char *script = xasprintf("/minsys/tmp/%s/run", s->stage->name);
	const char *const command[] = {"/bin/sh", "-eu", script};
	struct edited edited = {0};
	int status;

	s->has_terminal = true;
	s->visit.result = s->stage->menu->file;
	status = session_run(s, command, 3);
	if (status)
		return status;
	find_edited(s, &edited);
	status = finish(s, &edited);
	free(edited.folder);
	return status;
}

static int run_menuconfig(struct cli *cli)
{
	struct session session;
	int status;

	if (cli->word_count != 1)
		return cli_usage("`menuconfig` takes one stage");
	if (!relay_has_person())
		return cli_usage("`menuconfig` needs a terminal as standard input and output");
	status = session_open(&session, cli, cli->words[0], true);
	if (!status)
		status = open_menu(&session);
	session_close(&session);
	return status;
}

const struct command cmd_menuconfig = {
    .name = "menuconfig",
    .words = "STAGE",
    .summary = "open the menu of a stage's configuration, and write down what is chosen there",
    .run = run_menuconfig,
};
