#include "store/store.h"

#include "base/children.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/use.h"

#include <string.h>
#include <sys/file.h>

#define FORMAT "minsys store 1\n"

static const char *const folders[] = {"downloads", "trees", "unpacked", "actions", "results",
    "removed", "builds", "memos", "exports", "files", "traces", "logs", "locks", "failed", "tmp"};

int store_explain(const struct store *store, struct err *e)
{
	if (e->errnum == ENOSPC || e->errnum == EDQUOT)
		err_wrap(e,
		    "the store %s is full: free space there, or name another folder in "
		    "MINSYS_CACHE",
		    store->path);
	else if (e->errnum == EROFS || e->errnum == EACCES)
		err_wrap(e, "the store %s cannot be written: name another folder in MINSYS_CACHE",
		    store->path);
	else
		err_wrap(e, "the store %s", store->path);
	e->kind = ERR_ENVIRONMENT;
	return -1;
}

int store_explain_disk(const struct store *store, struct err *e)
{
	bool of_disk =
	    e->errnum == ENOSPC || e->errnum == EDQUOT || e->errnum == EROFS || e->errnum == EIO;

	return of_disk && e->kind == ERR_FAILED ? store_explain(store, e) : -1;
}

char *store_default_path(struct err *e)
{
	const char *cache = getenv("MINSYS_CACHE"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache && *cache) {
		_cleanup_free_ char *here = *cache == '/' ? xstrdup("") : getcwd(NULL, 0);

		return here ? xasprintf("%s%s%s", here, *cache == '/' ? "" : "/", cache)
			    : xstrdup(cache);
	}
	/* The XDG base directory specification: a relative path in it is to be ignored. */
	if (xdg && *xdg == '/')
		return xasprintf("%s/minsys", xdg);
	if (home && *home == '/')
		return xasprintf("%s/.cache/minsys", home);
	err_kind(e, ERR_ENVIRONMENT,
	    "there is no place for the store: set MINSYS_CACHE to a folder, or HOME");
	return NULL;
}

/* A folder without `format` may be made a store unless it holds what is not a store's. Hidden
 * files, a half-written `format` and what a new file system holds are nobody's. */
static int check_foreign(struct store *store, struct err *e)
{
	int again = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), more;
	_cleanup_closedir_ DIR *folder = again < 0 ? NULL : fdopendir(again);
	struct dirent *entry;

	if (!folder)
		return err_errno(e, "read the folder %s", store->path);
	while ((more = folder_next(folder, store->path, &entry, e)) > 0)
		if (*entry->d_name != '.' && strncmp(entry->d_name, "format", 6) &&
		    strcmp(entry->d_name, "lost+found"))
			break;
	/* Another runner may have begun this store since. */
	if (more <= 0 || !faccessat(store->fd, "format", F_OK, 0))
		return more < 0 ? -1 : 0;
	return err_kind(e, ERR_ENVIRONMENT,
	    "%s holds other things than a store; name an empty or new folder in MINSYS_CACHE",
	    store->path);
}

/* The file `format` keeps a store of another layout from being taken for ours. */
static int check_format(struct store *store, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (file_read(store->fd, "format", 4096, &text, e)) {
		if (e->errnum != ENOENT)
			return -1;
		if (check_foreign(store, e))
			return -1;
		return file_replace(store->fd, "format", FORMAT, strlen(FORMAT), 0644, e);
	}
	if (strcmp(buf_text(&text), FORMAT))
		return err_kind(e, ERR_ENVIRONMENT,
		    "%s is not a store of this version of minsys; name another folder in "
		    "MINSYS_CACHE",
		    store->path);
	return 0;
}

/* Temporary folders of runners that are gone: those that nobody holds the lock of. What cannot be
 * opened may be held, and what cannot be removed hurts nobody. */
static int remove_garbage(struct store *store, struct err *e)
{
	int tmp_fd = folder_open(store->fd, "tmp", e);
	_cleanup_closedir_ DIR *tmp = tmp_fd < 0 ? NULL : fdopendir(tmp_fd);
	struct dirent *entry;
	struct err ignored;

	if (!tmp)
		return tmp_fd < 0 ? -1 : err_errno(e, "read tmp");
	while ((entry = readdir(tmp))) {
		_cleanup_close_ int fd = -1;

		if (entry->d_name[0] == '.')
			continue;
		fd = openat(
		    dirfd(tmp), entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
			tree_remove(dirfd(tmp), entry->d_name, &ignored);
	}
	return 0;
}

static int open_folders(struct store *store, struct err *e)
{
	store->fd = folder_make(AT_FDCWD, store->path, 0755, e);
	if (store->fd < 0 || check_format(store, e))
		return -1;
	/* What a read-only store lacks is not needed, or missed where it is. */
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++)
		if (mkdirat(store->fd, folders[i], 0755) && errno != EEXIST && errno != EROFS &&
		    errno != EACCES)
			return err_errno(e, "make the folder %s", folders[i]);
	use_begin(store);
	store->downloads_fd = folder_open(store->fd, "downloads", e);
	return store->downloads_fd < 0 ? -1 : remove_garbage(store, e);
}

int store_open(const char *path, struct store **ret_store, struct err *e)
{
	struct store *store = xcalloc(1, sizeof(*store));

	store->fd = store->downloads_fd = store->use_fd = -1;
	pthread_mutex_init(&store->use_lock, NULL);
	store->path = path ? xstrdup(path) : store_default_path(e);
	if (!store->path) {
		store_close(store);
		return -1;
	}
	if (open_folders(store, e)) {
		if (e->kind != ERR_ENVIRONMENT)
			store_explain(store, e);
		store_close(store);
		return -1;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->fd >= 0)
		close(store->fd);
	if (store->downloads_fd >= 0)
		close(store->downloads_fd);
	if (store->use_fd >= 0)
		close(store->use_fd);
	pthread_mutex_destroy(&store->use_lock);
	free(store->path);
	free(store);
}

static int name_temp(struct store_temp *temp, struct err *e)
{
	uint64_t random;

	if (random_get(&random, sizeof(random), e))
		return -1;
	snprintf(temp->name, sizeof(temp->name), "tmp/%016llx", (unsigned long long)random);
	return 0;
}

/*
 * Between its making and its locking another runner may take a folder for garbage and remove it;
 * then the lock is on a folder that has no name any more, and another one is made.
 */
int store_temp_make(struct store *store, struct store_temp *ret_temp, struct err *e)
{
	for (;;) {
		_cleanup_close_ int fd = -1;
		struct store_temp temp;
		struct stat held, named;

		if (name_temp(&temp, e))
			return -1;
		/* A step may leave a setuid program in it: where that would be the caller's,
		   nobody else gets at it. Root's steps have a user of their own, who has to. */
		if (mkdirat(store->fd, temp.name, geteuid() ? 0700 : 0755)) {
			err_errno(e, "make %s", temp.name);
			return store_explain(store, e);
		}
		fd = openat(store->fd, temp.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || flock(fd, LOCK_EX) || fstat(fd, &held))
			return err_errno(e, "lock %s/%s", store->path, temp.name);
		if (fstatat(store->fd, temp.name, &named, AT_SYMLINK_NOFOLLOW) ||
		    named.st_ino != held.st_ino)
			continue;
		temp.fd = steal_fd(&fd);
		*ret_temp = temp;
		return 0;
	}
}

/* It needs no room on a full disk. Locked first, it is not garbage for anybody else. */
int store_temp_take(
    struct store *store, const char *path, struct store_temp *ret_temp, struct err *e)
{
	_cleanup_close_ int fd = folder_open(store->fd, path, e);
	struct store_temp temp;

	if (fd < 0 || name_temp(&temp, e))
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) || renameat(store->fd, path, store->fd, temp.name))
		return err_errno(e, "move %s/%s to tmp", store->path, path);
	temp.fd = steal_fd(&fd);
	*ret_temp = temp;
	return 0;
}

void store_temp_remove(struct store *store, struct store_temp *temp)
{
	struct err ignored; /* what cannot be removed now is garbage for the next store_open() */

	tree_remove(store->fd, temp->name, &ignored);
	close(temp->fd);
	temp->fd = -1;
}

void store_tree_path(const struct digest *tree, char ret_path[96])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(ret_path, 96, "trees/%s/tree", digest_format(tree, hex));
}

static void tree_part(const struct digest *tree, const char *part, char ret_path[96])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(ret_path, 96, "trees/%s%s", digest_format(tree, hex), part);
}

bool store_has_tree(struct store *store, const struct digest *tree)
{
	char path[96];

	tree_part(tree, "/manifest", path);
	if (!store_use(store, path))
		return false;
	store_tree_path(tree, path);
	return !faccessat(store->fd, path, F_OK, AT_SYMLINK_NOFOLLOW);
}

static int remove_tree(struct store *store, const struct digest *tree, struct err *e)
{
	struct store_temp temp;
	char path[96];

	tree_part(tree, "", path);
	if (store_temp_take(store, path, &temp, e))
		return e->errnum == ENOENT ? 0 : store_explain(store, e);
	store_temp_remove(store, &temp);
	return 0;
}

int store_tree_discard(struct store *store, const struct digest *tree, struct err *e)
{
	if (remove_tree(store, tree, e))
		return -1;
	store->has_discarded = true;
	return 0;
}

int store_tree_manifest(
    struct store *store, const struct digest *tree, struct buf *ret_manifest, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	struct digest digest;
	char path[96];

	tree_part(tree, "/manifest", path);
	if (file_read(store->fd, path, SIZE_MAX / 2, &text, e))
		return store_explain(store, e);
	digest = digest_of(buf_text(&text), text.length);
	if (!digest_equal(&digest, tree)) {
		if (store_tree_discard(store, tree, e))
			return err_wrap(e, "%s/%s is damaged", store->path, path);
		return err_kind(e, ERR_ENVIRONMENT,
		    "%s/%s was damaged: the tree is removed, and has to be made again", store->path,
		    path);
	}
	buf_add(ret_manifest, buf_text(&text), text.length);
	return 0;
}

static int write_manifest(int folder, const struct buf *manifest, struct err *e)
{
	_cleanup_close_ int fd =
	    openat(folder, "manifest", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_errno(e, "create the manifest");
	return file_write_all(fd, buf_text(manifest), manifest->length, "the manifest", e);
}

static int flush_trees(struct store *store, struct err *e)
{
	_cleanup_close_ int trees = folder_open(store->fd, "trees", e);

	if (trees < 0)
		return -1;
	return fsync(trees) ? err_errno(e, "flush trees") : 0;
}

/* Move the folder `commit` of a temporary one to its final name. What is there already under it
 * is the same tree, or what is left of one. */
static int publish(
    struct store *store, struct store_temp *temp, const struct digest *tree, struct err *e)
{
	char final[96];

	tree_part(tree, "", final);
	/* No rename replaces a folder that has something in it, and all of these have. */
	while (renameat(temp->fd, "commit", store->fd, final)) {
		if (errno != EEXIST && errno != ENOTEMPTY)
			return err_errno(e, "rename to %s", final);
		if (store_has_tree(store, tree))
			return tree_remove(temp->fd, "commit", e);
		if (remove_tree(store, tree, e))
			return -1;
	}
	return flush_trees(store, e);
}

int store_tree_commit(struct store *store, struct store_temp *temp, const char *name,
    const struct buf *manifest, struct digest *ret_tree, struct err *e)
{
	struct digest digest = digest_of(buf_text(manifest), manifest->length);
	_cleanup_close_ int folder = -1;

	if (store_has_tree(store, &digest)) {
		*ret_tree = digest;
		return 0;
	}
	if (mkdirat(temp->fd, "commit", 0755)) {
		err_errno(e, "make a folder");
		return store_explain(store, e);
	}
	folder = folder_open(temp->fd, "commit", e);
	if (folder < 0)
		return -1;
	if (renameat(temp->fd, name, folder, "tree"))
		return err_errno(e, "rename %s", name);
	/* Programs in it are to be run. Files are written unsynced; one syncfs puts all of them on
	 * disk before the name is. */
	children_settle();
	if (write_manifest(folder, manifest, e) ||
	    (syncfs(folder) && err_errno(e, "flush the tree")) || publish(store, temp, &digest, e))
		return store_explain(store, e);
	/* The clock may have been set back since this runner began. */
	store_has_tree(store, &digest);
	*ret_tree = digest;
	return 0;
}
