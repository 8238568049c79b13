#include "build/memo.h"

#include "base/file.h"
#include "base/memory.h"
#include "build/state.h"

#include <string.h>

#define FORMAT "minsys memo 1"

/*
 * The text: FORMAT, the folder of the result, and the digest of all states; then a line for each
 * thing, with a letter before its name:
 *
 *   p stages/rootfs/init      of the project
 *   o rootfs/bin/busybox      of the result
 *   r <key>                   a result in the store
 *   u <key>                   what is known there of something unpacked
 *   t <tree>                  a tree there, of a result or of a folder of the project
 */

void memo_begin(const char *project, const char *target, const char *out, const char *const *stages,
    struct memo *ret_memo)
{
	_cleanup_free_ char *here = getcwd(NULL, 0); /* `out` may be relative */
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	struct digest key;

	ret_memo->began = state_now();
	buf_printf(&text, "%s\n%s\n%s\n%s\n", project, target ? target : "", out ? out : "",
	    here ? here : "");
	for (; stages && *stages; stages++)
		buf_printf(&text, "%s\n", *stages);
	key = digest_of(text.data, text.length);
	snprintf(ret_memo->path, sizeof(ret_memo->path), "memos/%s", digest_format(&key, hex));
}

bool memo_exists(const struct memo *memo, const char *path)
{
	_cleanup_free_ char *file = xasprintf("%s/%s", path, memo->path);

	return !access(file, F_OK);
}

/* --- States --- */

/* The times of a record may be those of its use. */
static void add_record(struct digest_stream *states, const struct stat *status)
{
	const uint64_t state[] = {status->st_ino, (uint64_t)status->st_size};

	digest_add(states, state, sizeof(state));
}

/* Another minsys may judge otherwise. */
static bool begin_states(struct digest_stream *states)
{
	struct stat status;

	digest_begin(states);
	if (stat("/proc/self/exe", &status))
		return false;
	state_add(states, &status);
	return true;
}

/* --- Does it hold? --- */

struct check {
	struct store *store;
	int project, out;
	struct digest_stream states;
};

static bool add_state_of(struct check *check, int folder, const char *path)
{
	struct stat status;

	if (fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW))
		return false;
	state_add(&check->states, &status);
	return true;
}

static bool has_record(struct check *check, const char *kind, const char *hex)
{
	struct stat status;
	struct digest key;
	struct err ignored;

	if (digest_parse(hex, &key, &ignored) ||
	    !store_use_status(check->store, kind, &key, &status))
		return false;
	add_record(&check->states, &status);
	return true;
}

static bool has_tree(struct check *check, const char *hex)
{
	struct digest tree;
	struct err ignored;

	return !digest_parse(hex, &tree, &ignored) && store_has_tree(check->store, &tree);
}

/* One line, without its newline. */
static bool check_line(struct check *check, const char *line)
{
	if (!line[0] || line[1] != ' ')
		return false;
	switch (line[0]) {
	case 'p':
		return add_state_of(check, check->project, line + 2);
	case 'o':
		return add_state_of(check, check->out, line + 2);
	case 'r':
		return has_record(check, "results", line + 2);
	case 'u':
		return has_record(check, "unpacked", line + 2);
	case 't':
		return has_tree(check, line + 2);
	default:
		return false;
	}
}

static bool check_lines(struct check *check, char *text, const struct digest *states)
{
	struct digest now;

	if (!begin_states(&check->states))
		return false;
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = 0;
		if (!check_line(check, line))
			return false;
	}
	now = digest_end(&check->states);
	return digest_equal(&now, states);
}

/* Take the first line of what is left of a text; NULL when there is none. */
static char *take_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = 0;
	*text = end + 1;
	return line;
}

static bool check_text(struct check *check, char *text, char **ret_out)
{
	const char *format = take_line(&text), *out = format ? take_line(&text) : NULL;
	const char *hex = out ? take_line(&text) : NULL;
	_cleanup_close_ int fd = -1;
	struct digest states;
	struct err ignored;

	if (!hex || strcmp(format, FORMAT) || digest_parse(hex, &states, &ignored))
		return false;
	if (*out && (fd = folder_open(AT_FDCWD, out, &ignored)) < 0)
		return false;
	check->out = fd;
	if (!check_lines(check, text, &states))
		return false;
	*ret_out = *out ? xstrdup(out) : NULL;
	return true;
}

bool memo_holds(const struct memo *memo, struct store *store, const char *project, char **ret_out)
{
	_cleanup_buf_ struct buf text = {0};
	struct err ignored;
	_cleanup_close_ int fd = folder_open(AT_FDCWD, project, &ignored);
	struct check check = {.store = store, .project = fd};
	bool found;

	if (fd < 0 || store_text_read(store, memo->path, &text, &found, &ignored) || !found)
		return false;
	store_use(store, memo->path);
	return text.length && check_text(&check, text.data, ret_out);
}

/* --- Writing --- */

/*
 * What a memo will hold. Of a folder that counts as a whole, a local source or the result, all
 * folders are in it, so that a new name shows; links are not, because their folder's time changes
 * with them. Of others only the files are, and there must be no links, behind which could be
 * anything.
 */
struct list {
	const struct memo *memo;
	char kind; /* of what is being added */
	bool is_whole;
	struct digest_stream states;
	struct buf text;
};

/* False when no memo can be. */
static bool list_state(struct list *list, const char *path, const struct stat *status)
{
	if (!state_is_settled(status, &list->memo->began) || strchr(path, '\n'))
		return false;
	state_add(&list->states, status);
	buf_printf(&list->text, "%c %s\n", list->kind, path);
	return true;
}

static bool list_folder(struct list *list, int fd, const char *path);

/* An entry of a folder, with all in it. */
static bool list_entry(struct list *list, int folder, const char *name, const char *path)
{
	struct stat status;
	struct err ignored;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW))
		return false;
	if (S_ISLNK(status.st_mode))
		return list->is_whole;
	if (!S_ISDIR(status.st_mode))
		return list_state(list, path, &status);
	return (!list->is_whole || list_state(list, path, &status)) &&
	       list_folder(list, folder_open(folder, name, &ignored), path);
}

/* All in a folder, whose descriptor it takes. */
static bool list_folder(struct list *list, int fd, const char *path)
{
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct err ignored;
	int more = -1;

	while (folder && (more = folder_next(folder, path, &entry, &ignored)) > 0) {
		_cleanup_free_ char *below = NULL;

		below = xasprintf("%s%s%s", path, *path ? "/" : "", entry->d_name);
		if (!list_entry(list, fd, entry->d_name, below))
			return false;
	}
	return !more;
}

/* A folder itself. */
static bool list_top(struct list *list, int folder, const char *path)
{
	struct stat status;

	return !fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) && S_ISDIR(status.st_mode) &&
	       list_state(list, path, &status);
}

static bool list_source(struct list *list, int project, const struct source *source)
{
	list->is_whole = true;
	if (!source->include.count)
		return list_entry(list, project, source->path, source->path);
	for (size_t i = 0; i < source->include.count; i++) {
		_cleanup_free_ char *path =
		    xasprintf("%s/%s", source->path, source->include.items[i]);

		if (!list_entry(list, project, path, path))
			return false;
	}
	return list_top(list, project, source->path);
}

/* More than was read: files that nothing names, too. */
static bool list_project(struct list *list, const struct plan *plan)
{
	static const char *const folders[] = {"stages", "targets", "toolchain"};
	struct err ignored;
	_cleanup_close_ int project = folder_open(AT_FDCWD, plan->project, &ignored);

	list->kind = 'p';
	list->is_whole = false;
	if (project < 0)
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (!list_top(list, project, folders[i]) ||
		    !list_entry(list, project, folders[i], folders[i]))
			return false;
	for (size_t i = 0; i < plan->source_count; i++)
		if (plan->sources[i].path && !list_source(list, project, &plan->sources[i]))
			return false;
	return true;
}

static bool list_out(struct list *list, const char *out)
{
	struct err ignored;
	_cleanup_close_ int fd = folder_open(AT_FDCWD, out, &ignored);

	list->kind = 'o';
	list->is_whole = true;
	return fd >= 0 && list_top(list, fd, ".") &&
	       list_folder(list, folder_open(fd, ".", &ignored), "");
}

static bool list_record(
    struct list *list, struct store *store, char kind, const char *folder, const struct digest *key)
{
	char hex[DIGEST_HEX_SIZE];
	struct stat status;

	if (!store_use_status(store, folder, key, &status))
		return false;
	add_record(&list->states, &status);
	buf_printf(&list->text, "%c %s\n", kind, digest_format(key, hex));
	return true;
}

static void list_tree(struct list *list, const struct digest *tree)
{
	char hex[DIGEST_HEX_SIZE];

	buf_printf(&list->text, "t %s\n", digest_format(tree, hex));
}

static bool list_store(struct list *list, const struct build *build)
{
	struct store *store = build->options->store;

	for (size_t i = 0; i < build->options->plan->stage_count; i++) {
		const struct stage_result *result = &build->results[i];

		if (!result->wanted)
			continue;
		if (!list_record(list, store, 'r', "results", &result->key))
			return false;
		list_tree(list, &result->tree);
	}
	for (size_t i = 0; i < build->inputs.count; i++) {
		const struct input *input = &build->inputs.items[i];

		if (input->is_recorded &&
		    !list_record(list, store, 'u', "unpacked", &input->record))
			return false;
		if (input->is_known && !input->is_recorded)
			list_tree(list, &input->tree);
	}
	return true;
}

static bool has_done_nothing(const struct build *build)
{
	for (size_t i = 0; i < build->task_count; i++)
		if (build->tasks[i].state != TASK_CACHED)
			return false;
	return true;
}

void memo_write(const struct memo *memo, const struct build *build, const char *out)
{
	struct list list = {.memo = memo};
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];
	struct digest states;
	struct err ignored;

	if (has_done_nothing(build) && begin_states(&list.states) &&
	    list_project(&list, build->options->plan) && (!out || list_out(&list, out)) &&
	    list_store(&list, build)) {
		states = digest_end(&list.states);
		buf_printf(&text, FORMAT "\n%s\n%s\n", out ? out : "", digest_format(&states, hex));
		buf_add(&text, list.text.data, list.text.length);
		store_text_put(build->options->store, memo->path, text.data, text.length, &ignored);
	}
	buf_free(&list.text);
}
