#include "plan/draw.h"
#include "plan/problems.h"
#include "project.h"

#include <stdio.h>

static void problems_are_sorted_by_place(void **state)
{
	static const struct {
		struct place at;
		const char *text;
	} given[] = {{{"b", 1, 1}, "x"}, {{"a", 10, 1}, "x"}, {{"a", 9, 2}, "z"},
	    {{"a", 9, 2}, "y"}, {{"a", 9, 1}, "x"}, {{"a", 9, 10}, "x"}};
	static const char *const wanted[] = {
	    "a:9:1: x", "a:9:2: y", "a:9:2: z", "a:9:10: x", "a:10:1: x", "b:1:1: x"};
	struct problems problems = {0};

	(void)state;
	problems_sort(&problems);
	for (size_t i = 0; i < 6; i++)
		problem_add(&problems, given[i].at, "%s", given[i].text);
	problems_sort(&problems);
	assert_int_equal(problems.count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(problems.items[i].text, wanted[i]);
	problems_free(&problems);
	assert_int_equal(problems.count, 0);
}

static void a_problem_is_one_line(void **state)
{
	struct problems problems = {0};

	(void)state;
	problem_add(&problems, (struct place){"a\nb", 1, 2}, "%s", "c\nd\x1b[1m");
	assert_string_equal(problems.items[0].text, "a?b:1:2: c?d?[1m");
	problems_free(&problems);
}

static void a_plan_holds_what_the_files_say(void **state)
{
	struct plan *plan = project_plan(*state);
	const struct stage *first = plan_stage(plan, "first");
	const struct stage *third = plan_stage(plan, "third");

	assert_int_equal(plan->stage_count, 3);
	assert_string_equal(plan->stages[0]->name, "first");
	assert_string_equal(plan->stages[2]->name, "third");
	assert_int_equal(first->timeout_seconds, 300);
	assert_int_equal(first->limits.most[LIMIT_CPU], 7200);
	assert_int_equal(first->limits.most[LIMIT_MEMORY], 4000000000);
	assert_int_equal(first->limits.most[LIMIT_FILES], 20);
	assert_int_equal(first->limits.most[LIMIT_LOG], 1 << 20);
	assert_int_equal(first->limits.most[LIMIT_OUTPUT], 0);
	assert_int_equal(third->limits.most[LIMIT_CPU], 0);
	assert_false(first->can_use_ccache);
	assert_true(plan_stage(plan, "second")->can_use_ccache);
	assert_string_equal(first->run, "true\n");
	assert_string_equal(first->env.items[1].value, "");
	assert_int_equal(first->source_count, 2);
	assert_ptr_equal(first->sources[0], plan_source(plan, "hello"));
	assert_int_equal(third->need_count, 2);
	assert_ptr_equal(third->needs[1], first);
	assert_null(third->provides);
	assert_string_equal(target_fact(&plan->target, "SOURCE_DATE_EPOCH"), "1");
	assert_null(target_fact(&plan->target, "ABSENT"));
	assert_int_equal(plan->tools.locked_count, 1);
	assert_int_equal(plan->tools.locked[0].size, 5);
	assert_null(plan_stage(plan, "nonesuch"));
	assert_null(plan_source(plan, "nonesuch"));
	plan_free(plan);
	plan_free(NULL);
}

/* What decides the unpacked tree is in the digest, layout and comments are not. */
static void the_digest_of_the_lock_is_of_its_content(void **state)
{
	struct digest before, same, other;
	struct plan *plan = project_plan(*state);

	before = plan->tools.lock_digest;
	plan_free(plan);
	project_write(*state, "toolchain/root.yaml",
	    "# other layout\nexclude:\n- usr/share\nfiles: {etc/x: y}\nlinks: {a: b}\n"
	    "suite: bookworm\npackages: [tools]\n");
	plan = project_plan(*state);
	same = plan->tools.lock_digest;
	plan_free(plan);
	assert_true(digest_equal(&before, &same));
	project_write(*state, "toolchain/root.yaml",
	    "exclude:\n- usr/share\nfiles: {etc/x: z}\nlinks: {a: b}\n"
	    "suite: bookworm\npackages: [tools]\n");
	plan = project_plan(*state);
	other = plan->tools.lock_digest;
	plan_free(plan);
	assert_false(digest_equal(&before, &other));
}

static void a_tiny_plan_is_drawn(void **state)
{
	struct plan *plan = project_plan(*state);
	_cleanup_buf_ struct buf list = {0}, tree = {0}, dot = {0};

	plan_list(plan, &list);
	assert_string_equal(buf_text(&list), "STAGE   NEEDS         SUMMARY\n"
					     "first   -             First\n"
					     "second  first         Second\n"
					     "third   second first  Third\n");
	plan_draw_tree(plan, &tree);
	assert_string_equal(buf_text(&tree), "third\n"
					     "├─ second\n"
					     "│  └─ first\n"
					     "└─ first\n");
	plan_draw_dot(plan, &dot);
	assert_string_equal(buf_text(&dot), "digraph minsys {\n"
					    "\trankdir = LR;\n"
					    "\tnode [shape = box];\n"
					    "\t\"first\";\n"
					    "\t\"second\";\n"
					    "\t\"first\" -> \"second\";\n"
					    "\t\"third\";\n"
					    "\t\"second\" -> \"third\";\n"
					    "\t\"first\" -> \"third\";\n"
					    "}\n");
	plan_free(plan);
}

static void a_wrong_lock_does_not_hinder_its_renewal(void **state)
{
	struct problems problems = {0};
	struct plan *plan = NULL;
	const struct project *project = *state;
	struct err e = {0};

	project_write(*state, "toolchain/root.lock", "[");
	project_write(*state, "stages/first/stage.yaml", "[");
	assert_int_equal(plan_load(project->path, NULL, &plan, &problems, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	problems_free(&problems);
	assert_int_equal(plan_load_tools(project->path, false, &plan, &problems, &e), 0);
	assert_int_equal(problems.count, 0);
	assert_string_equal(plan->tools.packages.items[0], "tools");
	plan_free(plan);
}

static void a_folder_that_is_not_there_is_wrong_input(void **state)
{
	struct problems problems = {0};
	struct plan *plan = NULL;
	struct err e = {0};

	(void)state;
	assert_int_equal(plan_load("/nonesuch", NULL, &plan, &problems, &e), -1);
	assert_int_equal(e.kind, ERR_INPUT);
	assert_int_equal(problems.count, 0);
	assert_null(plan);
}

/* --- Mutations --- */

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

/* One change of the kind that people and broken tools make. */
static void mutate(uint32_t *seed, struct buf *text)
{
	static const char *const pieces[] = {"\n", " ", "  ", ": ", "- ", "[", "]", "{", "}", "\"",
	    "'", "|\n", ">", "#", "&a ", "*a", "!!int ", "---\n", "...\n", "%YAML 1.1\n", "\t",
	    "\xff", "\xc3", "\xef\xbb\xbf", "?", ",", "~", "<<: ", "\\x00", "..", "/", "first",
	    "second", "third", "summary: x\n", "needs: [third]\n", "run: x\n", "0", "-1",
	    "99999999999999999999",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	_cleanup_buf_ struct buf result = {0};
	size_t at = draw(seed, (uint32_t)text->length + 1);
	size_t length = draw(seed, (uint32_t)(text->length - at) + 1);
	const char *piece = pieces[draw(seed, sizeof(pieces) / sizeof(*pieces))];
	char byte = (char)draw(seed, 256);

	if (length > 8 && draw(seed, 4))
		length = draw(seed, 8);
	buf_add(&result, text->data, at);
	switch (draw(seed, 5)) {
	case 0: /* left out */
		buf_add(&result, text->data + at + length, text->length - at - length);
		break;
	case 1: /* there twice */
		buf_add(&result, text->data + at, length);
		buf_add(&result, text->data + at, text->length - at);
		break;
	case 2: /* cut short */
		break;
	case 3: /* another byte */
		buf_add(&result, &byte, at < text->length);
		buf_add(&result, text->data + at + (at < text->length),
		    text->length - at - (at < text->length));
		break;
	default:
		buf_puts(&result, piece);
		buf_add(&result, text->data + at, text->length - at);
	}
	buf_free(text);
	*text = result;
	result = (struct buf){0};
}

/* Whether the plan is good is not known here; that it is one or has problems is. */
static bool load_and_draw(const struct project *project)
{
	struct problems problems = {0};
	struct plan *plan = NULL;
	struct err e = {0};
	int result = plan_load(project->path, NULL, &plan, &problems, &e);

	if (result) {
		assert_null(plan);
		assert_int_equal(e.kind, ERR_INPUT);
		assert_true(problems.count >= 1);
		assert_non_null(strstr(problems.items[0].text, ": "));
		for (size_t i = 0; i < problems.count; i++)
			assert_null(strchr(problems.items[i].text, '\n'));
	} else {
		_cleanup_buf_ struct buf text = {0};

		assert_int_equal(problems.count, 0);
		plan_list(plan, &text);
		plan_draw_tree(plan, &text);
		plan_draw_dot(plan, &text);
	}
	problems_free(&problems);
	plan_free(plan);
	return !result;
}

static void no_mutation_of_the_files_goes_unnoticed(void **state)
{
	unsigned good = 0, bad = 0;

	for (uint32_t round = 0; round < 3000; round++) {
		const struct project_file *file = &project_files[round % PROJECT_FILES];
		_cleanup_buf_ struct buf text = {0};
		uint32_t seed = round;

		buf_puts(&text, file->text);
		for (uint32_t times = 1 + draw(&seed, 4); times; times--)
			mutate(&seed, &text);
		project_write_bytes(*state, file->path, buf_text(&text), text.length);
		*(load_and_draw(*state) ? &good : &bad) += 1;
		project_write(*state, file->path, file->text);
	}
	/* Both ways were taken, each many times. */
	assert_true(good > 250);
	assert_true(bad > 1500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(problems_are_sorted_by_place),
	    cmocka_unit_test(a_problem_is_one_line),
	    PROJECT_TEST(a_plan_holds_what_the_files_say),
	    PROJECT_TEST(the_digest_of_the_lock_is_of_its_content),
	    PROJECT_TEST(a_tiny_plan_is_drawn),
	    PROJECT_TEST(a_wrong_lock_does_not_hinder_its_renewal),
	    cmocka_unit_test(a_folder_that_is_not_there_is_wrong_input),
	    PROJECT_TEST(no_mutation_of_the_files_goes_unnoticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
