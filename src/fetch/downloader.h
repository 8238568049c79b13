/*
 * Many downloads at once. Each file has candidates, the URLs that its origins come down to, in
 * order. One is asked; when it has not begun to deliver after `hedge_ms`, or has failed, the next
 * one is asked too, and the first that delivers is taken and the others are dropped. What is
 * worth another try is tried again after a growing wait. A host that could not be reached, not
 * when tried again either, is not tried for other files. What delivers all too slowly is left for
 * a place that was not asked yet, which goes on with what came.
 *
 * candidates.c knows the places, transfer.c one try of one place, downloader.c who is next.
 */
#ifndef FETCH_DOWNLOADER_H
#define FETCH_DOWNLOADER_H

#include "fetch/archives.h"
#include "fetch/partial.h"
#include "fetch/progress.h"
#include "fetch/request.h"

#include <curl/curl.h>

struct settings {
	const char *mirror;	 /* URL or absolute path; NULL: none */
	unsigned parallel;	 /* transfers at once */
	unsigned parallel_host;	 /* of them, from one host */
	unsigned retries;	 /* of one candidate */
	unsigned retry_delay_ms; /* before the first; doubles, with a random part */
	unsigned hedge_ms;
	unsigned stall_seconds;	  /* with no data, or hardly any, until a transfer is given up */
	unsigned connect_seconds; /* until a connection is */
	unsigned wait_seconds;	  /* that a server may ask to wait at most */
};

struct host {
	char *name; /* scheme, name and port */
	unsigned running;
	bool answered; /* in this run */
	bool slow;     /* another place answered first, or it could not be reached */
	uint64_t
	    again_at; /* it could not be reached: one try, from then on, decides; 0: no doubt */
	char *down;   /* why it could not be reached */
};

enum candidate_state {
	CANDIDATE_WAITS, /* not asked yet, or dropped for another one */
	CANDIDATE_RUNS,
	CANDIDATE_PAUSES, /* tried again at `retry_at` */
	CANDIDATE_FAILED, /* for `reason` */
};

struct file;

struct candidate {
	struct file *file;
	size_t origin_index;
	const struct wanted_origin *origin;
	char *url;	   /* NULL: stands for the archives that apt knows */
	char *shown;	   /* the URL without a password */
	const char *proxy; /* as in struct archive */
	struct host *host;
	enum candidate_state state;
	char reason[320];
	bool wrong; /* it had a file of another digest */
	unsigned tries;
	uint64_t retry_at; /* clock_milliseconds() */
	bool restarted;	   /* was asked for the whole file after a resumption came out wrong */
	bool drips;	   /* was left for another one, being too slow */

	/* The try that runs. */
	CURL *curl;
	char curl_error[CURL_ERROR_SIZE];
	uint64_t offset;      /* asked for from here */
	uint64_t range_start; /* what the server says of it */
	uint64_t received;    /* bytes of content in this try */
	uint64_t measured_at; /* clock_milliseconds(): its speed is measured from here on */
	uint64_t measured;    /* `received` at that time */
	bool decides;	      /* whether its host is down */
	bool has_begun;	      /* to deliver; it is the file's winner */
	bool was_dropped;
	bool was_busy; /* somebody else writes the file */
	bool is_final; /* `reason` is set: no other try */
};

struct file {
	struct downloader *downloader;
	struct wanted_file *wanted;
	struct candidate **candidates;
	size_t count;
	struct candidate *winner; /* NULL unless one delivers */
	struct partial partial;	  /* ours from its turn on, through pauses */
	uint64_t total;		  /* bytes, once known */
	uint64_t high_water;	  /* bytes that were there when a cut last did not count as a try */
	uint64_t hedge_at;	  /* clock_milliseconds() */
	uint64_t look_at;	  /* when to look again for what another runner does */
	bool was_prepared;
	bool has_started;
	bool is_finished;
	bool told_of_other; /* that another runner is waited for */
	char fatal[512];    /* no candidate can mend this: no space, no permission */
};

struct downloader {
	const struct settings *settings;
	const char *folder; /* for messages */
	int folder_fd;
	struct request *request;
	struct progress *progress;
	struct file *files;
	struct file **order; /* the order they are begun in */
	size_t unfinished;
	struct host **hosts;
	size_t host_count;
	unsigned running;
	CURLM *multi;
	struct archive_query query;
	struct archives archives;
	bool archives_known;
};

/* Download all of a request into the folder; what came of each stands in its files. Fails only
 * when nothing could be tried. */
int download(const struct settings *settings, int folder_fd, const char *folder,
    struct request *request, struct progress *progress, struct err *e);

/* candidates.c */

/* Make the candidates of a file, as far as they are known without apt: a mirror that was given
 * comes before all else, then the origins as they are listed. */
void candidates_make(struct file *file);
/* Put those that apt told of in their places, in every file. */
void candidates_add_archives(struct downloader *downloader);
/* The next one to ask, or NULL: the first that waits; those on slow hosts, then those that drip,
 * come last. One whose host is down is failed on the way. */
struct candidate *candidates_next(struct file *file);
void candidates_free(struct file *file);
/* It was reached: whatever was thought of it before. */
void host_answers(struct host *host);
void candidate_fail(struct candidate *candidate, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* "musl 1.2.5 could not be downloaded:" and a line for each candidate. */
char *candidates_report(const struct file *file);

/* transfer.c */

/* Begin a try. */
int transfer_start(struct candidate *candidate, struct err *e);
/* What came of one that ended: the candidate's new state; the file is finished when it is whole. */
void transfer_ended(struct candidate *candidate, CURLcode code);
/* Release what a try holds; no transfer may run any more when it returns. */
void transfer_release(struct candidate *candidate);
/* The file's `partial`, of this digest and ours. As partial_open(). */
int transfer_open_partial(struct file *file, const struct wanted_origin *origin, struct err *e);
/* All of it is there: give it its name. */
void transfer_finish(struct file *file, const struct candidate *candidate, size_t origin_index);
/* The folder or the disk refuses it. */
void transfer_refuse(struct file *file, uint64_t needed, const struct err *e);

#endif
