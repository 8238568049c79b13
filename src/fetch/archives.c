#include "fetch/archives.h"
#include "base/file.h"
#include "base/human.h"
#include "base/memory.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#define PATIENCE 10000 /* milliseconds that apt has to answer */

extern char **environ;

/* Without package lists, as in a fresh container, apt knows no origins, but where it would ask. */
static const char question[] =
    "command -v apt-get >/dev/null || exit 0\n"
    "export LC_ALL=C\n"
    "lists=$(apt-get indextargets --format 'index|$(REPO_URI)|$(ORIGIN)|$(LABEL)'"
    " 'Created-By: Packages')\n"
    "case $lists in\n"
    "*index*) printf '%s\\n' \"$lists\" ;;\n"
    "*) apt-get update --print-uris ;;\n"
    "esac\n"
    "apt-config dump --format 'config|%F|%v%n' Acquire\n";

int archives_ask(struct archive_query *query, struct err *e)
{
	const char *const command[] = {"sh", "-c", question, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], failed;

	if (pipe2(ends, O_CLOEXEC))
		return err_errno(e, "make a pipe to apt");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	failed =
	    posix_spawn(&query->pid, "/bin/sh", &actions, NULL, (char *const *)command, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		query->pid = 0;
		errno = failed;
		return err_errno(e, "run /bin/sh to ask apt");
	}
	query->fd = ends[0];
	query->deadline = clock_milliseconds() + PATIENCE;
	return 0;
}

void archives_forget(struct archive_query *query)
{
	if (query->fd >= 0) {
		kill(query->pid, SIGKILL);
		close(steal_fd(&query->fd));
	}
	if (query->pid > 0)
		waitpid(query->pid, NULL, 0);
	query->pid = 0;
	buf_free(&query->text);
}

bool archives_answered(struct archive_query *query, struct archives *ret_archives)
{
	struct pollfd waited = {.fd = query->fd, .events = POLLIN};
	ssize_t got;

	while (poll(&waited, 1, 0) > 0) {
		got = read(query->fd, buf_reserve(&query->text, 65536), 65536);
		if (got > 0) {
			query->text.length += (size_t)got;
			query->text.data[query->text.length] = 0;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		buf_add(&query->text, "", 0);
		archives_parse(query->text.data, ret_archives);
		close(steal_fd(&query->fd));
		archives_forget(query);
		return true;
	}
	if (clock_milliseconds() < query->deadline)
		return false;
	archives_forget(query);
	*ret_archives = (struct archives){0};
	return true;
}

char *folder_url(const char *path)
{
	_cleanup_buf_ struct buf url = {0};

	buf_puts(&url, "file://");
	for (const char *c = path; *c; c++) {
		if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
		    (*c >= '0' && *c <= '9') || strchr("/-._~", *c))
			buf_add(&url, c, 1);
		else
			buf_printf(&url, "%%%02X", (unsigned char)*c);
	}
	if (url.data[url.length - 1] != '/')
		buf_puts(&url, "/");
	return steal_ptr(&url.data);
}

static void archives_add(struct archives *archives, const char *base)
{
	const char *path = NULL;
	char *url;

	if (!strncmp(base, "file:", 5) || !strncmp(base, "copy:", 5))
		path = base + 5 + (strncmp(base + 5, "//", 2) ? 0 : 2);
	if (path && *path != '/')
		return;
	if (!path && strncasecmp(base, "http://", 7) && strncasecmp(base, "https://", 8))
		return;
	url = path ? folder_url(path)
		   : xasprintf("%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/");
	for (size_t i = 0; i < archives->count; i++) {
		if (!strcmp(archives->items[i].base, url)) {
			free(url);
			return;
		}
	}
	archives->items = xgrow(archives->items, archives->count, sizeof(*archives->items));
	archives->items[archives->count++] = (struct archive){.base = url};
}

/* A list of mirrors, one a line, as the images of clouds have it: what follows a tab is other. */
static void add_mirror_list(struct archives *archives, const char *path)
{
	_cleanup_buf_ struct buf text = {0};
	struct err e;
	char *rest;

	if (file_read(AT_FDCWD, path, 1 << 20, &text, &e))
		return;
	rest = text.data;
	for (char *line; (line = strsep(&rest, "\n"));) {
		line[strcspn(line, " \t\r#")] = 0;
		if (*line)
			archives_add(archives, line);
	}
}

static void add_base(struct archives *archives, const char *base)
{
	const char *list = strncmp(base, "mirror+file:", 12) ? NULL : base + 12;
	_cleanup_free_ char *path = NULL;

	if (!list) {
		archives_add(archives, base);
		return;
	}
	path = xstrdup(strncmp(list, "//", 2) ? list : list + 2);
	for (size_t length = strlen(path); length > 1 && path[length - 1] == '/';)
		path[--length] = 0;
	add_mirror_list(archives, path);
}

/* index|<base>|<origin>|<label>: `main_archives` chooses between the two kinds of label. */
static void add_index(struct archives *archives, char *line, bool main_archives)
{
	const char *base = strsep(&line, "|");
	const char *origin = strsep(&line, "|");

	if (origin && line && !strcmp(origin, "Debian") && !strcmp(line, "Debian") == main_archives)
		add_base(archives, base);
}

/* '<base>dists/…' … */
static void add_guess(struct archives *archives, char *line)
{
	char *end = strstr(line, "/dists/");

	if (!end)
		return;
	end[1] = 0;
	add_base(archives, line + 1);
}

/* The value of apt's most specific setting of this kind, or NULL: for an https URL those for https
 * come first, then those for http, as apt has it; of each, the host's own before the general. */
static const char *proxy_setting(char *const *settings, size_t count, const char *base)
{
	static const char *const schemes[] = {"https", "http"};
	bool https = !strncasecmp(base, "https:", 6);
	const char *host = strstr(base, "//") + 2;
	int length = (int)strcspn(host, ":/");

	for (int own = 1; own >= 0; own--) {
		for (int s = https ? 0 : 1; s < 2; s++) {
			_cleanup_free_ char *name = xasprintf("Acquire::%s::Proxy%s%.*s|",
			    schemes[s], own ? "::" : "", own ? length : 0, host);

			for (size_t i = 0; i < count; i++)
				if (!strncasecmp(settings[i], name, strlen(name)) &&
				    settings[i][strlen(name)])
					return settings[i] + strlen(name);
		}
	}
	return NULL;
}

static void set_proxies(struct archives *archives, char *const *settings, size_t count)
{
	for (size_t i = 0; i < archives->count; i++) {
		struct archive *archive = &archives->items[i];
		const char *proxy = proxy_setting(settings, count, archive->base);

		if (proxy && (!strcasecmp(proxy, "DIRECT") || !strcasecmp(proxy, "false")))
			proxy = "";
		archive->proxy = proxy ? xstrdup(proxy) : NULL;
	}
}

void archives_parse(char *text, struct archives *ret_archives)
{
	_cleanup_free_ char **lines = NULL, **settings = NULL;
	size_t count = 0, setting_count = 0;
	struct archives archives = {0};

	for (char *line; (line = strsep(&text, "\n"));) {
		if (!strncmp(line, "config|", 7)) {
			settings = xgrow(settings, setting_count, sizeof(*settings));
			settings[setting_count++] = line + 7;
			continue;
		}
		lines = xgrow(lines, count, sizeof(*lines));
		lines[count++] = line;
	}
	for (int main_archives = 1; main_archives >= 0; main_archives--) {
		for (size_t i = 0; i < count; i++) {
			if (strncmp(lines[i], "index|", 6))
				continue;
			char *copy = xstrdup(lines[i] + 6);
			add_index(&archives, copy, main_archives);
			free(copy);
		}
	}
	for (size_t i = 0; i < count && !archives.count; i++)
		if (*lines[i] == '\'')
			add_guess(&archives, lines[i]);
	set_proxies(&archives, settings, setting_count);
	*ret_archives = archives;
}

void archives_free(struct archives *archives)
{
	for (size_t i = 0; i < archives->count; i++) {
		free(archives->items[i].base);
		free(archives->items[i].proxy);
	}
	free(archives->items);
	*archives = (struct archives){0};
}
