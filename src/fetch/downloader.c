#include "fetch/downloader.h"
#include "base/human.h"
#include "base/memory.h"

#include <string.h>

#define LOOK_AGAIN 200	 /* milliseconds until another runner's download is looked at again */
#define LONGEST_WAIT 500 /* milliseconds between two looks at the clock */
#define SLOWEST 1024	 /* bytes a second; below it another place is better */
#define DRAWN_AT_ONCE 64 /* files under way that a drawing can show */

static bool has_candidate_that(const struct file *file, enum candidate_state state)
{
	for (size_t i = 0; i < file->count; i++)
		if (file->candidates[i]->state == state)
			return true;
	return false;
}

static bool is_active(const struct file *file)
{
	return has_candidate_that(file, CANDIDATE_RUNS) ||
	       has_candidate_that(file, CANDIDATE_PAUSES);
}

/* A file that waits in vain for one place may ask another above the limit of all: otherwise
 * hosts that never answer could take up every transfer. A host in doubt is tried by one alone. */
static bool has_room(const struct candidate *candidate)
{
	const struct downloader *downloader = candidate->file->downloader;
	const struct settings *settings = downloader->settings;
	const struct host *host = candidate->host;

	if (host->again_at && (host->running || host->again_at > clock_milliseconds()))
		return false;
	return host->running < settings->parallel_host &&
	       (downloader->running < settings->parallel || is_active(candidate->file));
}

/* Nothing runs for it any more, and nothing will. */
static void finish(struct file *file)
{
	struct downloader *downloader = file->downloader;
	struct wanted_file *wanted = file->wanted;

	for (size_t i = 0; i < file->count; i++) {
		wanted->wrong |= !wanted->arrived && file->candidates[i]->wrong;
		transfer_release(file->candidates[i]);
	}
	partial_close(&file->partial);
	if (!wanted->arrived)
		wanted->error = candidates_report(file);
	file->is_finished = true;
	downloader->unfinished--;
	downloader->progress->finished++;
}

/* Is it known already what came of it? */
static bool settle(struct file *file)
{
	if (!file->is_finished && (file->wanted->arrived || *file->fatal))
		finish(file);
	return file->is_finished;
}

/* Somebody may have finished the file meanwhile, may be at it, or may have left its beginning.
 * With `make`, it is ours to write if it is nobody else's. Returns enum partial_state or -1. */
static int look(struct file *file, size_t origin_index, bool make)
{
	struct downloader *downloader = file->downloader;
	struct wanted_file *wanted = file->wanted;
	const struct digest *digest = &wanted->origins[origin_index].sha256;
	struct digest there;
	struct err e = {0};
	int state = partial_open(downloader->folder_fd, digest, make, &file->partial, &e);

	if (state == PARTIAL_WHOLE) {
		wanted->arrived = true;
		wanted->digest = *digest;
		wanted->origin = origin_index;
	} else if (state == PARTIAL_OPEN) {
		there = partial_digest(&file->partial);
		if (digest_equal(&there, digest))
			transfer_finish(file, NULL, origin_index);
	} else if (state < 0) {
		transfer_refuse(file, 0, &e);
	}
	return state;
}

static void wait_for_other(struct file *file)
{
	file->look_at = clock_milliseconds() + LOOK_AGAIN;
	file->was_prepared = false;
	if (file->told_of_other)
		return;
	file->told_of_other = true;
	progress_note(file->downloader->progress, "waiting", file->wanted->name,
	    "%s: somebody else downloads it, waiting for that", file->wanted->name);
}

/* See what is in the folder of it, and make it ours before anything is asked for: nobody is to
 * download what another one does. False: there is nothing to start now. */
static bool prepare(struct file *file)
{
	const struct wanted_file *wanted = file->wanted;
	const struct candidate *next = candidates_next(file);
	int state = PARTIAL_MISSING;

	file->was_prepared = true;
	if (!wanted->origins[0].pinned)
		return true;
	for (size_t i = 0; i < wanted->origin_count && state == PARTIAL_MISSING; i++)
		if (file->partial.fd < 0)
			state = look(file, i, false);
	if (state == PARTIAL_MISSING && file->partial.fd < 0 && next)
		state = look(file, next->origin_index, true);
	if (state == PARTIAL_BUSY)
		wait_for_other(file);
	return !settle(file) && state != PARTIAL_BUSY;
}

/* apt is asked once, when the first file has need of it. When it cannot be, it knows nothing. */
static void ask_apt(struct downloader *downloader)
{
	struct err e = {0};

	if (downloader->archives_known || downloader->query.fd >= 0)
		return;
	if (!archives_ask(&downloader->query, &e))
		return;
	downloader->archives_known = true;
	candidates_add_archives(downloader);
}

/* The file is not to be made ours while others could go on with it. */
static bool may_begin(struct file *file)
{
	struct candidate *first = candidates_next(file);

	if (first && !first->url) {
		ask_apt(file->downloader);
		return false;
	}
	return !first || has_room(first);
}

static void start(struct candidate *candidate)
{
	struct file *file = candidate->file;
	const struct settings *settings = file->downloader->settings;
	struct err e = {0};

	file->has_started = true;
	file->hedge_at = clock_milliseconds() + settings->hedge_ms;
	if (transfer_start(candidate, &e))
		candidate_fail(candidate, "%s", e.text);
}

/* Those whose pause is over. */
static void resume(struct file *file)
{
	uint64_t now = clock_milliseconds();

	for (size_t i = 0; i < file->count; i++) {
		struct candidate *candidate = file->candidates[i];

		if (candidate->state != CANDIDATE_PAUSES || candidate->retry_at > now)
			continue;
		if (candidate->host->down)
			candidate_fail(candidate, "%s", candidate->host->down);
		else if (has_room(candidate))
			start(candidate);
	}
}

static void hear_apt(struct downloader *downloader)
{
	if (downloader->query.fd < 0 ||
	    !archives_answered(&downloader->query, &downloader->archives))
		return;
	downloader->archives_known = true;
	candidates_add_archives(downloader);
}

/* Do what there is to do for a file now. */
static void advance(struct file *file)
{
	struct candidate *next;

	if (settle(file) || file->winner || file->look_at > clock_milliseconds())
		return;
	if (!file->was_prepared && (!may_begin(file) || !prepare(file)))
		return;
	resume(file);
	while (!is_active(file) || clock_milliseconds() >= file->hedge_at) {
		next = candidates_next(file);
		if (!next && !is_active(file))
			finish(file);
		if (next && !next->url) {
			ask_apt(file->downloader);
			if (!file->downloader->archives_known)
				return;
			continue; /* apt cannot be asked: that place is gone */
		}
		if (!next || !has_room(next) || (next->drips && is_active(file)))
			return;
		start(next);
	}
}

/* The transfers that another one was faster than. */
static void drop_losers(struct file *file)
{
	for (size_t i = 0; i < file->count; i++) {
		struct candidate *candidate = file->candidates[i];

		if (candidate->state == CANDIDATE_RUNS && candidate->was_dropped) {
			transfer_release(candidate);
			candidate->state = CANDIDATE_WAITS;
		}
	}
}

/* What delivers all too slowly is left while there is a place that was not: once only, lest two of
 * them take turns for ever. What came is kept. */
static void leave_dripping(struct file *file)
{
	const unsigned seconds = file->downloader->settings->stall_seconds;
	struct candidate *winner = file->winner, *next;
	uint64_t now = clock_milliseconds();

	if (!seconds || winner->drips || now - winner->measured_at < seconds * UINT64_C(1000))
		return;
	if (winner->received - winner->measured >= (uint64_t)seconds * SLOWEST) {
		winner->measured_at = now;
		winner->measured = winner->received;
		return;
	}
	next = candidates_next(file);
	if (!next || next->drips || (next->url && !has_room(next)))
		return;
	winner->drips = true;
	progress_note(file->downloader->progress, "slow", file->wanted->name,
	    "%s: less than 1 KiB a second, trying another place", winner->shown);
	transfer_release(winner);
	winner->state = CANDIDATE_WAITS;
}

static void take_messages(struct downloader *downloader)
{
	struct candidate *candidate;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(downloader->multi, &left))) {
		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &candidate);
		transfer_ended(candidate, code);
		settle(candidate->file);
	}
}

static int run_transfers(struct downloader *downloader, struct err *e)
{
	int running;
	CURLMcode code = curl_multi_perform(downloader->multi, &running);

	if (code)
		return err_set(e, "download: %s", curl_multi_strerror(code));
	take_messages(downloader);
	for (size_t i = 0; i < downloader->request->count; i++)
		if (downloader->files[i].winner) {
			drop_losers(&downloader->files[i]);
			leave_dripping(&downloader->files[i]);
		}
	return 0;
}

static void sooner(uint64_t *when, uint64_t then)
{
	if (then < *when)
		*when = then;
}

/* How long nothing happens unless the network does something; in milliseconds. */
static int idle_time(const struct downloader *downloader)
{
	uint64_t now = clock_milliseconds(), when = now + LONGEST_WAIT;

	for (size_t f = 0; f < downloader->request->count; f++) {
		const struct file *file = &downloader->files[f];

		if (file->is_finished || file->winner)
			continue;
		if (file->look_at > now)
			sooner(&when, file->look_at);
		if (file->hedge_at > now)
			sooner(&when, file->hedge_at);
		for (size_t i = 0; i < file->count; i++)
			if (file->candidates[i]->state == CANDIDATE_PAUSES &&
			    file->candidates[i]->retry_at > now)
				sooner(&when, file->candidates[i]->retry_at);
	}
	return (int)(when - now);
}

static void wait_for_something(struct downloader *downloader)
{
	struct curl_waitfd apt = {.fd = downloader->query.fd, .events = CURL_WAIT_POLLIN};

	curl_multi_poll(downloader->multi, &apt, apt.fd >= 0 ? 1 : 0, idle_time(downloader), NULL);
}

static void draw(struct downloader *downloader)
{
	struct progress_file under_way[DRAWN_AT_ONCE];
	uint64_t waiting = 0;
	bool sizes_known = true;
	size_t count = 0;

	for (size_t i = 0; i < downloader->request->count; i++) {
		const struct file *file = downloader->order[i];
		uint64_t size = file->total ? file->total : file->wanted->size;

		if (file->is_finished)
			continue;
		sizes_known &= size != 0;
		if (file->has_started && count < DRAWN_AT_ONCE)
			under_way[count++] =
			    (struct progress_file){file->wanted->name, file->partial.length, size};
		else
			waiting += size;
	}
	progress_draw(downloader->progress, under_way, count, waiting, sizes_known);
}

/* Large files first, so that none is left alone at the end; those of unknown size are sources,
 * and may be large. */
static int compare_sizes(const void *left, const void *right)
{
	const struct file *a = *(struct file *const *)left, *b = *(struct file *const *)right;
	uint64_t a_size = a->wanted->size - 1, b_size = b->wanted->size - 1;

	if (a_size != b_size)
		return a_size > b_size ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* What is there needs neither apt nor a turn. */
static void find(struct file *file)
{
	struct wanted_file *wanted = file->wanted;

	for (size_t i = 0; i < wanted->origin_count && !wanted->arrived; i++) {
		if (!wanted->origins[i].pinned ||
		    !download_is_there(file->downloader->folder_fd, &wanted->origins[i].sha256))
			continue;
		wanted->arrived = true;
		wanted->digest = wanted->origins[i].sha256;
		wanted->origin = i;
	}
}

static void make_files(struct downloader *downloader)
{
	size_t count = downloader->request->count;

	downloader->files = xcalloc(count, sizeof(*downloader->files));
	downloader->order = xcalloc(count, sizeof(struct file *));
	downloader->unfinished = count;
	downloader->progress->files = count;
	for (size_t i = 0; i < count; i++) {
		struct file *file = downloader->order[i] = &downloader->files[i];

		file->downloader = downloader;
		file->wanted = &downloader->request->files[i];
		file->partial.fd = -1;
		candidates_make(file);
		find(file);
	}
	qsort(downloader->order, count, sizeof(struct file *), compare_sizes);
}

static int run(struct downloader *downloader, struct err *e)
{
	while (downloader->unfinished) {
		hear_apt(downloader);
		for (size_t i = 0; i < downloader->request->count; i++)
			advance(downloader->order[i]);
		if (!downloader->unfinished)
			break;
		if (run_transfers(downloader, e))
			return -1;
		draw(downloader);
		wait_for_something(downloader);
	}
	return 0;
}

static void release(struct downloader *downloader)
{
	for (size_t i = 0; i < downloader->request->count; i++) {
		struct file *file = &downloader->files[i];

		for (size_t c = 0; c < file->count; c++)
			transfer_release(file->candidates[c]);
		partial_close(&file->partial);
		candidates_free(file);
	}
	for (size_t i = 0; i < downloader->host_count; i++) {
		free(downloader->hosts[i]->name);
		free(downloader->hosts[i]->down);
		free(downloader->hosts[i]);
	}
	free(downloader->hosts);
	free(downloader->order);
	free(downloader->files);
	archives_forget(&downloader->query);
	archives_free(&downloader->archives);
	curl_multi_cleanup(downloader->multi);
	curl_global_cleanup();
}

int download(const struct settings *settings, int folder_fd, const char *folder,
    struct request *request, struct progress *progress, struct err *e)
{
	struct downloader downloader = {
	    .settings = settings,
	    .folder = folder,
	    .folder_fd = folder_fd,
	    .request = request,
	    .progress = progress,
	    .query.fd = -1,
	};
	int result;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(downloader.multi = curl_multi_init()))
		return err_kind(e, ERR_ENVIRONMENT, "libcurl does not start");
	curl_multi_setopt(downloader.multi, CURLMOPT_MAXCONNECTS, 2L * settings->parallel);
	make_files(&downloader);
	result = run(&downloader, e);
	release(&downloader);
	return result;
}
