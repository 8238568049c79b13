#include "build/cache.h"

#include "base/file.h"
#include "base/memory.h"
#include "sandbox/sandbox.h"

#include <sys/file.h>

#define FOLDER "ccache"
#define MEMOS "cpp" /* in a stage's: src/cpp/main.c */
#define MEMOS_LIMIT ((uint64_t)1 << 30)
#define ENTRY_SIZE 4096		   /* what any takes, roughly, beside its bytes */
#define COMPILERS "usr/lib/ccache" /* in the tools root: links from compilers' names to ccache */

struct digest cache_scope(const struct action *action)
{
	_cleanup_buf_ struct buf text = {0};
	char hex[DIGEST_HEX_SIZE];

	buf_printf(&text, "tools root %s\n", digest_format(&action->tools, hex));
	for (size_t i = 0; i < action->stage->need_count; i++)
		buf_printf(&text, "need %s %s\n", action->stage->needs[i]->provides,
		    digest_format(&action->needs[i], hex));
	return digest_of(text.data, text.length);
}

static int check_tools(const struct step_host *host, const struct step *step, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	char tools[96];

	store_tree_path(step->tools, tools);
	path = host->choice->kind->in_place
		   ? xstrdup("/" COMPILERS)
		   : xasprintf("%s/%s/" COMPILERS, host->store->path, tools);
	if (!access(path, F_OK))
		return 0;
	return err_kind(e, ERR_INPUT,
	    "it says `ccache: true`, but the tools root has no " COMPILERS
	    ": name the package ccache and links from compilers' names there to ccache in "
	    "toolchain/root.yaml, or build without --ccache");
}

/* The one user whose steps write to it. Root gives it to each step's own uid; a folder that root
 * has given away is of no use to anyone else. */
static int check_owner(int fd, const char *path, struct err *e)
{
	struct stat status;

	if (fstat(fd, &status))
		return err_errno(e, "look at %s", path);
	if (geteuid() && status.st_uid != geteuid())
		return err_kind(e, ERR_ENVIRONMENT,
		    "%s is another user's, as it is when root has built: remove that folder", path);
	return 0;
}

/* A runner whose steps have a uid of their own makes it theirs: nobody else can use it then. Who
 * waited may hold the lock of a folder that was removed meanwhile; *ret_is_there says so. */
static int lock(struct store *store, const char *path, int fd, bool *ret_is_there, struct err *e)
{
	struct stat held, named;

	while (flock(fd, geteuid() ? LOCK_SH : LOCK_EX))
		if (errno != EINTR)
			return err_errno(e, "lock %s/%s", store->path, path);
	if (fstat(fd, &held))
		return err_errno(e, "look at %s/%s", store->path, path);
	*ret_is_there =
	    !fstatat(store->fd, path, &named, AT_SYMLINK_NOFOLLOW) && named.st_ino == held.st_ino;
	return 0;
}

static int open_locked(struct store *store, const char *path, struct err *e)
{
	/* A step may have taken its owner's right to open it. */
	mode_try(store->fd, path, 0755);
	for (;;) {
		_cleanup_close_ int fd = folder_make(store->fd, path, 0755, e);
		bool is_there = false;

		if (fd < 0 || lock(store, path, fd, &is_there, e))
			return -1;
		if (is_there)
			return steal_fd(&fd);
	}
}

/* ccache bounds what is its own. What minsys-cpp remembers is soon learned again: too much of it is
 * removed, and what cannot be looked at or removed, as another runner's step is at it, is left. */
static void bound_memos(int cache_fd)
{
	struct err ignored;
	_cleanup_close_ int fd = folder_open(cache_fd, MEMOS, &ignored);
	_cleanup_closedir_ DIR *folder = fd < 0 ? NULL : fdopendir(fd);
	uint64_t bytes = 0;
	struct dirent *entry;
	struct stat status;

	if (!folder)
		return;
	fd = -1;
	while (folder_next(folder, MEMOS, &entry, &ignored) > 0)
		if (!fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
			bytes += (uint64_t)status.st_size + ENTRY_SIZE;
	if (bytes > MEMOS_LIMIT)
		tree_remove(cache_fd, MEMOS, &ignored);
}

int cache_take(
    const struct step_host *host, const struct step *step, struct cache *ret_cache, struct err *e)
{
	_cleanup_free_ char *path = xasprintf(FOLDER "/%s", step->name);
	_cleanup_free_ char *folder = xasprintf("%s/%s", host->store->path, path);
	_cleanup_close_ int fd = -1;

	if (check_tools(host, step, e) || (fd = open_locked(host->store, path, e)) < 0 ||
	    check_owner(fd, folder, e))
		return -1;
	bound_memos(fd);
	store_use(host->store, path);
	*ret_cache = (struct cache){steal_ptr(&folder), steal_fd(&fd)};
	return 0;
}

int cache_copy_preprocessor(const struct step_host *host, int temp_fd, struct err *e)
{
	const char *path = host->preprocessor;
	_cleanup_close_ int from = -1, to = -1;

	if (sandbox_check(path, e))
		return err_wrap(e, "a compiler cache (build without --ccache to have none)");
	from = open(path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return err_errno(e, "open %s", path);
	to = file_create_beneath(temp_fd, "cpp/minsys-cpp", 0755, e);
	return to < 0 ? -1 : file_copy(from, to, path, e);
}

void cache_release(struct cache *cache)
{
	if (cache->folder)
		close(cache->fd);
	free(cache->folder);
	*cache = (struct cache){.fd = -1};
}
