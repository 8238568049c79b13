/*
 * What differs between two actions, trees, texts: tables of both and of what must come out.
 */
#include "build/compare.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"
#define HEAD "minsys action 1\nstage sysroot\n"

/* --- Facts --- */

static struct facts parsed(const char *text)
{
	struct facts facts;
	struct err e = {0};

	if (facts_parse(text, strlen(text), &facts, &e))
		fail_msg("%s: `%s`", e.text, text);
	return facts;
}

static void a_text_has_its_facts(void **state)
{
	struct facts facts = parsed(HEAD "tools root " ONE "\nfile a b " TWO "\n"
					 "env FLAGS 12\n-O2\nrun sh 3\nenv EMPTY 0\n\n"
					 "run sh 8\nmake\n:\n\n\n");
	static const struct fact wanted[] = {
	    {"minsys", "action", "1", 1},
	    {"stage", "", "sysroot", 7},
	    {"tools", "root", ONE, 64},
	    {"file", "a b", TWO, 64},
	    {"env", "FLAGS", "-O2\nrun sh 3", 12},
	    {"env", "EMPTY", "", 0},
	    {"run", "sh", "make\n:\n\n", 8},
	};

	(void)state;
	assert_int_equal(facts.count, LENGTH(wanted));
	for (size_t i = 0; i < LENGTH(wanted); i++) {
		assert_string_equal(facts.items[i].kind, wanted[i].kind);
		assert_string_equal(facts.items[i].name, wanted[i].name);
		assert_string_equal(facts.items[i].value, wanted[i].value);
		assert_int_equal(facts.items[i].length, wanted[i].length);
	}
	facts_free(&facts);
}

static void what_is_no_action_is_refused(void **state)
{
	static const char *const texts[] = {
	    "",
	    "minsys",
	    "minsys action 1",
	    "stage sysroot\n",
	    HEAD "run sh 4\nmake",
	    HEAD "run sh 4\nmak\n",
	    HEAD "run sh 4\nmakes\n",
	    HEAD "alone\n",
	    HEAD "stage",
	    HEAD "stage sysroot\n",
	    HEAD "env A 1\n1\nenv A 1\n2\n",
	    HEAD "file init 0\nprogram init 1\n",
	};
	struct facts facts;
	struct err e;

	(void)state;
	for (size_t i = 0; i < LENGTH(texts); i++)
		if (!facts_parse(texts[i], strlen(texts[i]), &facts, &e))
			fail_msg("it was read: `%s`", texts[i]);
}

/* One line a change: "kind name: before -> after". */
static char *describe_facts(const char *before, const char *after)
{
	struct facts old = parsed(before), new = parsed(after);
	struct buf text = {0};
	size_t count;
	struct fact_change *changes = facts_compare(&old, &new, &count);

	for (size_t i = 0; i < count; i++) {
		const struct fact *then = changes[i].before, *now = changes[i].after;

		buf_printf(&text, "%s %s: %.3s -> %.3s\n", now ? now->kind : then->kind,
		    now ? now->name : then->name, then ? then->value : "no",
		    now ? now->value : "no");
	}
	free(changes);
	facts_free(&old);
	facts_free(&new);
	buf_add(&text, "", 0);
	return text.data;
}

static void facts_differ_by_kind_and_name(void **state)
{
	static const struct {
		const char *before, *after, *wanted;
	} cases[] = {
	    {HEAD, HEAD, ""},
	    {HEAD, "minsys action 2\nstage sysroot\n", "minsys action: 1 -> 2\n"},
	    {HEAD, "minsys action 1\nstage other\n", "stage : sys -> oth\n"},
	    {HEAD "source a " ONE "\n", HEAD "source a " TWO "\n", "source a: 111 -> 222\n"},
	    {HEAD "source a " ONE "\n", HEAD "need a " ONE "\n",
		"need a: no -> 111\nsource a: 111 -> no\n"},
	    {HEAD "file a " ONE "\n", HEAD "program a " ONE "\n", "program a: 111 -> 111\n"},
	    {HEAD "file a " ONE "\nfile b " TWO "\n", HEAD "file b " TWO "\nfile a " ONE "\n", ""},
	    {HEAD "env A 1\na\n", HEAD "env A 1\nb\nenv B 1\nc\n",
		"env A: a -> b\nenv B: no -> c\n"},
	    {HEAD "env A 1\na\n", HEAD "target A 1\na\n", "target A: no -> a\nenv A: a -> no\n"},
	    {HEAD "env A 3\na\nb\n", HEAD "env A 3\na\nc\n", "env A: a\nb -> a\nc\n"},
	    {HEAD "run sh 1\na\n", HEAD, "run sh: a -> no\n"},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		_cleanup_free_ char *text = describe_facts(cases[i].before, cases[i].after);

		assert_string_equal(text, cases[i].wanted);
	}
}

/* --- Trees --- */

static struct tree decoded(const char *manifest)
{
	struct tree tree;
	struct err e = {0};

	if (tree_decode(manifest, strlen(manifest), &tree, &e))
		fail_msg("%s: `%s`", e.text, manifest);
	return tree;
}

static char *describe_trees(const char *before, const char *after)
{
	static const char letters[] = {
	    [TREE_ADDED] = '+',
	    [TREE_REMOVED] = '-',
	    [TREE_CONTENT] = 'c',
	    [TREE_EXECUTABLE] = 'x',
	    [TREE_TARGET] = 'l',
	    [TREE_TYPE] = 't',
	};
	struct tree old = decoded(before), new = decoded(after);
	struct buf text = {0};
	size_t count;
	struct tree_change *changes = trees_compare(&old, &new, &count);

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%c%s ", letters[changes[i].kind], changes[i].path);
	free(changes);
	tree_free(&old);
	tree_free(&new);
	buf_add(&text, "", 0);
	return text.data;
}

static void trees_differ_by_path(void **state)
{
	static const struct {
		const char *before, *after, *wanted;
	} cases[] = {
	    {"", "", ""},
	    {"f " ONE " 1 a\n", "f " ONE " 1 a\n", ""},
	    {"f " ONE " 1 a\n", "f " TWO " 1 a\n", "ca "},
	    {"f " ONE " 1 a\n", "x " ONE " 1 a\n", "xa "},
	    {"f " ONE " 1 a\n", "x " TWO " 1 a\n", "ca "},
	    {"f " ONE " 1 a\n", "l 1 a b\n", "ta "},
	    {"d a\n", "f " ONE " 1 a\n", "ta "},
	    {"l 1 a b\n", "l 1 a c\n", "la "},
	    {"", "f " ONE " 1 a\nf " ONE " 1 b\n", "+a +b "},
	    {"f " ONE " 1 a\nf " ONE " 1 b\nf " ONE " 1 c\n", "f " TWO " 1 b\n", "-a cb -c "},
	    {"", "d a\n", "+a "},
	    {"d a\nd a/b\n", "d a\n", "-a/b "},
	    {"", "d a\nf " ONE " 1 a/b\n", "+a/b "},
	    {"d a\nd b\n", "d a\nf " ONE " 1 a/b\n", "+a/b "},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		_cleanup_free_ char *text = describe_trees(cases[i].before, cases[i].after);

		assert_string_equal(text, cases[i].wanted);
	}
}

/* --- Lines --- */

static struct buf of(const char *text)
{
	return (struct buf){(char *)text, strlen(text), 0};
}

static void check_line(const struct line *line, const char *wanted)
{
	if (!wanted) {
		assert_null(line->text);
		return;
	}
	assert_int_equal(line->length, strlen(wanted));
	assert_memory_equal(line->text, wanted, line->length);
}

static void texts_differ_by_line(void **state)
{
	static const struct {
		const char *old, *new;
		size_t number;
		const char *before, *after;
		size_t removed, added;
		bool is_only_end;
	} cases[] = {
	    {"a\nb\nc\n", "a\nx\nc\n", 2, "b", "x", 1, 1, false},
	    {"a\nb\nc\n", "a\nc\n", 2, "b", NULL, 1, 0, false},
	    {"a\nc\n", "a\nb\nc\n", 2, NULL, "b", 0, 1, false},
	    {"", "a\n", 1, NULL, "a", 0, 1, false},
	    {"a\n", "", 1, "a", NULL, 1, 0, false},
	    {"a\n", "a\nb\nc\n", 2, NULL, "b", 0, 2, false},
	    {"a\na\n", "a\na\na\n", 3, NULL, "a", 0, 1, false},
	    {"a\nb\nc\nd\n", "x\nb\nc\ny\n", 1, "a", "x", 2, 2, false},
	    {"a\nb\nc\nd\n", "b\nc\nx\nd\n", 1, "a", "b", 1, 1, false},
	    {"b\nd\n", "a\nb\nc\nd\ne\n", 1, NULL, "a", 0, 3, false},
	    {"a\nb\nc\nd\ne\n", "b\nd\n", 1, "a", NULL, 3, 0, false},
	    {"a", "a\n", 1, "a", "a", 1, 1, true},
	    {"a\nb\n", "a\nb", 2, "b", "b", 1, 1, true},
	    {"a\nb", "a\nc", 2, "b", "c", 1, 1, false},
	    {"\n", "\n\n", 2, NULL, "", 0, 1, false},
	    {"a \n", "a\n", 1, "a ", "a", 1, 1, false},
	    {"a\r\n", "a\n", 1, "a\r", "a", 1, 1, false},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct buf old = of(cases[i].old), new = of(cases[i].new);
		struct line_change change;

		lines_compare(&old, &new, &change);
		assert_false(change.is_binary || change.is_many);
		assert_int_equal(change.number, cases[i].number);
		check_line(&change.before, cases[i].before);
		check_line(&change.after, cases[i].after);
		assert_int_equal(change.removed, cases[i].removed);
		assert_int_equal(change.added, cases[i].added);
		assert_int_equal(change.is_only_end, cases[i].is_only_end);
	}
}

static void a_nul_is_in_no_text(void **state)
{
	struct buf old = {(char *)"a\0b", 3, 0}, new = of("a\n");
	struct line_change change;

	(void)state;
	lines_compare(&old, &new, &change);
	assert_true(change.is_binary);
	lines_compare(&new, &old, &change);
	assert_true(change.is_binary);
}

/* Lines of numbers, of which each `step`th is another one. */
static struct buf numbers(unsigned count, unsigned step)
{
	struct buf text = {0};

	for (unsigned i = 1; i <= count; i++)
		buf_printf(&text, "%u%s\n", i, i % step ? "" : " changed");
	return text;
}

static void many_changes_are_counted_up_to_a_point(void **state)
{
	_cleanup_buf_ struct buf plain = numbers(100000, 1000000);
	_cleanup_buf_ struct buf some = numbers(100000, 201);
	_cleanup_buf_ struct buf many = numbers(100000, 10);
	struct line_change change;

	(void)state;
	lines_compare(&plain, &some, &change);
	assert_false(change.is_many);
	assert_int_equal(change.number, 201);
	assert_int_equal(change.removed, 497);
	assert_int_equal(change.added, 497);
	lines_compare(&plain, &many, &change);
	assert_true(change.is_many);
	assert_int_equal(change.number, 10);
	check_line(&change.after, "10 changed");
	assert_int_equal(change.removed + change.added, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_text_has_its_facts),
	    cmocka_unit_test(what_is_no_action_is_refused),
	    cmocka_unit_test(facts_differ_by_kind_and_name),
	    cmocka_unit_test(trees_differ_by_path),
	    cmocka_unit_test(texts_differ_by_line),
	    cmocka_unit_test(a_nul_is_in_no_text),
	    cmocka_unit_test(many_changes_are_counted_up_to_a_point),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
