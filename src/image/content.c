#include "image/content.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/map.h"
#include "base/memory.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static struct entry *add_entry(struct content *content, const char *path, char type)
{
	content->entries = xgrow(content->entries, content->count, sizeof(*content->entries));
	content->entries[content->count] =
	    (struct entry){.path = xstrdup(path), .type = type, .mode = 0755};
	return &content->entries[content->count++];
}

static int read_target(int folder_fd, const char *name, struct entry *entry, struct err *e)
{
	char target[PATH_MAX + 1];
	ssize_t length = readlinkat(folder_fd, name, target, sizeof(target));

	if (length < 0)
		return err_errno(e, "read the link %s", entry->path);
	if (length > PATH_MAX)
		return err_set(e, "read the link %s: its target is too long", entry->path);
	entry->target = xstrndup(target, (size_t)length);
	entry->size = strlen(entry->target);
	entry->mode = 0777;
	return 0;
}

/* What an image cannot take from a tree; NULL when it can. Some file systems count a name's
 * characters and not its bytes. */
static const char *unfit(const struct stat *status, const char *name, const char *path)
{
	if (strlen(path) > PATH_MAX - 1)
		return "has a path longer than 4095 bytes, the longest that Linux takes";
	if (strlen(name) > NAME_MAX)
		return "has a name longer than 255 bytes, the longest that an image takes";
	switch (status->st_mode & S_IFMT) {
	case S_IFDIR:
	case S_IFREG:
	case S_IFLNK:
		return NULL;
	case S_IFCHR:
	case S_IFBLK:
		return "is a device; remove it from the tree and name it in the device table";
	case S_IFIFO:
		return "is a named pipe; remove it from the tree and name it in the device table";
	default:
		return "is a socket; remove it, an image cannot hold one";
	}
}

static int list_folder(
    struct content *content, int fd, const char *path, struct faults *faults, struct err *e);

static int list_entry(struct content *content, int folder_fd, const char *name, const char *path,
    struct faults *faults, struct err *e)
{
	struct stat status;
	struct entry *entry;
	const char *why;

	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "look at %s", path);
	why = unfit(&status, name, path);
	if (why) {
		faults_add(faults, 0, 0, "`/%s` in the tree %s", path, why);
		return 0;
	}
	if (S_ISDIR(status.st_mode)) {
		int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		add_entry(content, path, 'd');
		return fd < 0 ? err_errno(e, "open the folder %s", path)
			      : list_folder(content, fd, path, faults, e);
	}
	entry = add_entry(content, path, S_ISLNK(status.st_mode) ? 'l' : 'f');
	if (entry->type == 'l')
		return read_target(folder_fd, name, entry, e);
	entry->mode = status.st_mode & S_IXUSR ? 0755 : 0644;
	entry->size = (uint64_t)status.st_size;
	entry->device = status.st_dev;
	entry->inode = status.st_ino;
	return 0;
}

/* Takes the descriptor. The folders above stay open, one descriptor for each. */
static int list_folder(
    struct content *content, int fd, const char *path, struct faults *faults, struct err *e)
{
	_cleanup_closedir_ DIR *folder = fdopendir(fd);
	struct dirent *next;

	if (!folder) {
		close(fd);
		return err_errno(e, "read the folder %s", path);
	}
	while (errno = 0, (next = readdir(folder))) {
		_cleanup_free_ char *inner = NULL;

		if (!strcmp(next->d_name, ".") || !strcmp(next->d_name, ".."))
			continue;
		inner = xasprintf("%s%s%s", path, *path ? "/" : "", next->d_name);
		if (list_entry(content, fd, next->d_name, inner, faults, e))
			return -1;
	}
	return errno ? err_errno(e, "read the folder %s", path) : 0;
}

static int list_tree(
    const char *tree, struct content *content, struct faults *faults, struct err *e)
{
	int fd;

	/* The tree itself may be given as a link. */
	content->tree_fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (content->tree_fd < 0) {
		err_errno(e, "open the folder");
		e->kind = ERR_INPUT;
		return -1;
	}
	fd = openat(content->tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, "open the folder");
	add_entry(content, "", 'd');
	return list_folder(content, fd, "", faults, e);
}

/* Putting the table into the content. `places` finds entries by path. */
struct merge {
	struct content *content;
	struct map places;
	struct faults *faults;
};

static const char *type_name(char type)
{
	return type == 'd'   ? "folder"
	       : type == 'f' ? "regular file"
	       : type == 'l' ? "symbolic link"
	       : type == 'p' ? "named pipe"
			     : "device";
}

static struct entry *find(const struct merge *m, const char *path)
{
	size_t index;

	return map_get(&m->places, path, &index) ? &m->content->entries[index] : NULL;
}

/* Is every part of the path but the last a folder? Says so in the faults if not. */
static bool leads_through_folders(struct merge *m, const struct device *device)
{
	_cleanup_free_ char *path = xstrdup(device->path);

	for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		const struct entry *above;

		*slash = 0;
		above = find(m, path);
		if (!above)
			faults_add(m->faults, device->line, device->column,
			    "`/%s` has no folder to be in: `/%s` is neither in the tree nor in "
			    "the table; add `/%s d 755 0 0`",
			    device->path, path, path);
		else if (above->type == 'l')
			faults_add(m->faults, device->line, device->column,
			    "`/%s` leads through the symbolic link `/%s` (to `%s`); write the path "
			    "without it",
			    device->path, path, above->target);
		else if (above->type != 'd')
			faults_add(m->faults, device->line, device->column,
			    "`/%s` has no folder to be in: `/%s` is a %s", device->path, path,
			    type_name(above->type));
		if (!above || above->type != 'd')
			return false;
		*slash = '/';
	}
	return true;
}

static void merge_device(struct merge *m, const struct device *device)
{
	bool changes = device->type == 'f' || device->type == 'd';
	struct entry *entry = find(m, device->path);

	if (!leads_through_folders(m, device))
		return;
	if (entry && (!changes || entry->type != device->type)) {
		faults_add(m->faults, device->line, device->column,
		    changes ? "`/%s` is a %s in the tree, not a %s"
			    : "`/%s` is in the tree already, as a %s; remove it there to have a %s",
		    device->path, type_name(entry->type), type_name(device->type));
		return;
	}
	if (!entry && device->type == 'f') {
		faults_add(m->faults, device->line, device->column,
		    "`/%s` is not in the tree; the table cannot make a file", device->path);
		return;
	}
	if (!entry) {
		entry = add_entry(m->content, device->path, device->type);
		map_put(&m->places, entry->path, m->content->count - 1);
	}
	entry->mode = device->mode;
	entry->uid = device->uid;
	entry->gid = device->gid;
	entry->major = device->major;
	entry->minor = device->minor;
}

static int by_device_path(const void *a, const void *b)
{
	return strcmp(
	    (*(const struct device *const *)a)->path, (*(const struct device *const *)b)->path);
}

/* In the order of the paths, so that a folder of the table is there before what is in it. */
static void merge_devices(struct merge *m, const struct devices *devices)
{
	_cleanup_free_ const struct device **sorted = xcalloc(devices->count, sizeof(*sorted));

	for (size_t i = 0; i < devices->count; i++)
		sorted[i] = &devices->list[i];
	qsort(sorted, devices->count, sizeof(*sorted), by_device_path);
	for (size_t i = 0; i < devices->count; i++)
		merge_device(m, sorted[i]);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

/* A parent's path is the beginning of its children's, so sorting puts it before them. */
static void sort_and_link(struct content *content)
{
	struct map places = {0};

	qsort(content->entries, content->count, sizeof(*content->entries), by_path);
	for (size_t i = 0; i < content->count; i++) {
		struct entry *entry = &content->entries[i];
		char *slash = strrchr(entry->path, '/');

		map_put(&places, entry->path, i);
		if (slash)
			*slash = 0;
		entry->parent = 0;
		if (slash)
			map_get(&places, entry->path, &entry->parent);
		if (slash)
			*slash = '/';
		entry->links = entry->type == 'd' ? 2 : 1;
		if (entry->type == 'd' && i)
			content->entries[entry->parent].links++;
	}
	map_free(&places);
}

int content_gather(const char *tree, const struct devices *devices, struct content *ret_content,
    struct faults *faults, struct err *e)
{
	struct merge m = {.content = ret_content, .faults = faults};

	*ret_content = (struct content){.tree_fd = -1};
	if (list_tree(tree, ret_content, faults, e))
		return err_wrap(e, "read the tree %s", tree);
	for (size_t i = 0; i < ret_content->count; i++)
		map_put(&m.places, ret_content->entries[i].path, i);
	merge_devices(&m, devices);
	map_free(&m.places);
	sort_and_link(ret_content);
	return 0;
}

void content_free(struct content *content)
{
	for (size_t i = 0; i < content->count; i++) {
		free(content->entries[i].path);
		free(content->entries[i].target);
	}
	free(content->entries);
	cleanup_close(&content->tree_fd);
	*content = (struct content){.tree_fd = -1};
}

const char *entry_name(const struct entry *entry)
{
	const char *slash = strrchr(entry->path, '/');

	return slash ? slash + 1 : entry->path;
}

static int changed(const struct entry *entry, struct err *e)
{
	return err_set(e,
	    "%s changed while the image was made; leave the tree alone, and try again",
	    entry->path);
}

int content_open(const struct content *content, const struct entry *entry,
    struct content_reader *ret_reader, struct err *e)
{
	/* Not blocking, for the case that a pipe has taken the file's place. */
	_cleanup_close_ int fd = file_open_beneath(
	    content->tree_fd, entry->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, e);
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status))
		return err_errno(e, "look at %s", entry->path);
	if (!S_ISREG(status.st_mode) || status.st_dev != entry->device ||
	    status.st_ino != entry->inode || (uint64_t)status.st_size != entry->size)
		return changed(entry, e);
	*ret_reader = (struct content_reader){steal_fd(&fd), entry, entry->size};
	return 0;
}

static ssize_t read_retrying(int fd, void *bytes, size_t size)
{
	ssize_t got;

	do
		got = read(fd, bytes, size);
	while (got < 0 && errno == EINTR);
	return got;
}

int content_read(
    struct content_reader *reader, void *chunk, size_t size, size_t *ret_length, struct err *e)
{
	size_t wanted = reader->left < size ? (size_t)reader->left : size, length = 0;
	char beyond;

	while (length < wanted) {
		ssize_t got = read_retrying(reader->fd, (char *)chunk + length, wanted - length);

		if (got < 0)
			return err_errno(e, "read %s", reader->entry->path);
		if (!got)
			return changed(reader->entry, e);
		length += (size_t)got;
	}
	reader->left -= length;
	if (!wanted && read_retrying(reader->fd, &beyond, 1) != 0)
		return changed(reader->entry, e);
	*ret_length = length;
	return 0;
}

void content_close(struct content_reader *reader)
{
	cleanup_close(&reader->fd);
}
