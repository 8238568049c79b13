#include "base/file.h"
#include "base/memory.h"

#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

/*
 * top/inside/file, top/inside/deep/file; links in top: in -> inside, out -> ../host,
 * out-absolute -> <host>, loop -> loop; host/file, which no path may reach.
 */
struct fixture {
	char path[64];
	int base, top;
};

static int make_file(int dirfd, const char *path)
{
	struct err e;

	return file_put(dirfd, path, "x", 1, 0644, &e);
}

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	_cleanup_free_ char *host = NULL;
	struct err e;

	strcpy(f->path, "/tmp/minsys-test-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	host = xasprintf("%s/host", f->path);
	f->base = folder_open(AT_FDCWD, f->path, &e);
	close(folder_make(f->base, "host", 0755, &e));
	close(folder_make(f->base, "top/inside/deep", 0755, &e));
	f->top = folder_open(f->base, "top", &e);
	*state = f;
	return make_file(f->base, "host/file") || make_file(f->top, "inside/file") ||
	       make_file(f->top, "inside/deep/file") || symlinkat("inside", f->top, "in") ||
	       symlinkat("../host", f->top, "out") || symlinkat(host, f->top, "out-absolute") ||
	       symlinkat("loop", f->top, "loop");
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err e;

	close(f->base);
	close(f->top);
	tree_remove(AT_FDCWD, f->path, &e);
	free(f);
	return 0;
}

/* As in a container whose policy knows no openat2. */
static void refuse_openat2(int with)
{
	struct sock_filter filter[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)with),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(99);
}

/* How many of `check` fail: here, and where openat2 is refused with ENOSYS or EPERM. */
static void check_everywhere(struct fixture *f, int (*check)(struct fixture *f, bool has_openat2))
{
	const int refusals[] = {0, ENOSYS, EPERM};

	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
		pid_t pid = fork();
		int status;

		if (!pid) {
			if (refusals[i])
				refuse_openat2(refusals[i]);
			_exit(check(f, !refusals[i]));
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

/* Is the result what was expected: a descriptor (0), or an error of that number? */
static bool came_to(int fd, const struct err *e, int expected, const char *path)
{
	int got = fd < 0 ? e->errnum : 0;

	if (fd >= 0)
		close(fd);
	if (got != expected)
		fprintf(stderr, "%s: %s, expected %s\n", path, strerror(got), strerror(expected));
	return got == expected;
}

static int check_strict(struct fixture *f, bool has_openat2)
{
	static const struct {
		const char *path;
		int expected;
	} cases[] = {
	    {"inside", 0},
	    {"inside/", 0},
	    {"inside//deep", 0},
	    {"inside/./deep", 0},
	    {".", 0},
	    {"in", ELOOP},
	    {"in/", ELOOP},
	    {"in/deep", ELOOP},
	    {"out", ELOOP},
	    {"out/file", ELOOP},
	    {"out-absolute", ELOOP},
	    {"out-absolute/file", ELOOP},
	    {"loop", ELOOP},
	    {"loop/x", ELOOP},
	    {"..", EXDEV},
	    {"../host", EXDEV},
	    {"inside/../../host", EXDEV},
	    {"/", EXDEV},
	    {"/tmp", EXDEV},
	    {"inside/file", ENOTDIR},
	    {"inside/file/", ENOTDIR},
	    {"inside/file/x", ENOTDIR},
	    {"none", ENOENT},
	    {"none/x", ENOENT},
	    {"", ENOENT},
	};
	int failed = 0;

	(void)has_openat2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = {0};
		int fd = folder_open_beneath(f->top, cases[i].path, &e);

		failed += !came_to(fd, &e, cases[i].expected, cases[i].path);
	}
	return failed;
}

static void no_link_is_followed(void **state)
{
	check_everywhere(*state, check_strict);
}

/* Links that stay inside are followed, but not by the walk. */
static int check_beneath(struct fixture *f, bool has_openat2)
{
	const struct {
		const char *path;
		int flags, expected;
	} cases[] = {
	    {"inside/file", O_RDONLY, 0},
	    {"inside/file/", O_RDONLY, ENOTDIR},
	    {"in/file", O_RDONLY, has_openat2 ? 0 : ELOOP},
	    {"in", O_PATH | O_NOFOLLOW, 0},
	    {"in", O_PATH, has_openat2 ? 0 : ELOOP},
	    {"in", O_RDONLY | O_NOFOLLOW, ELOOP},
	    {"inside/../inside/file", O_RDONLY, has_openat2 ? 0 : EXDEV},
	    {"out/file", O_RDONLY, has_openat2 ? EXDEV : ELOOP},
	    {"out-absolute/file", O_RDONLY, has_openat2 ? EXDEV : ELOOP},
	    {"loop", O_RDONLY, ELOOP},
	    {"/etc/passwd", O_RDONLY, EXDEV},
	};
	int failed = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = {0};
		int fd = file_open_beneath(f->top, cases[i].path, cases[i].flags, &e);

		failed += !came_to(fd, &e, cases[i].expected, cases[i].path);
	}
	return failed;
}

static void nothing_leads_out(void **state)
{
	check_everywhere(*state, check_beneath);
}

/* /proc is another mount, and /proc/self/root a magic link. */
static int check_mounts(struct fixture *f, bool has_openat2)
{
	static const struct {
		const char *path;
		uint64_t resolve;
		int expected;
	} cases[] = {
	    {"proc", RESOLVE_BENEATH, 0},
	    {"proc", RESOLVE_BENEATH | RESOLVE_NO_XDEV, EXDEV},
	    {"proc/version", RESOLVE_BENEATH | RESOLVE_NO_XDEV, EXDEV},
	    {"tmp", RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS, 0},
	    {"/proc/version", RESOLVE_NO_SYMLINKS, 0},
	    {"/proc/self/root/etc", RESOLVE_NO_SYMLINKS, ELOOP},
	};
	_cleanup_close_ int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int failed = 0;

	(void)f;
	(void)has_openat2;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct err e = {0};
		int fd = file_open_resolved(top, cases[i].path, O_PATH, 0, cases[i].resolve, &e);

		failed += !came_to(fd, &e, cases[i].expected, cases[i].path);
	}
	return failed;
}

static void other_mounts_are_told_apart(void **state)
{
	check_everywhere(*state, check_mounts);
}

static int check_creation(struct fixture *f, bool has_openat2)
{
	const char *name = "inside/new";
	struct err e = {0};
	struct stat status;
	int failed = 0;

	(void)has_openat2;
	umask(0);
	failed += !came_to(file_create_beneath(f->top, name, 0751, &e), &e, 0, name);
	failed += fstatat(f->top, name, &status, 0) || (status.st_mode & 07777) != 0751;
	failed += !came_to(file_create_beneath(f->top, name, 0644, &e), &e, EEXIST, name);
	unlinkat(f->top, name, 0);
	failed += !came_to(file_create_beneath(f->top, "out/new", 0644, &e), &e, ELOOP, "out/new");
	failed += !came_to(file_create_beneath(f->top, "in/new", 0644, &e), &e, ELOOP, "in/new");
	failed += !faccessat(f->base, "host/new", F_OK, 0);
	return failed;
}

static void files_are_made_inside(void **state)
{
	check_everywhere(*state, check_creation);
}

static int check_times(struct fixture *f, bool has_openat2)
{
	const struct timespec times[2] = {{.tv_sec = 7}, {.tv_sec = 7}};
	struct err e = {0};
	struct stat status;
	int failed = 0;

	(void)has_openat2;
	failed += folder_set_times(f->top, "inside/deep", times, &e) != 0;
	failed += fstatat(f->top, "inside/deep", &status, 0) || status.st_mtime != 7;
	failed += !folder_set_times(f->top, "out", times, &e);
	failed += fstatat(f->base, "host", &status, 0) || status.st_mtime == 7;
	return failed;
}

static void times_are_set_inside(void **state)
{
	check_everywhere(*state, check_times);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(no_link_is_followed),
	    TEST(nothing_leads_out),
	    TEST(other_mounts_are_told_apart),
	    TEST(files_are_made_inside),
	    TEST(times_are_set_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
