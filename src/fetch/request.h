/*
 * What minsys-fetch is asked for, as JSON on its standard input:
 *   {"snapshot": "20260711T101637Z",
 *    "files": [{"name": "musl 1.2.5", "size": 1080786,
 *               "origins": [{"url": "https://…", "sha256": "…"},
 *                           {"pool": "pool/main/m/musl/…", "sha256": "…"}]}]}
 * `snapshot` and `size` may be left out. `"sha256": null` takes whatever comes; then it must be
 * null for each origin of that file. The answer, one entry a file in the same order:
 *   {"files": [{"sha256": "…", "origin": 1, "url": "http://…"},
 *              {"error": "musl 1.2.5 could not be downloaded:\n  …", "wrong": false}],
 *    "advice": "…"}
 * `url` is missing when the file was there already, `advice` when no file failed.
 */
#ifndef FETCH_REQUEST_H
#define FETCH_REQUEST_H

#include "base/digest.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct wanted_origin {
	bool in_pool;
	const char *location;
	bool pinned; /* `sha256` holds */
	struct digest sha256;
};

struct wanted_file {
	const char *name;
	uint64_t size; /* 0: unknown */
	struct wanted_origin *origins;
	size_t origin_count;

	/* What came of it. */
	bool arrived;
	struct digest digest;
	size_t origin; /* the one that answered */
	char *url;     /* it answered there; NULL: the file was there before */
	char *error;   /* when it did not arrive: a line, and an indented one for each place */
	bool wrong;    /* some place had a file of another digest */
};

struct request {
	json_t *text; /* owns the strings */
	const char *snapshot;
	struct wanted_file *files;
	size_t count;
};

/* Read and check a request, of 64 MiB at most. Its errors are ERR_INPUT. */
int request_read(int fd, struct request *ret_request, struct err *e);
/* The answer as a line of JSON; the caller's to free. */
char *request_answer(const struct request *request, const char *advice);
void request_free(struct request *request);

/* A path below an archive: relative, of plain characters, no part of it empty, `.` or `..`. */
bool pool_path_is_plain(const char *path);
bool url_is_http(const char *url);
/* The URL as it may be shown: with `***` for a user and password in it. The caller's to free. */
char *url_to_show(const char *url);

#endif
