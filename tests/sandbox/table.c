#include "table.h"

#include "base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The assembler finds the file from where make runs: the project's folder. */
__asm__(".section .rodata\n.global attack_table\nattack_table:\n"
	".incbin \"tests/sandbox/table\"\n.byte 0\n.previous\n");
extern const char attack_table[];

const char *const verdict_names[VERDICTS] = {"same", "closed", "other", "out"};

static const char *const columns[COLUMNS] = {"none", "userns", "landlock", "landlock-own"};

int column_find(const char *name)
{
	for (int i = 0; i < COLUMNS; i++)
		if (!strcmp(columns[i], name))
			return i;
	return -1;
}

static char *trim(char *text)
{
	char *end = text + strlen(text);

	while (end > text && isspace((unsigned char)end[-1]))
		*--end = 0;
	return text + strspn(text, " \t");
}

/* `done !times`: what it comes to, and the gap that this is. */
static int parse_cell(const struct table *table, char *text, struct cell *ret_cell, struct err *e)
{
	char *mark = strchr(text, '!');

	if (mark) {
		*mark = 0;
		for (size_t i = 0; i < table->gap_count; i++)
			if (!strcmp(table->gaps[i].name, mark + 1))
				ret_cell->gap = table->gaps[i].name;
		if (!ret_cell->gap)
			return err_kind(e, ERR_INPUT, "the table knows no gap `%s`", mark + 1);
	}
	text = trim(text);
	ret_cell->wanted = *text && strcmp(text, "-") ? text : NULL;
	return 0;
}

static int add_row(struct table *table, char *line, struct err *e)
{
	struct row row = {.words = trim(strsep(&line, "|"))};

	for (int i = 0; i < COLUMNS && line; i++)
		if (parse_cell(table, trim(strsep(&line, "|")), &row.cells[i], e))
			return err_wrap(e, "%s", row.words);
	if (line || !*row.words)
		return err_kind(e, ERR_INPUT, "`%s` is no row of the table", row.words);
	/* What is not said of the weaker form of an isolation holds as for the other. */
	if (!row.cells[LANDLOCK_OWN].wanted)
		row.cells[LANDLOCK_OWN] = row.cells[LANDLOCK];
	table->rows = xgrow(table->rows, table->row_count, sizeof(*table->rows));
	table->rows[table->row_count++] = row;
	return 0;
}

/* `!NAME TEXT`: what a cell may be marked with. */
static void add_gap(struct table *table, char *line)
{
	struct gap gap = {.name = strsep(&line, " ")};

	gap.text = line ? trim(line) : "";
	table->gaps = xgrow(table->gaps, table->gap_count, sizeof(*table->gaps));
	table->gaps[table->gap_count++] = gap;
}

int table_parse(char *text, struct table *ret_table, struct err *e)
{
	struct table table = {.text = text};

	for (char *line; (line = strsep(&text, "\n"));) {
		if (!*line || *line == '#')
			continue;
		if (*line == '!')
			add_gap(&table, line + 1);
		else if (add_row(&table, line, e)) {
			table.text = NULL;
			table_free(&table);
			return -1;
		}
	}
	*ret_table = table;
	return 0;
}

int table_read(struct table *ret_table, struct err *e)
{
	char *text = xstrdup(attack_table);

	if (!table_parse(text, ret_table, e))
		return 0;
	free(text);
	return -1;
}

void table_free(struct table *table)
{
	free(table->rows);
	free(table->gaps);
	free(table->text);
}

/* The name of an errno. */
static bool is_refusal(const char *text)
{
	return *text == 'E' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == 0;
}

enum verdict verdict_of(const struct cell *cell, const char *came)
{
	if (!strcmp(cell->wanted, came))
		return SAME;
	if (!is_refusal(came))
		return OUT;
	return cell->gap ? CLOSED : OTHER;
}
