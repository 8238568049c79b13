#include "fetch/lock.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/process.h"

#include <string.h>
#include <time.h>

#define RELEASE_LIMIT ((size_t)16 << 20)
#define PACKAGE_LINE "  - {name: "

/* A resolution under way. */
struct resolver {
	const struct lock_request *request;
	char *folder; /* of apt's own; removed at the end */
	char *archive;
	char *config; /* APT_CONFIG=… */
	char stamp[sizeof("20260711T101637Z")];
};

/* A package's record in the archive's index (deb822(5)); its fields point into the index. */
struct record {
	char *name, *version, *path, *size, *sha256;
};

static void resolver_free(struct resolver *r)
{
	struct err ignored;

	if (r->folder)
		tree_remove(AT_FDCWD, r->folder, &ignored);
	free(r->folder);
	free(r->archive);
	free(r->config);
}

/* Run one of apt's programs: with the machine's configuration until there is our own. Its exit
 * status is no failure. Messages are in English because some of them are read. */
static int run_apt(const struct resolver *r, const char *const *argv,
    struct process_result *ret_result, struct err *e)
{
	const char *const env[] = {"LC_ALL=C", r->config, NULL};
	const struct process process = {.argv = argv, .env = env};

	if (!process_run(&process, ret_result, e))
		return 0;
	if (e->errnum == ENOENT)
		err_kind(e, ERR_ENVIRONMENT,
		    "%s is not on this machine; a lock is resolved by apt, which Debian and Ubuntu "
		    "have",
		    argv[0]);
	return -1;
}

/* --- Which archive --- */

/* Lines of <code name>|<base>, best first: the suite's own archive, else another suite's, which
 * has all suites. */
static char *choose_archive(const struct resolver *r, char *lines)
{
	char *chosen = NULL;

	for (char *line; (line = strsep(&lines, "\n"));) {
		char *suite = strsep(&line, "|");

		if (!line || !*line)
			continue;
		if (!strcmp(suite, r->request->suite))
			return xstrdup(line);
		if (!chosen)
			chosen = line;
	}
	return chosen ? xstrdup(chosen) : NULL;
}

/* Without package lists, as in a fresh container, apt knows no origins but where it would ask:
 * lines of '<base>dists/<suite>/…' … */
static int guess_archive(struct resolver *r, struct err *e)
{
	static const char *const command[] = {"apt-get", "update", "--print-uris", NULL};
	_cleanup_process_result_ struct process_result result = {0};
	_cleanup_free_ char *part = xasprintf("/dists/%s/", r->request->suite);
	char *lines;

	if (run_apt(r, command, &result, e))
		return -1;
	lines = result.output.data;
	for (char *line; !r->archive && (line = strsep(&lines, "\n"));) {
		char *end = strstr(line, part);

		if (*line == '\'' && end)
			r->archive = xstrndup(line + 1, (size_t)(end - line));
	}
	return 0;
}

static int ask_archive(struct resolver *r, struct err *e)
{
	static const char *const command[] = {"apt-get", "indextargets", "--format",
	    "$(CODENAME)|$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian",
	    "Component: main", NULL};
	_cleanup_process_result_ struct process_result result = {0};

	if (run_apt(r, command, &result, e))
		return -1;
	r->archive = choose_archive(r, result.output.data);
	if (!r->archive && guess_archive(r, e))
		return -1;
	if (!r->archive)
		return err_kind(
		    e, ERR_ENVIRONMENT, "apt knows no Debian archive here; name one with --mirror");
	return 0;
}

static int find_archive(struct resolver *r, struct err *e)
{
	const char *mirror = r->request->mirror;

	if (!mirror)
		return ask_archive(r, e);
	if (mirror[strcspn(mirror, " \t\r\n")])
		return err_kind(
		    e, ERR_INPUT, "the mirror `%s` has a space, which apt cannot take", mirror);
	r->archive = xasprintf("%s%s", *mirror == '/' ? "file:" : "", mirror);
	return 0;
}

/* --- apt's own folder --- */

static int make_folder(struct resolver *r, struct err *e)
{
	const char *parent = getenv("TMPDIR");
	_cleanup_free_ char *folder =
	    xasprintf("%s/minsys-lock.XXXXXX", parent && *parent == '/' ? parent : "/tmp");

	if (!mkdtemp(folder)) {
		err_errno(e, "make the folder %s", folder);
		e->kind = ERR_ENVIRONMENT;
		return -1;
	}
	r->folder = steal_ptr(&folder);
	/* Run by root, apt downloads as a user of its own, who must get here. */
	if (chmod(r->folder, 0755))
		return err_errno(e, "open up the folder %s", r->folder);
	return 0;
}

static int write_file(
    const struct resolver *r, const char *name, const struct buf *text, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", r->folder, name);

	return file_replace(AT_FDCWD, path, buf_text(text), text->length, 0644, e);
}

const char *lock_keys(struct err *e)
{
	static const char *const paths[] = {"/usr/share/keyrings/debian-archive-keyring.gpg",
	    "/usr/share/keyrings/debian-archive-keyring.pgp"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (!access(paths[i], R_OK))
			return paths[i];
	err_kind(e, ERR_ENVIRONMENT,
	    "the keys of Debian's archive are not on this machine (%s); install the package "
	    "debian-archive-keyring",
	    paths[0]);
	return NULL;
}

static int write_sources(const struct resolver *r, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};
	const char *keys = lock_keys(e);

	if (!keys)
		return -1;
	buf_printf(&text, "deb [arch=amd64 lang=none target=Packages signed-by=%s] %s %s main\n",
	    keys, r->archive, r->request->suite);
	return write_file(r, "sources.list", &text, e);
}

/* How the machine reaches the network, in the syntax of apt.conf(5). */
static int add_network_settings(const struct resolver *r, struct buf *ret_text, struct err *e)
{
	static const char *const command[] = {"apt-config", "dump", "Acquire", NULL};
	_cleanup_process_result_ struct process_result result = {0};

	if (run_apt(r, command, &result, e))
		return -1;
	buf_add(ret_text, buf_text(&result.output), result.output.length);
	return 0;
}

/* The settings that decide the answer are all given here; what stands later in the file wins. */
static int write_config(struct resolver *r, struct err *e)
{
	_cleanup_buf_ struct buf text = {0};

	if (add_network_settings(r, &text, e))
		return -1;
	buf_printf(&text,
	    "Acquire::AllowInsecureRepositories \"false\";\n"
	    "Acquire::AllowWeakRepositories \"false\";\n"
	    "APT::Architecture \"amd64\";\n"
	    "APT::Architectures { \"amd64\"; };\n"
	    "APT::Cmd::Pattern-Only \"true\";\n"
	    "APT::Install-Recommends \"false\";\n"
	    "APT::Install-Suggests \"false\";\n"
	    "APT::Solver \"internal\";\n"
	    "APT::Update::Error-Mode \"any\";\n"
	    "Dir::Etc::Main \"/dev/null\";\n"
	    "Dir::Etc::Parts \"/dev/null\";\n"
	    "Dir::Etc::Preferences \"/dev/null\";\n"
	    "Dir::Etc::PreferencesParts \"/dev/null\";\n"
	    "Dir::Etc::SourceParts \"/dev/null\";\n"
	    "Dir::State::status \"/dev/null\";\n"
	    "Dir::Etc::SourceList \"%1$s/sources.list\";\n"
	    "Dir::State \"%1$s\";\n"
	    "Dir::Cache \"%1$s\";\n"
	    "Dir::Log \"%1$s\";\n",
	    r->folder);
	if (write_file(r, "apt.conf", &text, e))
		return -1;
	r->config = xasprintf("APT_CONFIG=%s/apt.conf", r->folder);
	return 0;
}

/* --- The release --- */

/* Its date, as "Date: Sat, 11 Jul 2026 10:16:37 UTC", in the form of the snapshot archive. */
static int parse_date(struct resolver *r, const char *release, struct err *e)
{
	const char *line = strstr(release, "\nDate: ");
	struct tm date = {0};
	const char *end = line ? strptime(line, "\nDate: %a, %d %b %Y %H:%M:%S ", &date) : NULL;

	if (!end || (strncmp(end, "UTC\n", 4) && strncmp(end, "+0000\n", 6)) ||
	    date.tm_year + 1900 > 9999)
		return err_set(
		    e, "the Release file of %s has no date that can be read", r->request->suite);
	strftime(r->stamp, sizeof(r->stamp), "%Y%m%dT%H%M%SZ", &date);
	return 0;
}

/* apt names it after the archive's URL; there is only one. */
static int find_release(const struct resolver *r, struct buf *ret_text, struct err *e)
{
	_cleanup_free_ char *lists = xasprintf("%s/lists", r->folder);
	_cleanup_closedir_ DIR *folder = opendir(lists);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		size_t length = strlen(entry->d_name);

		if (length > 7 && !strcmp(entry->d_name + length - 7, "Release"))
			return file_read(dirfd(folder), entry->d_name, RELEASE_LIMIT, ret_text, e);
	}
	return err_kind(e, ERR_ENVIRONMENT, "apt left no Release file of %s from %s",
	    r->request->suite, r->archive);
}

static int update(struct resolver *r, struct err *e)
{
	static const char *const command[] = {"apt-get", "update", "-q", NULL};
	_cleanup_process_result_ struct process_result result = {0};
	_cleanup_buf_ struct buf release = {0};

	if (run_apt(r, command, &result, e))
		return -1;
	if (result.status)
		return err_kind(e, ERR_ENVIRONMENT,
		    "could not read the package lists of %s from %s; look whether it can be "
		    "reached, or name another archive with --mirror. apt says:\n%s",
		    r->request->suite, r->archive, process_last_words(&result));
	if (find_release(r, &release, e))
		return -1;
	return parse_date(r, buf_text(&release), e);
}

/* --- The packages --- */

/* The package that a line of apt's errors says is not there, or NULL; the caller's to free. */
static char *missing_package(const char *line)
{
	static const char unknown[] = "E: Unable to locate package ";
	static const char virtual[] = "E: Package '";

	if (!strncmp(line, unknown, strlen(unknown))) {
		line += strlen(unknown);
		return xstrndup(line, strcspn(line, "\n"));
	}
	if (!strncmp(line, virtual, strlen(virtual))) {
		line += strlen(virtual);
		return xstrndup(line, strcspn(line, "'\n"));
	}
	return NULL;
}

/* Why apt refuses, in our words where it is for packages that are not there. */
static int explain_refusal(const struct resolver *r, struct process_result *result, struct err *e)
{
	_cleanup_buf_ struct buf missing = {0};

	for (const char *line = buf_text(&result->errors); line; line = strchr(line, '\n')) {
		line += *line == '\n';
		_cleanup_free_ char *name = missing_package(line);

		if (name)
			buf_printf(&missing, "%s`%s`", missing.length ? ", " : "", name);
	}
	if (missing.length)
		return err_kind(e, ERR_INPUT, "%s has no package %s in main for amd64",
		    r->request->suite, missing.data);
	return err_kind(e, ERR_INPUT, "apt cannot resolve the packages asked for:\n%s",
	    process_last_words(result));
}

/* Ask what would be installed on an empty system. */
static int simulate(struct resolver *r, struct process_result *ret_result, struct err *e)
{
	static const char *const first[] = {"apt-get", "-q", "-s", "install", "--"};
	size_t fixed = sizeof(first) / sizeof(*first);
	_cleanup_free_ const char **argv =
	    xcalloc(fixed + r->request->package_count + 1, sizeof(*argv));

	memcpy(argv, first, sizeof(first));
	for (size_t i = 0; i < r->request->package_count; i++)
		argv[fixed + i] = r->request->packages[i];
	if (run_apt(r, argv, ret_result, e))
		return -1;
	return ret_result->status ? explain_refusal(r, ret_result, e) : 0;
}

/* From lines as "Inst libc6 (2.36-9 Debian:12.15/oldstable [amd64])" make words as
 * "libc6=2.36-9", which point into the text. */
static char **chosen_packages(char *lines, size_t *ret_count)
{
	char **words = NULL;
	size_t count = 0;

	for (char *line; (line = strsep(&lines, "\n"));) {
		char *bracket;

		if (strncmp(line, "Inst ", 5) || !(bracket = strstr(line, " (")))
			continue;
		bracket[0] = '=';
		memmove(bracket + 1, bracket + 2, strlen(bracket + 2) + 1);
		bracket[strcspn(bracket, " ")] = 0;
		words = xgrow(words, count, sizeof(*words));
		words[count++] = line + 5;
	}
	*ret_count = count;
	return words;
}

static int show_records(const struct resolver *r, char *const *packages, size_t count,
    struct process_result *ret_result, struct err *e)
{
	static const char *const first[] = {"apt-cache", "-q", "show", "--"};
	size_t fixed = sizeof(first) / sizeof(*first);
	_cleanup_free_ const char **argv = xcalloc(fixed + count + 1, sizeof(*argv));

	memcpy(argv, first, sizeof(first));
	for (size_t i = 0; i < count; i++)
		argv[fixed + i] = packages[i];
	if (run_apt(r, argv, ret_result, e))
		return -1;
	if (ret_result->status)
		return err_set(e, "apt does not show the packages it chose:\n%s",
		    process_last_words(ret_result));
	return 0;
}

static void parse_field(char *line, struct record *record)
{
	const struct {
		const char *name;
		char **value;
	} fields[] = {
	    {"Package: ", &record->name},
	    {"Version: ", &record->version},
	    {"Filename: ", &record->path},
	    {"Size: ", &record->size},
	    {"SHA256: ", &record->sha256},
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		if (!strncmp(line, fields[i].name, strlen(fields[i].name)))
			*fields[i].value = line + strlen(fields[i].name);
}

/* All that is not a plain word would need quotes in the lock, and is in no name, version or path
 * of a Debian package (policy 5.6.1, 5.6.12). */
static bool is_plain(const char *text)
{
	return text && *text &&
	       !text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.~:_/%")];
}

static int check_record(const struct record *record, struct err *e)
{
	struct digest digest;

	if (!is_plain(record->name) || !is_plain(record->version) || !is_plain(record->path) ||
	    strncmp(record->path, "pool/", 5) || !record->size || !*record->size ||
	    record->size[strspn(record->size, "0123456789")] || !record->sha256)
		return err_set(e, "the archive's record of package %s lacks something",
		    record->name ? record->name : "(without a name)");
	if (digest_parse(record->sha256, &digest, e))
		return err_wrap(e, "the archive's record of package %s", record->name);
	return 0;
}

/* The records stand apart by an empty line. Cuts the text into the fields' values. */
static int parse_records(char *text, struct record **ret_records, size_t *ret_count, struct err *e)
{
	_cleanup_free_ struct record *records = NULL;
	struct record record = {0};
	size_t count = 0;

	for (char *line; (line = strsep(&text, "\n"));) {
		parse_field(line, &record);
		if (*line || !record.name)
			continue;
		if (check_record(&record, e))
			return -1;
		records = xgrow(records, count, sizeof(*records));
		records[count++] = record;
		record = (struct record){0};
	}
	*ret_records = steal_ptr(&records);
	*ret_count = count;
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->name, ((const struct record *)b)->name);
}

/* apt takes the name of a virtual package for the one that provides it, and a name that ends in a
 * minus for what must not be there: neither is in the answer. */
static int check_answer(
    const struct resolver *r, const struct record *records, size_t count, struct err *e)
{
	_cleanup_(map_free) struct map names = {0};

	for (size_t i = 0; i < count; i++)
		map_put(&names, records[i].name, i);
	for (size_t i = 0; i < r->request->package_count; i++)
		if (!map_get(&names, r->request->packages[i], NULL))
			return err_kind(e, ERR_INPUT,
			    "%s has no package of the very name `%s` in main for amd64",
			    r->request->suite, r->request->packages[i]);
	return 0;
}

static void write_lock(
    const struct resolver *r, struct record *records, size_t count, struct buf *ret_text)
{
	qsort(records, count, sizeof(*records), by_name);
	buf_printf(ret_text,
	    "# Written by `minsys lock` from root.yaml; do not edit. Every package that makes up "
	    "the tools root.\n"
	    "snapshot: %s\n"
	    "suite: %s\n"
	    "packages:\n",
	    r->stamp, r->request->suite);
	for (size_t i = 0; i < count; i++)
		buf_printf(ret_text,
		    PACKAGE_LINE "%s, version: \"%s\", path: %s, size: %s, sha256: %s}\n",
		    records[i].name, records[i].version, records[i].path, records[i].size,
		    records[i].sha256);
}

static int resolve(struct resolver *r, struct buf *ret_text, struct err *e)
{
	_cleanup_process_result_ struct process_result plan = {0}, shown = {0};
	_cleanup_free_ struct record *records = NULL;
	_cleanup_free_ char **packages = NULL;
	size_t package_count, count;

	if (simulate(r, &plan, e))
		return -1;
	packages = chosen_packages(plan.output.data, &package_count);
	if (show_records(r, packages, package_count, &shown, e) ||
	    parse_records(shown.output.data, &records, &count, e))
		return -1;
	if (count != package_count)
		return err_set(e, "apt chose %zu packages and shows %zu", package_count, count);
	if (check_answer(r, records, count, e))
		return -1;
	write_lock(r, records, count, ret_text);
	return 0;
}

int lock_resolve(const struct lock_request *request, struct buf *ret_text, struct err *e)
{
	_cleanup_(resolver_free) struct resolver r = {.request = request};

	if (find_archive(&r, e) || make_folder(&r, e) || write_sources(&r, e) ||
	    write_config(&r, e) || update(&r, e))
		return -1;
	return resolve(&r, ret_text, e);
}

/* --- Comparison --- */

/* Cuts the text. Name -> index of the line, with the name cut out of it. */
static void index_lines(char *text, struct map *ret_map, char ***ret_lines)
{
	size_t count = 0;

	for (char *line; (line = strsep(&text, "\n"));) {
		char *name = line + strlen(PACKAGE_LINE);

		if (strncmp(line, PACKAGE_LINE, strlen(PACKAGE_LINE)))
			continue;
		line = strchr(name, ',');
		if (!line)
			continue;
		*line++ = 0;
		*ret_lines = xgrow(*ret_lines, count, sizeof(char *));
		(*ret_lines)[count] = line;
		map_put(ret_map, name, count++);
	}
}

struct lock_changes lock_compare(const char *old, const char *new)
{
	_cleanup_free_ char *old_text = xstrdup(old), *new_text = xstrdup(new);
	_cleanup_free_ char **old_lines = NULL, **new_lines = NULL;
	_cleanup_(map_free) struct map old_map = {0}, new_map = {0};
	struct lock_changes changes = {0};
	size_t kept = 0, was;

	index_lines(old_text, &old_map, &old_lines);
	index_lines(new_text, &new_map, &new_lines);
	for (size_t i = 0; i < new_map.capacity; i++) {
		const struct map_slot *slot = &new_map.slots[i];

		if (!slot->key || !map_get(&old_map, slot->key, &was))
			continue;
		kept++;
		changes.changed += strcmp(old_lines[was], new_lines[slot->value]) != 0;
	}
	changes.packages = new_map.count;
	changes.added = new_map.count - kept;
	changes.removed = old_map.count - kept;
	return changes;
}
