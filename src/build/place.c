#include "build/place.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/tree.h"

#include <string.h>
#include <sys/file.h>

#define LOCK "/minsys/.lock"

struct place_move {
	char *home; /* where it came from */
	char *place;
	unsigned users; /* steps that run */
	bool writable;
	enum { UNTOUCHED, MOVED, COPIED, BEGUN } how;
};

void places_open(struct places *places)
{
	*places = (struct places){.lock = PTHREAD_MUTEX_INITIALIZER, .lock_fd = -1};
}

void places_close(struct places *places)
{
	pthread_mutex_destroy(&places->lock);
}

static struct place_move *find(const struct places *places, const char *place)
{
	for (size_t i = 0; i < places->count; i++)
		if (!strcmp(places->moves[i].place, place))
			return &places->moves[i];
	return NULL;
}

/* The place that something was moved to from there; NULL: it is at home. */
static const struct place_move *find_moved(const struct places *places, const char *home)
{
	for (size_t i = 0; i < places->count; i++)
		if (places->moves[i].how == MOVED && !strcmp(places->moves[i].home, home))
			return &places->moves[i];
	return NULL;
}

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

	return from < 0 ? -1 : tree_copy(from, -1, parent, name, TREE_MTIME, e);
}

/* What is written to a copy would be lost. On one file system only a folder of a lower layer of an
 * overlay cannot be moved, and of all that is written to only a compiler cache can be in one. */
static int begin_anew(struct place_move *move, int parent, const char *name, struct err *e)
{
	struct stat home, place;

	if (stat(move->home, &home) || fstat(parent, &place))
		return err_errno(e, "look at %s", move->home);
	if (home.st_dev != place.st_dev)
		return err_kind(e, ERR_ENVIRONMENT,
		    "%s cannot be moved to %s, which is on another file system: name a folder on "
		    "that one in MINSYS_CACHE",
		    move->home, move->place);
	if (mkdirat(parent, name, 0755))
		return err_errno(e, "make %s", move->place);
	move->how = BEGUN;
	return 0;
}

/* What stands in the way is what a killed runner left. */
static int move_one(const struct places *places, struct place_move *move, struct err *e)
{
	const struct place_move *other = find_moved(places, move->home);
	const char *name = strrchr(move->place, '/') + 1;
	_cleanup_free_ char *folder = xstrndup(move->place, (size_t)(name - 1 - move->place));
	_cleanup_close_ int parent = folder_make(AT_FDCWD, folder, 0755, e);

	if (parent < 0 || tree_remove(parent, name, e))
		return -1;
	/* The same tree, as two outputs can be. */
	if (other) {
		move->how = COPIED;
		return copy(other->place, parent, name, e);
	}
	if (!renameat(AT_FDCWD, move->home, parent, name)) {
		move->how = MOVED;
		return 0;
	}
	/* A folder of a lower layer of an overlay cannot be moved. */
	if (errno != EXDEV)
		return err_errno(e, "move %s to %s", move->home, move->place);
	if (move->writable)
		return begin_anew(move, parent, name, e);
	move->how = COPIED;
	return copy(move->home, parent, name, e);
}

/* One that is there serves all. */
static int take(struct places *places, const struct sandbox_bind *bind, struct err *e)
{
	struct place_move *move = find(places, bind->destination);

	if (move) {
		move->users++;
		return 0;
	}
	places->moves = xgrow(places->moves, places->count, sizeof(*places->moves));
	move = &places->moves[places->count++];
	*move = (struct place_move){
	    .home = xstrdup(bind->source),
	    .place = xstrdup(bind->destination),
	    .users = 1,
	    .writable = bind->writable,
	};
	return move_one(places, move, e);
}

static int move_back(const struct place_move *move, struct err *e)
{
	if (move->how == UNTOUCHED || move->how == COPIED)
		return tree_remove(AT_FDCWD, move->place, e);
	if (move->how == BEGUN && tree_remove(AT_FDCWD, move->home, e))
		return -1;
	if (!renameat(AT_FDCWD, move->place, AT_FDCWD, move->home))
		return 0;
	/* Another runner has made it anew meanwhile, or somebody has removed it. */
	if (errno != EEXIST && errno != ENOTEMPTY && errno != ENOENT)
		return err_errno(e, "move %s back to %s", move->place, move->home);
	return tree_remove(AT_FDCWD, move->place, e);
}

/* When one cannot be, the others are put back all the same. */
static int put_back(struct places *places, const char *place, struct err *e)
{
	struct place_move *move = find(places, place);
	int result;

	if (!move || --move->users)
		return 0;
	result = move_back(move, e);
	free(move->home);
	free(move->place);
	*move = places->moves[--places->count];
	return result;
}

static int put_all_back(
    struct places *places, const struct sandbox_bind *binds, size_t count, struct err *e)
{
	int result = 0;
	struct err later;

	for (size_t i = count; i-- > 0;)
		if (put_back(places, binds[i].destination, result ? &later : e))
			result = -1;
	if (!places->count && places->lock_fd >= 0) {
		free(places->moves);
		places->moves = NULL;
		close(places->lock_fd);
		places->lock_fd = -1;
	}
	return result;
}

static int take_all(
    struct places *places, const struct sandbox_bind *binds, size_t count, struct err *e)
{
	struct err later;

	if (places->lock_fd < 0 && (places->lock_fd = take_lock(e)) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (take(places, &binds[i], e)) {
			put_all_back(places, binds, i + 1, &later);
			return -1;
		}
	return 0;
}

int places_take(struct places *places, struct sandbox_bind *binds, size_t count, struct err *e)
{
	int result;

	pthread_mutex_lock(&places->lock);
	result = take_all(places, binds, count, e);
	pthread_mutex_unlock(&places->lock);
	for (size_t i = 0; i < count && !result; i++) {
		free((char *)binds[i].source);
		binds[i].source = xstrdup(binds[i].destination);
	}
	return result;
}

int places_return(
    struct places *places, const struct sandbox_bind *binds, size_t count, struct err *e)
{
	int result;

	pthread_mutex_lock(&places->lock);
	result = put_all_back(places, binds, count, e);
	pthread_mutex_unlock(&places->lock);
	return result;
}
