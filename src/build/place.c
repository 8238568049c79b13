#include "build/place.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/tree.h"

#include <string.h>
#include <sys/file.h>

#define LOCK "/minsys/.lock"

struct place_move {
	char *home; /* where it came from */
	const char *place;
	bool copied;
};

static int take_lock(struct err *e)
{
	_cleanup_close_ int fd = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_errno(e, "create %s", LOCK);
	while (flock(fd, LOCK_EX))
		if (errno != EINTR)
			return err_errno(e, "lock %s", LOCK);
	return steal_fd(&fd);
}

static int copy(const char *home, int parent, const char *name, struct err *e)
{
	_cleanup_close_ int from = folder_open(AT_FDCWD, home, e);

	return from < 0 ? -1 : tree_copy(from, parent, name, TREE_MTIME, e);
}

/* What stands in the way is what a killed runner left. */
static int move_one(struct place_move *move, struct err *e)
{
	const char *name = strrchr(move->place, '/') + 1;
	_cleanup_free_ char *folder = xstrndup(move->place, (size_t)(name - 1 - move->place));
	_cleanup_close_ int parent = folder_make(AT_FDCWD, folder, 0755, e);

	if (parent < 0 || tree_remove(parent, name, e))
		return -1;
	if (!renameat(AT_FDCWD, move->home, parent, name))
		return 0;
	/* A folder of a lower layer of an overlay cannot be moved. */
	if (errno != EXDEV)
		return err_errno(e, "move %s to %s", move->home, move->place);
	move->copied = true;
	return copy(move->home, parent, name, e);
}

int places_take(struct places *places, struct sandbox_bind *binds, size_t count, struct err *e)
{
	*places = (struct places){.moves = xcalloc(count, sizeof(*places->moves)), .lock_fd = -1};
	places->lock_fd = take_lock(e);
	if (places->lock_fd < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct place_move *move = &places->moves[i];

		*move = (struct place_move){xstrdup(binds[i].source), binds[i].destination, false};
		places->count++;
		if (move_one(move, e))
			return -1;
	}
	for (size_t i = 0; i < count; i++) {
		free((char *)binds[i].source);
		binds[i].source = xstrdup(binds[i].destination);
	}
	return 0;
}

static int move_back(const struct place_move *move, struct err *e)
{
	if (!move->copied && !renameat(AT_FDCWD, move->place, AT_FDCWD, move->home))
		return 0;
	/* It is there: nothing was moved yet, or another runner has made it anew meanwhile. */
	if (!move->copied && errno != EEXIST && errno != ENOTEMPTY && errno != ENOENT)
		return err_errno(e, "move %s back to %s", move->place, move->home);
	return tree_remove(AT_FDCWD, move->place, e);
}

int places_return(struct places *places, struct err *e)
{
	int result = 0;

	for (size_t i = places->count; i-- > 0;) {
		if (!result)
			result = move_back(&places->moves[i], e);
		free(places->moves[i].home);
	}
	free(places->moves);
	if (places->lock_fd >= 0)
		close(places->lock_fd);
	*places = (struct places){.lock_fd = -1};
	return result;
}
