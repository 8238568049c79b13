#include "store/writer.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/tree.h"

#include <pthread.h>
#include <string.h>

#define QUEUE_BYTES (4UL << 20) /* of file content waiting at most */
#define QUEUE_JOBS 4096

enum job_kind {
	JOB_FOLDER,
	JOB_LINK,
	JOB_COPY,
	JOB_FILE,
	JOB_END,
};

struct job {
	enum job_kind kind;
	char *path;
	char *text; /* a link's target, a copy's original, a file's piece */
	size_t length;
	size_t index;
	size_t existing; /* of a copy: the number of its original */
	bool executable, first, last;
};

struct writer {
	int root;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t more, room;
	struct job jobs[QUEUE_JOBS]; /* a ring */
	size_t head, count, bytes;
	bool failed;
	struct err error;
	/* Of the thread alone: */
	int file_fd;
	struct digest_stream stream;
	uint64_t size;
	struct written *results;
	size_t result_count;
	char *folder; /* the folder at hand, and its descriptor */
	int folder_fd;
	char **folders; /* all that were made, for their times */
	size_t folder_count;
};

/* The folder of a path, kept open from one file to the next, and the rest of the path. */
static int enter(struct writer *w, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	*ret_name = slash ? slash + 1 : path;
	if (!slash)
		return w->root;
	if (w->folder && strlen(w->folder) == length && !memcmp(w->folder, path, length))
		return w->folder_fd;
	free(w->folder);
	w->folder = xstrndup(path, length);
	if (w->folder_fd >= 0)
		close(w->folder_fd);
	w->folder_fd = folder_open_beneath(w->root, w->folder, e);
	return w->folder_fd;
}

static int make_folder(struct writer *w, struct job *job, struct err *e)
{
	const char *name;
	int folder = enter(w, job->path, &name, e);

	if (folder < 0)
		return -1;
	if (mkdirat(folder, name, 0755))
		return err_errno(e, "make the folder %s", job->path);
	w->folders = xgrow(w->folders, w->folder_count, sizeof(*w->folders));
	w->folders[w->folder_count++] = xstrdup(job->path);
	return 0;
}

static int make_link(struct writer *w, const struct job *job, struct err *e)
{
	const char *name;
	int folder = enter(w, job->path, &name, e);

	if (folder < 0)
		return -1;
	if (symlinkat(job->text, folder, name) ||
	    utimensat(folder, name, tree_times, AT_SYMLINK_NOFOLLOW))
		return err_errno(e, "make the link %s", job->path);
	return 0;
}

static void keep_result(struct writer *w, size_t index, struct written result)
{
	if (index >= w->result_count) {
		w->result_count = 2 * index + 64;
		w->results = xrealloc(w->results, w->result_count * sizeof(*w->results));
	}
	w->results[index] = result;
}

/* A tree has no hard links: what is one in the archive becomes a file of its own. */
static int copy_file(struct writer *w, const struct job *job, struct err *e)
{
	_cleanup_close_ int from =
	    file_open_beneath(w->root, job->text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, e);
	_cleanup_close_ int to = -1;
	const char *name;
	struct stat status;
	int folder = enter(w, job->path, &name, e);

	if (folder < 0 || from < 0)
		return -1;
	if (fstat(from, &status))
		return err_errno(e, "look at %s", job->text);
	to = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    status.st_mode & 0777);
	if (to < 0)
		return err_errno(e, "create %s", job->path);
	if (file_copy(from, to, job->path, e))
		return -1;
	if (futimens(to, tree_times))
		return err_errno(e, "set the time of %s", job->path);
	keep_result(w, job->index, w->results[job->existing]);
	return 0;
}

static int begin_file(struct writer *w, const struct job *job, struct err *e)
{
	const char *name;
	int folder = enter(w, job->path, &name, e);

	if (folder < 0)
		return -1;
	w->file_fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    job->executable ? 0755 : 0644);
	if (w->file_fd < 0)
		return err_errno(e, "create %s", job->path);
	digest_begin(&w->stream);
	w->size = 0;
	return 0;
}

static int write_piece(struct writer *w, const struct job *job, struct err *e)
{
	if (job->first && begin_file(w, job, e))
		return -1;
	digest_add(&w->stream, job->text, job->length);
	w->size += job->length;
	if (file_write_all(w->file_fd, job->text, job->length, job->path, e))
		return -1;
	if (!job->last)
		return 0;
	if (futimens(w->file_fd, tree_times))
		return err_errno(e, "set the time of %s", job->path);
	close(steal_fd(&w->file_fd));
	keep_result(w, job->index, (struct written){w->size, digest_end(&w->stream)});
	return 0;
}

static int do_job(struct writer *w, struct job *job, struct err *e)
{
	switch (job->kind) {
	case JOB_FOLDER:
		return make_folder(w, job, e);
	case JOB_LINK:
		return make_link(w, job, e);
	case JOB_COPY:
		return copy_file(w, job, e);
	case JOB_FILE:
		return write_piece(w, job, e);
	case JOB_END:
		break;
	}
	/* Deepest last is not needed: setting a folder's time does not change its parent's. */
	for (size_t i = 0; i < w->folder_count; i++)
		if (folder_set_times(w->root, w->folders[i], tree_times, e))
			return -1;
	return futimens(w->root, tree_times) ? err_errno(e, "set the time of the folder") : 0;
}

static struct job take_job(struct writer *w)
{
	struct job job;

	pthread_mutex_lock(&w->lock);
	while (!w->count)
		pthread_cond_wait(&w->more, &w->lock);
	job = w->jobs[w->head];
	w->head = (w->head + 1) % QUEUE_JOBS;
	w->count--;
	w->bytes -= job.length;
	pthread_cond_signal(&w->room);
	pthread_mutex_unlock(&w->lock);
	return job;
}

static void fail(struct writer *w, const struct err *e)
{
	pthread_mutex_lock(&w->lock);
	w->failed = true;
	w->error = *e;
	pthread_mutex_unlock(&w->lock);
}

static void *write_all(void *argument)
{
	struct writer *w = argument;
	struct err e = {0};
	bool failed = false;

	for (;;) {
		struct job job = take_job(w);

		if (!failed && do_job(w, &job, &e)) {
			failed = true;
			fail(w, &e);
		}
		free(job.path);
		free(job.text);
		if (job.kind == JOB_END)
			return NULL;
	}
}

static int give_job(struct writer *w, struct job job, struct err *e)
{
	int result = 0;

	pthread_mutex_lock(&w->lock);
	while (w->count == QUEUE_JOBS || (w->count && w->bytes + job.length > QUEUE_BYTES))
		pthread_cond_wait(&w->room, &w->lock);
	w->jobs[(w->head + w->count++) % QUEUE_JOBS] = job;
	w->bytes += job.length;
	if (w->failed) {
		*e = w->error;
		result = -1;
	}
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
	return result;
}

int writer_start(int root_fd, struct writer **ret_writer, struct err *e)
{
	struct writer *w = xcalloc(1, sizeof(*w));

	w->root = root_fd;
	w->file_fd = w->folder_fd = -1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->room, NULL);
	errno = pthread_create(&w->thread, NULL, write_all, w);
	if (errno) {
		free(w);
		return err_errno(e, "start a thread");
	}
	*ret_writer = w;
	return 0;
}

int writer_folder(struct writer *w, const char *path, struct err *e)
{
	return give_job(w, (struct job){.kind = JOB_FOLDER, .path = xstrdup(path)}, e);
}

int writer_link(struct writer *w, const char *path, const char *target, struct err *e)
{
	return give_job(
	    w, (struct job){.kind = JOB_LINK, .path = xstrdup(path), .text = xstrdup(target)}, e);
}

int writer_copy(struct writer *w, size_t index, const char *path, size_t existing,
    const char *existing_path, struct err *e)
{
	return give_job(w,
	    (struct job){
		.kind = JOB_COPY,
		.path = xstrdup(path),
		.text = xstrdup(existing_path),
		.index = index,
		.existing = existing,
	    },
	    e);
}

int writer_file(struct writer *w, size_t index, const char *path, bool executable, char *data,
    size_t length, bool first, bool last, struct err *e)
{
	return give_job(w,
	    (struct job){
		.kind = JOB_FILE,
		.path = xstrdup(path),
		.text = data,
		.length = length,
		.index = index,
		.executable = executable,
		.first = first,
		.last = last,
	    },
	    e);
}

static void writer_free(struct writer *w)
{
	if (w->file_fd >= 0)
		close(w->file_fd);
	if (w->folder_fd >= 0)
		close(w->folder_fd);
	for (size_t i = 0; i < w->folder_count; i++)
		free(w->folders[i]);
	free(w->folders);
	free(w->folder);
	free(w->results);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->room);
	free(w);
}

int writer_finish(struct writer *w, struct written **ret_results, struct err *e)
{
	int result;

	give_job(w, (struct job){.kind = JOB_END}, e);
	pthread_join(w->thread, NULL);
	result = w->failed ? -1 : 0;
	if (w->failed)
		*e = w->error;
	else
		*ret_results = steal_ptr(&w->results);
	writer_free(w);
	return result;
}
