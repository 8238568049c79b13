/*
 * The table of attacks: how it is read, and how results compare with it.
 */
#include "../../sandbox/table.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct table parsed(const char *text)
{
	struct table table;
	struct err e = {0};

	if (table_parse(xstrdup(text), &table, &e))
		fail_msg("%s", e.text);
	return table;
}

static void rows_have_cells(void **state)
{
	struct table table = parsed("# a comment\n!g Why it is one.\n\n"
				    "open read x   | done | ENOENT | done !g\n"
				    "own 0 y | - | EINVAL | EPERM | done\n"
				    "ids | - | 0 0");
	const struct row *rows = table.rows;

	(void)state;
	assert_int_equal(table.row_count, 3);
	assert_string_equal(rows[0].words, "open read x");
	assert_string_equal(rows[0].cells[NONE].wanted, "done");
	assert_null(rows[0].cells[NONE].gap);
	assert_string_equal(rows[0].cells[LANDLOCK].wanted, "done");
	assert_string_equal(rows[0].cells[LANDLOCK].gap, "g");
	assert_null(rows[1].cells[NONE].wanted);
	assert_string_equal(rows[1].cells[LANDLOCK_OWN].wanted, "done");
	assert_string_equal(rows[2].cells[USERNS].wanted, "0 0");
	assert_null(rows[2].cells[LANDLOCK].wanted);
	assert_null(rows[2].cells[LANDLOCK_OWN].wanted);
	assert_int_equal(table.gap_count, 1);
	assert_string_equal(table.gaps[0].text, "Why it is one.");
	table_free(&table);
}

static void what_is_not_said_of_the_weaker_form_holds_too(void **state)
{
	struct table table = parsed("!g Text\nx | - | - | done !g\n");

	(void)state;
	assert_string_equal(table.rows[0].cells[LANDLOCK_OWN].wanted, "done");
	assert_string_equal(table.rows[0].cells[LANDLOCK_OWN].gap, "g");
	table_free(&table);
}

static void refused(const char *text, const char *why)
{
	char *copy = xstrdup(text);
	struct table table;
	struct err e = {0};

	assert_int_equal(table_parse(copy, &table, &e), -1);
	if (!strstr(e.text, why))
		fail_msg("`%s` does not say `%s`", e.text, why);
	free(copy);
}

static void mistakes_are_named(void **state)
{
	(void)state;
	refused("x | done !unknown\n", "x: the table knows no gap `unknown`");
	refused("x | a | b | c | d | e\n", "`x` is no row");
	refused(" | a\n", "is no row");
}

static void the_table_itself_can_be_read(void **state)
{
	struct table table;
	struct err e = {0};

	(void)state;
	if (table_read(&table, &e))
		fail_msg("%s", e.text);
	assert_true(table.row_count > 400);
	/* No attack is there twice: one of them would be a mistake. */
	for (size_t i = 0; i < table.row_count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(table.rows[i].words, table.rows[k].words))
				fail_msg("`%s` is there twice", table.rows[i].words);
	table_free(&table);
}

static void verdicts(void **state)
{
	static const struct {
		struct cell cell;
		const char *came;
		enum verdict wanted;
	} cases[] = {
	    {{"EPERM", NULL}, "EPERM", SAME},
	    {{"EPERM", NULL}, "ENOSYS", OTHER},
	    {{"EPERM", NULL}, "done", OUT},
	    {{"EPERM", NULL}, "", OUT},
	    {{"EPERM", NULL}, "EPERM or so", OUT},
	    {{"done", NULL}, "EPERM", OTHER},
	    {{"done", "g"}, "EPERM", CLOSED},
	    {{"done", "g"}, "done", SAME},
	    {{"6755", "g"}, "755", OUT},
	    {{"0 1 2", NULL}, "0 1 2 3", OUT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(verdict_of(&cases[i].cell, cases[i].came), cases[i].wanted);
}

static void columns_have_names(void **state)
{
	(void)state;
	assert_int_equal(column_find("userns"), USERNS);
	assert_int_equal(column_find("landlock-own"), LANDLOCK_OWN);
	assert_int_equal(column_find("auto"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_have_cells),
	    cmocka_unit_test(what_is_not_said_of_the_weaker_form_holds_too),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(the_table_itself_can_be_read),
	    cmocka_unit_test(verdicts),
	    cmocka_unit_test(columns_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
