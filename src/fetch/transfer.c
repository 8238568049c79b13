#include "base/human.h"
#include "base/memory.h"
#include "fetch/downloader.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/statvfs.h>

#define SIZE_LIMIT (UINT64_C(4) << 30)	  /* of a file whose size is not known before */
#define LONGEST_PAUSE 30000		  /* milliseconds, when the server asks for none */
#define PROGRESS_MADE (UINT64_C(1) << 20) /* bytes that make up for a failed try */

int transfer_open_partial(struct file *file, const struct wanted_origin *origin, struct err *e)
{
	struct partial *partial = &file->partial;

	if (partial->fd >= 0 &&
	    (!origin->pinned || digest_equal(&partial->expected, &origin->sha256)))
		return PARTIAL_OPEN;
	partial_close(partial);
	return partial_open(
	    file->downloader->folder_fd, origin->pinned ? &origin->sha256 : NULL, true, partial, e);
}

void transfer_refuse(struct file *file, uint64_t needed, const struct err *e)
{
	char needed_text[HUMAN_SIZE], free_text[HUMAN_SIZE];
	struct statvfs disk;

	if (!partial_lacks_space(e)) {
		snprintf(file->fatal, sizeof(file->fatal), "%.300s; the folder is %s", e->text,
		    file->downloader->folder);
		return;
	}
	if (fstatvfs(file->downloader->folder_fd, &disk))
		disk = (struct statvfs){0};
	human_bytes(needed, needed_text);
	human_bytes((uint64_t)disk.f_bavail * disk.f_frsize, free_text);
	snprintf(file->fatal, sizeof(file->fatal),
	    "no space: %s%s needed, %s are free (%s); make room and run it again, what has come is "
	    "kept; the folder is %s",
	    needed ? needed_text : "more", needed ? " more are" : " is", free_text,
	    strerrordesc_np(e->errnum), file->downloader->folder);
}

/* Refuse a file that cannot fit before the disk is full of its beginning. */
static int check_space(struct file *file)
{
	uint64_t needed =
	    file->total > file->partial.length ? file->total - file->partial.length : 0;
	struct err e = {.errnum = ENOSPC};
	struct statvfs disk;

	if (fstatvfs(file->downloader->folder_fd, &disk) ||
	    (uint64_t)disk.f_bavail * disk.f_frsize >= needed)
		return 0;
	transfer_refuse(file, needed, &e);
	return -1;
}

/* What the server says of the file's size must fit what is known of it. */
static int check_size(struct candidate *candidate)
{
	struct file *file = candidate->file;
	curl_off_t length = -1;

	curl_easy_getinfo(candidate->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	file->total = length < 0 ? file->wanted->size : (uint64_t)length + candidate->offset;
	if (file->wanted->size && file->total != file->wanted->size) {
		candidate->wrong = true;
		candidate_fail(candidate, "has %llu bytes instead of %llu",
		    (unsigned long long)file->total, (unsigned long long)file->wanted->size);
		return -1;
	}
	if (file->total > SIZE_LIMIT && !file->wanted->size) {
		candidate_fail(candidate, "has %llu bytes, more than the 4 GiB allowed",
		    (unsigned long long)file->total);
		return -1;
	}
	return 0;
}

/* Of the candidates that run, this one delivers first: the others are dropped. */
static void win(struct candidate *candidate)
{
	struct file *file = candidate->file;

	candidate->has_begun = true;
	candidate->measured_at = clock_milliseconds();
	file->winner = candidate;
	for (size_t i = 0; i < file->count; i++) {
		struct candidate *other = file->candidates[i];

		if (other == candidate || other->state == CANDIDATE_FAILED)
			continue;
		if (other->state == CANDIDATE_WAITS)
			continue;
		other->host->slow = !other->host->answered;
		if (other->state == CANDIDATE_RUNS)
			other->was_dropped = true;
		else
			other->state = CANDIDATE_WAITS;
	}
}

/* Whole, or the part that was asked for; a folder has no status. */
static bool status_fits(struct candidate *candidate)
{
	long status = 0;

	curl_easy_getinfo(candidate->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status == 206 && candidate->offset && candidate->range_start != candidate->offset) {
		candidate_fail(candidate, "answered with another part of the file than asked for");
		return false;
	}
	if (status != 200 && (status != 206 || !candidate->offset) &&
	    strncmp(candidate->url, "file:", 5)) {
		candidate_fail(
		    candidate, "the server says %ld instead of sending the file", status);
		return false;
	}
	if (status != 206)
		candidate->offset = 0;
	return true;
}

/* The first bytes are here: does the answer fit the question, and is the file ours to write? */
static int begin(struct candidate *candidate)
{
	struct file *file = candidate->file;
	struct err e = {0};
	int state;

	host_answers(candidate->host);
	if (!status_fits(candidate) || check_size(candidate))
		return -1;
	state = transfer_open_partial(file, candidate->origin, &e);
	if (state == PARTIAL_OPEN && candidate->offset != file->partial.length &&
	    (!candidate->offset || candidate->offset > file->partial.length))
		state = partial_restart(&file->partial, &e) ? -1 : PARTIAL_OPEN;
	if (state < 0)
		transfer_refuse(file, 0, &e);
	else if (state != PARTIAL_OPEN || file->partial.length != candidate->offset)
		candidate->was_busy = true; /* look again what is there */
	else if (!check_space(file))
		win(candidate);
	return candidate->has_begun ? 0 : -1;
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *argument)
{
	struct candidate *candidate = argument;
	struct file *file = candidate->file;
	size_t length = size * count;
	uint64_t limit = file->wanted->size ? file->wanted->size : SIZE_LIMIT;
	struct err e;

	if (candidate->was_dropped || *file->fatal)
		return CURL_WRITEFUNC_ERROR;
	if (!candidate->has_begun && begin(candidate))
		return CURL_WRITEFUNC_ERROR;
	if (file->partial.length + length > limit) {
		candidate->wrong = true;
		candidate_fail(candidate, "has more than the %llu bytes %s",
		    (unsigned long long)limit, file->wanted->size ? "expected" : "allowed");
		return CURL_WRITEFUNC_ERROR;
	}
	if (partial_add(&file->partial, bytes, length, &e)) {
		transfer_refuse(file,
		    file->total > file->partial.length ? file->total - file->partial.length : 0,
		    &e);
		return CURL_WRITEFUNC_ERROR;
	}
	candidate->received += length;
	file->downloader->progress->received += length;
	return length;
}

/* Each answer's headers come here, also those of redirections: the last one's count. */
static size_t take_header(char *bytes, size_t size, size_t count, void *argument)
{
	struct candidate *candidate = argument;
	size_t length = size * count;
	char line[80], *range;

	snprintf(line, sizeof(line), "%.*s", (int)(length < 79 ? length : 79), bytes);
	if (!strncmp(line, "HTTP/", 5))
		candidate->range_start = UINT64_MAX;
	else if (!strncasecmp(line, "content-range:", 14) && (range = strstr(line, "bytes ")))
		candidate->range_start = strtoull(range + strlen("bytes "), NULL, 10);
	return length;
}

static void set_limits(CURL *curl, const struct settings *settings)
{
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)settings->connect_seconds);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)settings->stall_seconds);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 10L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 262144L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "minsys-fetch");
}

static void set_place(CURL *curl, const struct candidate *candidate)
{
	bool folder = !strncmp(candidate->url, "file:", 5);
	bool https = !strncasecmp(candidate->url, "https:", 6);

	curl_easy_setopt(curl, CURLOPT_URL, candidate->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, folder ? "file" : "http,https");
	/* What nothing is known of before must not leave TLS on its way. */
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
	    https && !candidate->origin->pinned ? "https" : "http,https");
	if (candidate->proxy)
		curl_easy_setopt(curl, CURLOPT_PROXY, candidate->proxy);
}

/* Where to go on from: what this process has open, or what another one has left. */
static uint64_t resume_offset(const struct candidate *candidate)
{
	const struct file *file = candidate->file;

	if (!candidate->origin->pinned || !strncmp(candidate->url, "file:", 5))
		return 0;
	if (file->partial.fd >= 0 &&
	    digest_equal(&file->partial.expected, &candidate->origin->sha256))
		return file->partial.length;
	return partial_size(file->downloader->folder_fd, &candidate->origin->sha256);
}

int transfer_start(struct candidate *candidate, struct err *e)
{
	struct downloader *downloader = candidate->file->downloader;
	CURL *curl = curl_easy_init();
	char range[40];

	if (!curl)
		return err_set(e, "begin a transfer: out of memory");
	candidate->curl = curl;
	candidate->curl_error[0] = 0;
	candidate->range_start = UINT64_MAX;
	candidate->received = candidate->measured = 0;
	candidate->decides = candidate->host->again_at != 0;
	candidate->has_begun = candidate->was_dropped = candidate->was_busy = false;
	candidate->offset = resume_offset(candidate);
	set_limits(curl, downloader->settings);
	set_place(curl, candidate);
	if (candidate->offset) {
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)candidate->offset);
		curl_easy_setopt(curl, CURLOPT_RANGE, range);
	}
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, candidate->curl_error);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_bytes);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, candidate);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, candidate);
	curl_easy_setopt(curl, CURLOPT_PRIVATE, candidate);
	if (curl_multi_add_handle(downloader->multi, curl)) {
		curl_easy_cleanup(curl);
		candidate->curl = NULL;
		return err_set(e, "begin a transfer: libcurl refuses it");
	}
	candidate->state = CANDIDATE_RUNS;
	candidate->tries++;
	candidate->host->running++;
	downloader->running++;
	return 0;
}

void transfer_release(struct candidate *candidate)
{
	struct file *file = candidate->file;

	if (!candidate->curl)
		return;
	curl_multi_remove_handle(file->downloader->multi, candidate->curl);
	curl_easy_cleanup(candidate->curl);
	candidate->curl = NULL;
	/* There is room now: look at once who is next. */
	curl_multi_wakeup(file->downloader->multi);
	candidate->host->running--;
	file->downloader->running--;
	if (file->winner == candidate)
		file->winner = NULL;
}

void transfer_finish(struct file *file, const struct candidate *candidate, size_t origin_index)
{
	struct wanted_file *wanted = file->wanted;
	uint64_t length = file->partial.length;
	struct err e = {0};

	if (partial_finish(&file->partial, &wanted->digest, &e)) {
		transfer_refuse(file, 0, &e);
		return;
	}
	wanted->arrived = true;
	wanted->origin = origin_index;
	wanted->url = candidate ? xstrdup(candidate->shown) : NULL;
	progress_arrived(
	    file->downloader->progress, wanted->name, length, candidate ? candidate->url : NULL);
}

/* Try it again after a pause, unless it has had its tries. `asked_ms` is what the server wants.
 * A try that got further than any before is none: large files may take many. */
static void pause_or_fail(struct candidate *candidate, uint64_t asked_ms)
{
	struct file *file = candidate->file;
	const struct settings *settings = file->downloader->settings;
	unsigned doubled = candidate->tries < 8 ? candidate->tries - 1 : 7;
	uint64_t delay = (uint64_t)settings->retry_delay_ms << doubled;
	unsigned random = 0;
	char reason[sizeof(candidate->reason)];

	if (candidate->has_begun && file->partial.length >= file->high_water + PROGRESS_MADE) {
		candidate->tries = 0;
		file->high_water = file->partial.length;
	}
	memcpy(reason, candidate->reason, sizeof(reason));
	if (candidate->tries > settings->retries) {
		candidate_fail(candidate, "%.250s (%u tries)", reason, candidate->tries);
		return;
	}
	if (asked_ms > settings->wait_seconds * UINT64_C(1000)) {
		candidate_fail(candidate, "%.200s, and wants us to wait for %llu s", reason,
		    (unsigned long long)(asked_ms / 1000));
		return;
	}
	/* At random, so that all who were sent away together do not come back together. */
	if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
		random = 0;
	delay = (delay < LONGEST_PAUSE ? delay : LONGEST_PAUSE);
	delay = delay / 2 + random % (delay / 2 + 1);
	candidate->retry_at = clock_milliseconds() + (asked_ms > delay ? asked_ms : delay);
	candidate->state = CANDIDATE_PAUSES;
	progress_note(file->downloader->progress, "retry", file->wanted->name,
	    "%s: %s, trying again", candidate->shown, reason);
}

/* The whole file must be asked for: what was there before does not fit. */
static void start_over(struct candidate *candidate)
{
	struct file *file = candidate->file;
	struct err e = {0};
	int state = transfer_open_partial(file, candidate->origin, &e);

	candidate->restarted = true;
	if (state < 0 || (state == PARTIAL_OPEN && partial_restart(&file->partial, &e))) {
		transfer_refuse(file, 0, &e);
		return;
	}
	candidate->tries--;
	candidate->state = CANDIDATE_PAUSES;
	candidate->retry_at = 0;
}

/* Everything that the server has for us is there. */
static void judge_content(struct candidate *candidate)
{
	struct file *file = candidate->file;
	struct digest digest = partial_digest(&file->partial);
	char got[DIGEST_HEX_SIZE], expected[DIGEST_HEX_SIZE], size[HUMAN_SIZE];
	const char *type = NULL;

	if (!candidate->origin->pinned || digest_equal(&digest, &candidate->origin->sha256)) {
		transfer_finish(file, candidate, candidate->origin_index);
		return;
	}
	if (candidate->offset && !candidate->restarted) {
		start_over(candidate);
		return;
	}
	curl_easy_getinfo(candidate->curl, CURLINFO_CONTENT_TYPE, &type);
	candidate->wrong = true;
	candidate_fail(candidate, "wrong content%s: sha256 %s instead of %s (%s came)",
	    type && !strncasecmp(type, "text/html", 9) ? ", a web page" : "",
	    digest_format(&digest, got), digest_format(&candidate->origin->sha256, expected),
	    human_bytes(file->partial.length, size));
	partial_discard(&file->partial);
}

/* The transfer broke off, by its end or ours. */
static void judge_cut(struct candidate *candidate)
{
	struct file *file = candidate->file;
	struct digest digest;

	/* A server that promised more than there is has delivered all the same. */
	if (candidate->has_begun && candidate->origin->pinned) {
		digest = partial_digest(&file->partial);
		if (digest_equal(&digest, &candidate->origin->sha256)) {
			transfer_finish(file, candidate, candidate->origin_index);
			return;
		}
	}
	pause_or_fail(candidate, 0);
}

static void judge_status(struct candidate *candidate)
{
	curl_off_t wait = 0;
	long status = 0;

	curl_easy_getinfo(candidate->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(candidate->curl, CURLINFO_RETRY_AFTER, &wait);
	host_answers(candidate->host);
	if (status == 416 && candidate->offset && !candidate->restarted) {
		start_over(candidate);
		return;
	}
	if (status == 429 || status == 408 || status >= 500) {
		snprintf(candidate->reason, sizeof(candidate->reason), "the server says %ld%s",
		    status, status == 429 ? " (too many requests)" : "");
		pause_or_fail(candidate, wait > 0 ? (uint64_t)wait * 1000 : 0);
		return;
	}
	candidate_fail(candidate, "the server says %ld%s", status,
	    status == 404   ? " (not found)"
	    : status == 403 ? " (forbidden)"
			    : "");
}

/* The host was not reached. That may be an accident, so the next place is asked at once, and this
 * one again after a pause, by one alone; when that fails too, others need not try. */
static void judge_unreachable(struct candidate *candidate)
{
	struct host *host = candidate->host;
	bool none_again = !candidate->file->downloader->settings->retries;

	if (!host->answered && host->running == 1 && (candidate->decides || none_again)) {
		free(host->down);
		host->down = xstrdup(candidate->reason);
		candidate->state = CANDIDATE_FAILED;
		return;
	}
	pause_or_fail(candidate, 0);
	candidate->file->hedge_at = 0;
	if (host->answered || host->again_at)
		return;
	host->slow = true;
	host->again_at = candidate->state == CANDIDATE_PAUSES ? candidate->retry_at : 1;
}

static void say_why(struct candidate *candidate, CURLcode code)
{
	const char *said =
	    *candidate->curl_error ? candidate->curl_error : curl_easy_strerror(code);
	char size[HUMAN_SIZE];

	if (candidate->has_begun)
		candidate_fail(candidate, "%s after %s",
		    code == CURLE_OPERATION_TIMEDOUT ? "stalled" : "the connection was cut",
		    human_bytes(candidate->file->partial.length, size));
	else
		candidate_fail(candidate, "%.250s", said);
	candidate->is_final = false;
}

static void judge_failure(struct candidate *candidate, CURLcode code)
{
	curl_off_t sent_after = 0;

	say_why(candidate, code);
	curl_easy_getinfo(candidate->curl, CURLINFO_PRETRANSFER_TIME_T, &sent_after);
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_SSL_CONNECT_ERROR:
		judge_unreachable(candidate);
		break;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_PARTIAL_FILE:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
	case CURLE_HTTP3:
	case CURLE_QUIC_CONNECT_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
		/* Before anything was sent: a proxy that refuses. */
		if (!sent_after)
			judge_unreachable(candidate);
		else
			judge_cut(candidate);
		break;
	default: /* another try would end the same way */
		candidate->is_final = true;
		break;
	}
}

void transfer_ended(struct candidate *candidate, CURLcode code)
{
	struct file *file = candidate->file;

	/* An empty file has no first byte. */
	if (code == CURLE_OK && !candidate->has_begun && !candidate->was_dropped)
		begin(candidate);
	if (candidate->was_dropped) {
		candidate->state = CANDIDATE_WAITS;
	} else if (candidate->was_busy) {
		candidate->state = CANDIDATE_WAITS;
		candidate->tries--;
		file->was_prepared = false;
	} else if (*file->fatal || candidate->is_final) {
		candidate->state = CANDIDATE_FAILED;
	} else if (code == CURLE_OK) {
		judge_content(candidate);
	} else if (code == CURLE_HTTP_RETURNED_ERROR) {
		judge_status(candidate);
	} else {
		judge_failure(candidate, code);
	}
	transfer_release(candidate);
}
