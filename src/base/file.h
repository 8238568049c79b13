/*
 * Files and folders by descriptor: a folder's descriptor comes before a path, AT_FDCWD allowed
 * unless said otherwise. Every descriptor returned is close-on-exec and the caller's to close.
 * Errors name the path.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Write all of it, through interruptions and short writes. `what` names the file in the error. */
int file_write_all(int fd, const void *bytes, size_t length, const char *what, struct err *e);

/* Append a file's content to `ret_content`; one above `limit` bytes is an ERR_INPUT.
 * A fifo that nobody writes to reads as empty. */
int file_read(int dirfd, const char *path, size_t limit, struct buf *ret_content, struct err *e);
/* The same from a descriptor's offset on; `name` is for the error. */
int file_read_fd(int fd, const char *name, size_t limit, struct buf *ret_content, struct err *e);
/* And what fstat(2) says of it. */
int file_read_status(int fd, const char *name, size_t limit, struct buf *ret_content,
    struct stat *ret_status, struct err *e);

/* Copy what a regular file holds to an empty one: shared blocks where the file system can, holes
 * stay holes. `name` is for the error. */
int file_copy(int from_fd, int to_fd, const char *name, struct err *e);

/* Replace a file in one step: temporary name beside it, fsync, rename, fsync of the folder. */
int file_replace(
    int dirfd, const char *path, const void *bytes, size_t length, mode_t mode, struct err *e);

/* The same, but nothing is flushed: when the power fails, the file may be damaged afterwards. For
 * what its readers check and can do without. */
int file_put(
    int dirfd, const char *path, const void *bytes, size_t length, mode_t mode, struct err *e);

/* Open a path that a build may have prepared: nothing on it may lead out of `dirfd` (a real
 * descriptor), and no magic link of /proc is followed. openat2(2) where the kernel and the
 * container allow it, else a walk with O_NOFOLLOW that also refuses links that stay inside.
 * Returns the descriptor. */
int file_open_beneath(int dirfd, const char *path, int flags, struct err *e);

/* The same by rules of one's own, RESOLVE_... of openat2(2), which include at least one
 * of BENEATH, IN_ROOT and NO_SYMLINKS; `mode` is that of a file to be made. */
int file_open_resolved(
    int dirfd, const char *path, int flags, mode_t mode, uint64_t resolve, struct err *e);

/* Make a file that is not there yet, to write to, and open a folder, to read: no link is followed
 * on the way, wherever it leads. */
int file_create_beneath(int dirfd, const char *path, mode_t mode, struct err *e);
int folder_open_beneath(int dirfd, const char *path, struct err *e);
/* Set the times of a folder, found in the same way. */
int folder_set_times(int dirfd, const char *path, const struct timespec times[2], struct err *e);
/* Those of all folders that `path` names above its last part: of `a/b/c` those of `a/b` and `a`. */
int folder_set_times_above(
    int dirfd, const char *path, const struct timespec times[2], struct err *e);

/* Give an entry, and not what a link leads to, this mode if it may be had. If not, what needs it
 * fails next, and says why. */
void mode_try(int dirfd, const char *name, mode_t mode);

/* Make a folder and those above it, as mkdir -p, and open it. Returns the descriptor. */
int folder_make(int dirfd, const char *path, mode_t mode, struct err *e);

/* The next entry of a folder, `.` and `..` left out: 1, or 0 at its end. `name` is the folder's,
 * for the error. */
int folder_next(DIR *folder, const char *name, struct dirent **ret_entry, struct err *e);

/* Open a folder for reading; a symlink in its last place is refused. Returns the descriptor. */
int folder_open(int dirfd, const char *path, struct err *e);

/* Remove a file or a folder with all that is in it, by descriptor: no link is followed, folders
 * that forbid entry to their owner are opened up first. What is not there is no error. */
int tree_remove(int dirfd, const char *name, struct err *e);

#endif
