#include "base/memory.h"
#include "fetch/downloader.h"

#include <stdarg.h>
#include <string.h>

#define SNAPSHOT_ARCHIVE "https://snapshot.debian.org/archive/debian/"

/* Up to the path: "https://musl.libc.org"; "file://" for all folders. */
static struct host *host_of(struct downloader *downloader, const char *url)
{
	const char *name = strstr(url, "//") + 2;
	size_t length = (size_t)(name - url) + strcspn(name, "/?#");

	for (size_t i = 0; i < downloader->host_count; i++) {
		struct host *host = downloader->hosts[i];

		if (strlen(host->name) == length && !strncmp(host->name, url, length))
			return host;
	}
	downloader->hosts =
	    xgrow(downloader->hosts, downloader->host_count, sizeof(*downloader->hosts));
	struct host *host = xcalloc(1, sizeof(*host));
	host->name = xstrndup(url, length);
	return downloader->hosts[downloader->host_count++] = host;
}

/* Takes `url`. */
static struct candidate *candidate_make(
    struct file *file, size_t origin_index, char *url, const char *proxy)
{
	struct candidate *candidate = xcalloc(1, sizeof(*candidate));

	candidate->file = file;
	candidate->origin_index = origin_index;
	candidate->origin = &file->wanted->origins[origin_index];
	candidate->url = url;
	candidate->shown = url ? url_to_show(url) : NULL;
	candidate->proxy = proxy;
	candidate->host = url ? host_of(file->downloader, url) : NULL;
	return candidate;
}

/* Takes `url`. */
static void candidates_add(struct file *file, size_t origin_index, char *url)
{
	file->candidates = xgrow(file->candidates, file->count, sizeof(struct candidate *));
	file->candidates[file->count++] = candidate_make(file, origin_index, url, NULL);
}

static char *mirror_url(const char *mirror, const char *path)
{
	_cleanup_free_ char *folder = *mirror == '/' ? folder_url(mirror) : NULL;
	const char *base = folder ? folder : mirror;

	return xasprintf("%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/", path);
}

void candidates_make(struct file *file)
{
	const char *mirror = file->downloader->settings->mirror;
	const char *snapshot = file->downloader->request->snapshot;

	for (size_t i = 0; mirror && i < file->wanted->origin_count; i++)
		if (file->wanted->origins[i].in_pool)
			candidates_add(
			    file, i, mirror_url(mirror, file->wanted->origins[i].location));
	for (size_t i = 0; i < file->wanted->origin_count; i++) {
		const struct wanted_origin *origin = &file->wanted->origins[i];

		if (!origin->in_pool) {
			candidates_add(file, i, xstrdup(origin->location));
			continue;
		}
		candidates_add(file, i, NULL);
		if (snapshot)
			candidates_add(file, i,
			    xasprintf(SNAPSHOT_ARCHIVE "%s/%s", snapshot, origin->location));
	}
}

/* Replace one that stands for the archives by one for each archive. */
static void candidates_replace(struct file *file, size_t index)
{
	const struct archives *archives = &file->downloader->archives;
	struct candidate *old = file->candidates[index];
	size_t count = file->count - 1 + archives->count;
	struct candidate **all = xcalloc(count, sizeof(*all));

	memcpy(all, file->candidates, index * sizeof(*all));
	for (size_t i = 0; i < archives->count; i++) {
		const struct archive *archive = &archives->items[i];

		all[index + i] = candidate_make(file, old->origin_index,
		    xasprintf("%s%s", archive->base, old->origin->location), archive->proxy);
	}
	memcpy(all + index + archives->count, file->candidates + index + 1,
	    (file->count - 1 - index) * sizeof(*all));
	free(old);
	free(file->candidates);
	file->candidates = all;
	file->count = count;
}

void candidates_add_archives(struct downloader *downloader)
{
	for (size_t f = 0; f < downloader->request->count; f++) {
		struct file *file = &downloader->files[f];

		for (size_t i = file->count; i-- > 0;)
			if (!file->candidates[i]->url)
				candidates_replace(file, i);
	}
}

struct candidate *candidates_next(struct file *file)
{
	struct candidate *slow = NULL, *dripping = NULL;

	for (size_t i = 0; i < file->count; i++) {
		struct candidate *candidate = file->candidates[i];
		const struct host *host = candidate->host;

		if (candidate->state != CANDIDATE_WAITS)
			continue;
		if (host && host->down)
			candidate_fail(candidate, "%s", host->down);
		else if (candidate->drips)
			dripping = dripping ? dripping : candidate;
		else if (!host || !host->slow || host->answered)
			return candidate;
		else if (!slow)
			slow = candidate;
	}
	return slow ? slow : dripping;
}

void host_answers(struct host *host)
{
	host->answered = true;
	host->again_at = 0;
	free(steal_ptr(&host->down));
}

void candidates_free(struct file *file)
{
	for (size_t i = 0; i < file->count; i++) {
		free(file->candidates[i]->shown);
		free(file->candidates[i]->url);
		free(file->candidates[i]);
	}
	free(file->candidates);
}

void candidate_fail(struct candidate *candidate, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(candidate->reason, sizeof(candidate->reason), format, arguments);
	va_end(arguments);
	/* Some of it may come from the server. */
	for (char *c = candidate->reason; *c; c++)
		if (*c < ' ' || *c > 126)
			*c = '?';
	candidate->state = CANDIDATE_FAILED;
	candidate->is_final = true;
}

char *candidates_report(const struct file *file)
{
	struct buf text = {0};

	if (*file->fatal) {
		buf_printf(&text, "%s: %s", file->wanted->name, file->fatal);
		return text.data;
	}
	buf_printf(&text, "%s could not be downloaded:", file->wanted->name);
	for (size_t i = 0; i < file->count; i++) {
		const struct candidate *candidate = file->candidates[i];

		if (candidate->url)
			buf_printf(&text, "\n  %s: %s", candidate->shown, candidate->reason);
		else
			buf_printf(&text, "\n  %s: apt was not asked which archives have it",
			    candidate->origin->location);
	}
	if (file->downloader->archives_known && !file->downloader->archives.count)
		for (size_t i = 0; i < file->wanted->origin_count; i++)
			if (file->wanted->origins[i].in_pool)
				buf_printf(&text, "\n  %s: apt knows no Debian archive here",
				    file->wanted->origins[i].location);
	return text.data;
}
