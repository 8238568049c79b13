/*
 * A project without a mistake, of which one file is what the fuzzer makes.
 */
#ifndef TESTS_FUZZ_PROJECT_H
#define TESTS_FUZZ_PROJECT_H

#include "fuzz.h"
#include "plan/plan.h"

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const char *const project_files[][2] = {
    {"stages/sources.yaml", "hello:\n"
			    "  version: \"1.0\"\n"
			    "  license: MIT\n"
			    "  origins:\n"
			    "    - {pool: pool/hello-1.0.tar.gz, sha256: " DIGEST "}\n"
			    "local: {version: 1, license: MIT, path: stages, include: [first]}\n"},
    {"stages/first/stage.yaml", "summary: First\nrun: \":\"\nprovides: first\n"},
    {"stages/first/config", "y\n"},
    {"stages/second/stage.yaml", "summary: Second\n"
				 "needs: [first]\n"
				 "sources: [hello]\n"
				 "run: \":\"\n"
				 "provides: second\n"
				 "exports: {out: ., more/of: it}\n"},
    {"targets/here/target.yaml", "summary: Here\n"
				 "default: true\n"
				 "env: {SOURCE_DATE_EPOCH: \"1\", ARCH: x}\n"},
    {"targets/here/config", "n\n"},
    {"toolchain/root.yaml", "suite: bookworm\npackages: [tools]\n"},
    {"toolchain/root.lock",
	"snapshot: 20260101T000000Z\n"
	"suite: bookworm\n"
	"packages:\n"
	"  - {name: tools, version: \"1\", path: pool/t.deb, size: 5, sha256: " DIGEST "}\n"},
};

static int project_fd = -1;

static inline void project_write(const char *path, const void *bytes, size_t length)
{
	_cleanup_free_ char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_close_ int fd = -1, made = -1;
	struct err e = {0};

	made = folder_make(project_fd, folder, 0755, &e);
	MUST(made < 0, &e);
	fd = openat(project_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	CLAIM(fd >= 0);
	MUST(file_write_all(fd, bytes, length, path, &e), &e);
}

/* The path of the project, which is there from the first call on. */
static inline const char *project_open(void)
{
	if (project_fd >= 0)
		return scratch_path;
	project_fd = scratch_open();
	for (size_t i = 0; i < sizeof(project_files) / sizeof(*project_files); i++)
		project_write(
		    project_files[i][0], project_files[i][1], strlen(project_files[i][1]));
	return scratch_path;
}

/* Each is a line that says where; they are sorted. */
static inline void claim_problems(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *problem = &problems->items[i], *before = problem - 1;

		CLAIM(is_plain_line(problem->text));
		CLAIM(!strncmp(problem->text, problem->file, strlen(problem->file)));
		CLAIM(problem->line && problem->column);
		CLAIM(!i || strcmp(before->file, problem->file) < 0 ||
		      (!strcmp(before->file, problem->file) && before->line <= problem->line));
	}
}

/* What plan_load() has said of it. */
static inline void claim_said(
    int result, const struct plan *plan, struct problems *problems, const struct err *e)
{
	claim_problems(problems);
	CLAIM(result ? !plan && problems->count && e->kind == ERR_INPUT && is_plain_line(e->text)
		     : plan && !problems->count);
	problems_free(problems);
}

/* NULL when it is not taken; then the reasons were given. The caller frees it. */
static inline struct plan *project_load(void)
{
	struct problems problems = {0};
	struct plan *plan = NULL;
	struct err e = {0};
	int result = plan_load(project_open(), NULL, &plan, &problems, &e);

	claim_said(result, plan, &problems, &e);
	return plan;
}

#endif
