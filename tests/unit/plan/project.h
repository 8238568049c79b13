/*
 * A project in a folder of its own, for the tests of plan/.
 */
#ifndef TESTS_UNIT_PLAN_PROJECT_H
#define TESTS_UNIT_PLAN_PROJECT_H

#include "base/file.h"
#include "base/memory.h"
#include "plan/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

struct project {
	char path[32];
	int fd;
};

struct project_file {
	const char *path;
	const char *text;
};

static const struct project_file project_files[] = {
    {"stages/sources.yaml", "hello:\n"
			    "  version: \"1.0\"\n"
			    "  license: MIT\n"
			    "  origins:\n"
			    "    - pool: pool/hello-1.0.tar.gz\n"
			    "      sha256: " DIGEST_A "\n"
			    "  exclude: [excluded]\n"
			    "local: {version: 1, license: MIT, path: stages, include: [first]}\n"},
    {"stages/first/stage.yaml", "summary: First\n"
				"sources: [hello, local]\n"
				"files: [config]\n"
				"env: {A: b, C: \"\"}\n"
				"timeout: 5m\n"
				"limits: {cpu: 2h, memory: 4G, files: 20, log: 1MiB}\n"
				"run: |\n"
				"  true\n"
				"provides: first\n"},
    {"stages/first/config", "y\n"},
    {"stages/second/stage.yaml", "summary: Second\n"
				 "needs: [first]\n"
				 "target_files: [config]\n"
				 "run: \":\"\n"
				 "provides: second\n"
				 "ccache: true\n"
				 "exports: {out: ., more/of: it}\n"},
    {"stages/third/stage.yaml", "summary: Third\n"
				"needs: [second, first]\n"
				"run: \":\"\n"},
    {"targets/here/target.yaml", "summary: Here\n"
				 "default: true\n"
				 "env: {SOURCE_DATE_EPOCH: \"1\", ARCH: x}\n"},
    {"targets/here/config", "n\n"},
    {"toolchain/root.yaml", "suite: bookworm\n"
			    "packages: [tools]\n"
			    "links: {a: b}\n"
			    "files: {etc/x: \"y\"}\n"
			    "exclude: [usr/share]\n"},
    {"toolchain/root.lock",
	"snapshot: 20260101T000000Z\n"
	"suite: bookworm\n"
	"packages:\n"
	"  - {name: tools, version: \"1\", path: pool/t.deb, size: 5, sha256: " DIGEST_A "}\n"},
};
#define PROJECT_FILES (sizeof(project_files) / sizeof(*project_files))

static inline void project_write_bytes(
    struct project *project, const char *path, const char *bytes, size_t length)
{
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_close_ int fd = -1;
	struct err e = {0};
	int made = folder_make(project->fd, folder, 0755, &e);

	assert_true(made >= 0);
	close(made);
	/* Not truncated: file systems flush to disk what replaces a file in that way. */
	unlinkat(project->fd, path, 0);
	fd = openat(project->fd, path, O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_true(fd >= 0);
	assert_int_equal(file_write_all(fd, bytes, length, path, &e), 0);
}

static inline void project_write(struct project *project, const char *path, const char *text)
{
	project_write_bytes(project, path, text, strlen(text));
}

static inline int project_set_up(void **state)
{
	struct project *project = xcalloc(1, sizeof(*project));
	struct err e;

	strcpy(project->path, "/tmp/minsys-test-XXXXXX");
	if (!mkdtemp(project->path))
		return -1;
	project->fd = folder_open(AT_FDCWD, project->path, &e);
	if (project->fd < 0)
		return -1;
	for (size_t i = 0; i < PROJECT_FILES; i++)
		project_write(project, project_files[i].path, project_files[i].text);
	*state = project;
	return 0;
}

static inline int project_tear_down(void **state)
{
	struct project *project = *state;
	struct err e;
	int result;

	close(project->fd);
	result = tree_remove(AT_FDCWD, project->path, &e);
	free(project);
	return result;
}

/* It must be without a mistake. */
static inline struct plan *project_plan(struct project *project)
{
	struct problems problems = {0};
	struct plan *plan = NULL;
	struct err e = {0};

	if (plan_load(project->path, NULL, &plan, &problems, &e))
		fail_msg("%s: %s", e.text, problems.count ? problems.items[0].text : "");
	problems_free(&problems);
	return plan;
}

#define PROJECT_TEST(name) cmocka_unit_test_setup_teardown(name, project_set_up, project_tear_down)

#endif
