/*
 * minsys doctor: what a build needs of this machine, each looked at by doing where that is
 * possible, in one line: a verdict, what was looked at, what was found and, where something is
 * wrong, what to do. It leaves nothing behind.
 */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/words.h"
#include "build/choice.h"
#include "build/export.h"
#include "cli/attack.h"
#include "fetch/lock.h"
#include "sandbox/delegated.h"
#include "sandbox/probe.h"
#include "sandbox/ruleset.h"
#include "sandbox/sandbox.h"

#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

/* A build of the default pipeline from nothing, and one whose store has its sources and tools. */
#define SPACE_FIRST 4000000000ULL
#define SPACE_LATER 1500000000ULL
#define FILES_FIRST 200000U
#define FILES_LATER 50000U
/* out/minsys, and once more while it is replaced. */
#define SPACE_OUT 300000000ULL

struct doctor {
	const struct cli *cli;
	const struct plan *plan; /* NULL: no project, or a wrong one */
	bool can_build;
};

enum verdict { OK, NOTE, MISSING };

/* One line. What is missing keeps a build from running; a note does not. */
static void say(struct doctor *d, enum verdict verdict, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct doctor *d, enum verdict verdict, const char *what, const char *format, ...)
{
	static const char *const words[] = {"ok", "note", "missing"};
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf visible = {0};
	va_list arguments;

	if (d->cli->quiet && verdict == OK)
		return;
	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		abort();
	va_end(arguments);
	for (char *c = text; *c; c++)
		if (*c == '\n')
			*c = ' ';
	add_visible(&visible, text, strlen(text));
	printf("%-8s %s: %s\n", words[verdict], what, buf_text(&visible));
	if (verdict == MISSING)
		d->can_build = false;
}

/* --- The project --- */

static void check_project(struct doctor *d, struct plan **ret_plan)
{
	const struct cli *cli = d->cli;
	struct problems problems = {0};
	struct err e = {0};

	if (!cli->project)
		say(d, NOTE, "project",
		    "neither this folder nor one above it is one (with a stages/sources.yaml): the "
		    "machine alone is looked at; to build, go to a project or name it with -C");
	else if (!plan_load(cli->project, cli->target, ret_plan, &problems, &e))
		say(d, OK, "project", "%s, for target %s", cli->project, (*ret_plan)->target.name);
	else
		say(d, MISSING, "project", "%s: %s; `minsys list` shows all that is wrong",
		    cli->project, problems.count ? problems.items[0].text : e.text);
	problems_free(&problems);
	d->plan = *ret_plan;
}

/* --- Isolation --- */

static void check_isolation(
    struct doctor *d, const struct isolation_kind *kind, const struct choice *choice)
{
	const struct digest *tools = d->plan ? &d->plan->tools.lock_digest : NULL;
	_cleanup_free_ char *what = xasprintf("isolation %s", kind->name);
	_cleanup_free_ char *weaker = NULL;
	struct err e = {0};

	if (isolation_kind_try(kind, d->cli->sandbox, tools, &weaker, &e))
		say(d, choice->kind ? NOTE : MISSING, what, "%s", e.text);
	else if (weaker)
		say(d, NOTE, what, "a trial works, in its weaker form: %s", weaker);
	else
		say(d, OK, what, "a trial works");
}

/* Only isolation `landlock` needs it. */
static void check_landlock(struct doctor *d)
{
	int abi = ruleset_abi();

	if (!abi)
		say(d, NOTE, "Landlock",
		    "%s; isolation `landlock` needs Linux 5.19 with CONFIG_SECURITY_LANDLOCK and "
		    "`landlock` in its list of `lsm=`, and in a container a policy that allows it",
		    strerror(errno));
	else if (abi < 3)
		say(d, NOTE, "Landlock",
		    "ABI %d: isolation `landlock` needs 2 (Linux 5.19), or 3 (Linux 6.2) where a "
		    "step has the caller's uid",
		    abi);
	else if (abi < 6)
		say(d, NOTE, "Landlock",
		    "ABI %d: a step that has the caller's uid could send signals to the caller's "
		    "processes; from ABI 6 (Linux 6.12) on it cannot",
		    abi);
	else
		say(d, OK, "Landlock", "ABI %d; minsys takes all rights up to ABI 10", abi);
}

/* Without it no build is refused. */
static void check_cgroup(struct doctor *d)
{
	struct delegated delegated;
	struct err e = {0};

	if (delegated_open(&delegated, &e)) {
		say(d, NOTE, "cgroup",
		    "%s; so nothing bounds a step's memory but what its stage says of each "
		    "process alone; `systemd-run --user --scope -p Delegate=yes minsys build` "
		    "bounds that of all together",
		    e.text);
		return;
	}
	say(d, OK, "cgroup",
	    "it is delegated: each step has one of its own, which bounds its memory and processes");
	delegated_close(&delegated);
}

static void check_kernel(struct doctor *d)
{
	struct err e = {0};

	check_landlock(d);
	if (probe_filter(&e))
		say(d, MISSING, "seccomp", "%s", e.text);
	else
		say(d, OK, "seccomp", "the filter of system calls can be loaded");
	if (probe_overlay(&e))
		say(d, NOTE, "overlayfs",
		    "not in a user namespace of this program: %s; nothing "
		    "needs it yet",
		    e.text);
	else
		say(d, OK, "overlayfs", "can be mounted in a user namespace; nothing needs it yet");
	check_cgroup(d);
}

/* --- Disk --- */

/* The folder, or the nearest above it that is there; the caller frees it. */
static char *nearest_folder(const char *path)
{
	char *nearest = *path == '/' ? xstrdup(path) : xasprintf("./%s", path);

	while (access(nearest, F_OK) && nearest[1]) {
		char *slash = strrchr(nearest, '/');

		slash[slash == nearest] = 0;
	}
	return nearest;
}

static const char *file_system(const char *path)
{
	static const struct {
		unsigned magic;
		const char *name;
	} known[] = {
	    {EXT4_SUPER_MAGIC, "ext4"},
	    {BTRFS_SUPER_MAGIC, "btrfs"},
	    {XFS_SUPER_MAGIC, "xfs"},
	    {TMPFS_MAGIC, "tmpfs, in memory"},
	    {OVERLAYFS_SUPER_MAGIC, "overlayfs"},
	    {F2FS_SUPER_MAGIC, "f2fs"},
	    {NFS_SUPER_MAGIC, "NFS"},
	    {FUSE_SUPER_MAGIC, "FUSE"},
	    {0x2fc12fc1, "ZFS"},
	};
	struct statfs system;

	if (statfs(path, &system))
		return "unknown";
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].magic == (unsigned)system.f_type)
			return known[i].name;
	return "another kind";
}

/* Say how much room there is where `path` will be. `change` is what the user can do. */
static void check_room(struct doctor *d, const char *what, const char *path, uint64_t bytes,
    uint64_t files, const char *change)
{
	_cleanup_free_ char *folder = nearest_folder(path), *inside = xasprintf("%s/.", folder);
	char has[HUMAN_SIZE], needs[HUMAN_SIZE];
	struct statvfs room;

	if (access(inside, W_OK | X_OK) || statvfs(folder, &room)) {
		say(d, MISSING, what, "%s: write to %s: %s; %s", path, folder, strerror(errno),
		    change);
		return;
	}
	human_bytes((uint64_t)room.f_bavail * room.f_frsize, has);
	human_bytes(bytes, needs);
	if ((uint64_t)room.f_bavail * room.f_frsize < bytes)
		say(d, MISSING, what, "%s (%s): %s are free, up to %s are needed; free some, or %s",
		    path, file_system(folder), has, needs, change);
	else if (room.f_files && room.f_favail < files)
		say(d, MISSING, what,
		    "%s (%s): there is room for %llu files, up to %llu are needed; remove some, or "
		    "%s",
		    path, file_system(folder), (unsigned long long)room.f_favail,
		    (unsigned long long)files, change);
	else
		say(d, OK, what, "%s (%s): it can be written, %s are free, up to %s are needed",
		    path, file_system(folder), has, needs);
}

/* Is there anything in it of what a new folder, or a new file system, does not have? */
static bool holds_something(const char *path)
{
	_cleanup_closedir_ DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (*entry->d_name != '.' && strcmp(entry->d_name, "lost+found"))
			return true;
	return false;
}

static void check_store(struct doctor *d)
{
	static const char change[] = "name another folder in MINSYS_CACHE";
	struct err e = {0};
	struct store *store = NULL;
	_cleanup_free_ char *path = store_default_path(&e);
	_cleanup_free_ char *trees = path ? xasprintf("%s/trees", path) : NULL;
	bool is_begun = trees && holds_something(trees); /* the tools root comes first */

	/* One that is there is opened as a build does it; one that is not stays so. */
	if (!path || (holds_something(path) && !access(path, W_OK) && store_open(path, &store, &e)))
		say(d, MISSING, "store", "%s", e.text);
	else
		check_room(d, "store", path, is_begun ? SPACE_LATER : SPACE_FIRST,
		    is_begun ? FILES_LATER : FILES_FIRST, change);
	store_close(store);
}

static void check_out(struct doctor *d)
{
	_cleanup_free_ char *out = d->plan ? cli_out(d->cli, d->plan) : NULL;
	_cleanup_free_ char *path = NULL;
	struct err e = {0};

	if (!out)
		return;
	if (export_check(out, &path, &e))
		say(d, MISSING, "result", "%s", e.text);
	else
		check_room(d, "result", path, SPACE_OUT, FILES_LATER / 10,
		    "name another folder with --out");
}

/* --- Programs --- */

/* What it says of its version, in one line; NULL with an error when it cannot be run. The caller
 * frees it. */
static char *version_of(const char *program, const char *option, struct err *e)
{
	const char *const argv[] = {program, option, NULL};
	const struct process process = {.argv = argv};
	_cleanup_process_result_ struct process_result result = {0};

	if (process_run(&process, &result, e))
		return NULL;
	if (result.status) {
		err_set(e, "run %s %s: exit status %d: %s", program, option, result.status,
		    process_last_words(&result));
		return NULL;
	}
	return xstrndup(buf_text(&result.output), strcspn(buf_text(&result.output), "\n"));
}

static void check_own_programs(struct doctor *d)
{
	struct err e = {0};
	_cleanup_free_ char *fetcher = NULL;

	if (sandbox_check(d->cli->sandbox, &e))
		say(d, MISSING, "minsys-sandbox", "%s", e.text);
	else
		say(d, OK, "minsys-sandbox", "%s", d->cli->sandbox);
	fetcher = version_of(d->cli->fetcher, "--help", &e);
	if (fetcher)
		say(d, OK, "minsys-fetch", "%s", d->cli->fetcher);
	else
		say(d, NOTE, "minsys-fetch",
		    "%s; without it nothing can be downloaded, and `build --offline` works with "
		    "what is; it must stand beside minsys, and needs the package libcurl4",
		    e.text);
}

static const char *fact(const struct doctor *d, const char *key, const char *otherwise)
{
	const char *value = d->plan ? target_fact(&d->plan->target, key) : NULL;

	return value ? value : otherwise;
}

static void check_qemu(struct doctor *d)
{
	const char *named = getenv("QEMU");
	const char *program =
	    named && *named ? named : fact(d, "QEMU_SYSTEM", "qemu-system-aarch64");
	struct err e = {0};
	_cleanup_free_ char *version = version_of(program, "--version", &e);

	if (version)
		say(d, OK, "QEMU", "%s: %s", program, version);
	else
		say(d, NOTE, "QEMU",
		    "%s; `minsys boot` needs it, a build does not: run `sudo apt-get install %s`, "
		    "or name it in QEMU",
		    e.text, fact(d, "QEMU_PACKAGE", "qemu-system-arm"));
}

static void check_apt(struct doctor *d)
{
	struct err e = {0};
	_cleanup_free_ char *version = version_of("apt-get", "--version", &e);

	if (!version)
		say(d, NOTE, "apt",
		    "%s; only `minsys lock` needs it, which a Debian or Ubuntu can do", e.text);
	else if (!lock_keys(&e))
		say(d, NOTE, "apt", "%s; only `minsys lock` needs them", e.text);
	else
		say(d, OK, "apt", "%s, with the keys of Debian's archive, for `minsys lock`",
		    version);
}

/* --- All together --- */

static void conclude(const struct doctor *d, const struct choice *choice)
{
	if (!d->can_build)
		printf("no build can run here%s%s: see what is missing above\n",
		    strcmp(d->cli->isolation, "auto") ? " with isolation " : "",
		    strcmp(d->cli->isolation, "auto") ? d->cli->isolation : "");
	else
		printf("a build can run here, with isolation %s%s\n", choice->kind->name,
		    choice->is_weaker_form ? " in its weaker form" : "");
}

static int run_doctor(struct cli *cli)
{
	struct doctor d = {.cli = cli, .can_build = true};
	struct plan *plan = NULL;
	struct choice choice = {0};
	const struct isolation_kind *kind;
	struct err e = {0};

	if (cli->word_count)
		return cli_usage("`doctor` takes no `%s`", cli->words[0]);
	if (cli->attacks)
		return attack_run(cli);
	check_project(&d, &plan);
	if (choice_make(
		cli->isolation, cli->sandbox, plan ? &plan->tools.lock_digest : NULL, &choice, &e))
		d.can_build = false;
	for (size_t i = 0; (kind = isolation_kind_at(i)); i++)
		check_isolation(&d, kind, &choice);
	check_kernel(&d);
	check_store(&d);
	check_out(&d);
	check_own_programs(&d);
	check_qemu(&d);
	check_apt(&d);
	conclude(&d, &choice);
	choice_free(&choice);
	plan_free(plan);
	return d.can_build ? 0 : ERR_ENVIRONMENT;
}

const struct command cmd_doctor = {
    .name = "doctor",
    .words = "",
    .options = "out attack",
    .summary = "look at all that a build needs of this machine, and say what to mend",
    .is_for_anywhere = true,
    .run = run_doctor,
};
