#include "store/store.h"

#include "base/file.h"

#include <string.h>

/* The file `fd` as a download of this store: under its final name only once it is whole and on
 * disk. */
static int add_download(struct store *store, int fd, const char *name, struct err *e)
{
	_cleanup_close_ int copy = -1;
	struct store_temp temp;
	int result;

	if (store_temp_make(store, &temp, e))
		return -1;
	copy = openat(temp.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	result = copy < 0 ? err_errno(e, "create %s", name) : file_copy(fd, copy, name, e);
	if (!result && (fsync(copy) || renameat(temp.fd, name, store->downloads_fd, name)))
		result = err_errno(e, "put %s into downloads", name);
	store_temp_remove(store, &temp);
	return result ? store_explain(store, e) : 0;
}

int store_download_copy(struct store *from, const struct digest *file, struct store *into,
    bool *ret_found, struct err *e)
{
	char hex[DIGEST_HEX_SIZE];
	const char *name = digest_format(file, hex);
	_cleanup_close_ int fd = openat(from->downloads_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		*ret_found = false;
		return 0;
	}
	if (fd < 0)
		return err_errno(e, "open %s/downloads/%s", from->path, name);
	/* A link spares the copy, and is refused between file systems and on some. */
	if (linkat(from->downloads_fd, name, into->downloads_fd, name, 0) && errno != EEXIST &&
	    add_download(into, fd, name, e))
		return -1;
	*ret_found = true;
	return 0;
}

static void download_path(const struct digest *file, char ret_path[96])
{
	char hex[DIGEST_HEX_SIZE];

	snprintf(ret_path, 96, "downloads/%s", digest_format(file, hex));
}

bool store_use_download(struct store *store, const struct digest *file)
{
	char path[96];

	download_path(file, path);
	return store_use(store, path);
}

int store_download_check(
    struct store *store, const struct digest *file, bool *ret_damaged, struct err *e)
{
	_cleanup_close_ int fd = -1;
	struct digest found;
	char path[96];

	*ret_damaged = false;
	download_path(file, path);
	fd = openat(store->fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(e, "open %s/%s", store->path, path);
	if (digest_of_file(fd, path, &found, e))
		return err_wrap(e, "%s", store->path);
	if (digest_equal(&found, file))
		return 0;
	if (unlinkat(store->fd, path, 0) && errno != ENOENT) {
		err_errno(e, "remove %s, which is damaged", path);
		return store_explain(store, e);
	}
	*ret_damaged = true;
	return 0;
}
