/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/show.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void table_unref(struct libscols_table **table)
{
	scols_unref_table(*table);
}

const char *row_text(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

json_int_t row_number(const json_t *row, const char *key)
{
	return json_integer_value(json_object_get(row, key));
}

static void array_write(const json_t *array, FILE *out)
{
	json_t *element;
	size_t i;

	json_array_foreach (array, i, element) {
		if (i)
			fputc('\n', out);
		value_write(element, out);
	}
}

void value_write(const json_t *value, FILE *out)
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_STRING:
		fputs(json_string_value(value), out);
		break;
	case JSON_INTEGER:
		fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		fprintf(out, "%g", json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		fputs(json_is_true(value) ? "true" : "false", out);
		break;
	case JSON_ARRAY:
		array_write(value, out);
		break;
	case JSON_OBJECT:
		json_dumpf(value, out, JSON_COMPACT);
		break;
	case JSON_NULL:
		break;
	}
}

void bytes_write(uint64_t bytes, FILE *out)
{
	static const char *const UNITS[] = {"B", "kB", "MB", "GB", "TB"};
	double value = bytes;
	size_t unit = 0;

	for (; value >= 1000 && unit + 1 < ARRAY_SIZE(UNITS); unit++)
		value /= 1000;
	fprintf(out, unit ? "%.1f %s" : "%.0f %s", value, UNITS[unit]);
}

static int add_column(struct libscols_table *table, const struct column *column)
{
	struct libscols_column *made =
		scols_table_new_column(table, NULL, 0, SCOLS_FL_WRAP | (column->right ? SCOLS_FL_RIGHT : 0));

	if (!made || scols_column_set_safechars(made, "\n") ||
	    scols_column_set_wrapfunc(made, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL))
		return -ENOMEM;
	return 0;
}

/* The titles are a line like the others: libsmartcols' own header has one line only. */
static int add_titles(struct libscols_table *scols, const struct table *table)
{
	struct libscols_line *line = scols_table_new_line(scols, NULL);

	for (size_t i = 0; i < table->column_count; i++)
		if (!line || scols_line_set_data(line, i, table->columns[i].title))
			return -ENOMEM;
	return 0;
}

static int add_cell(struct libscols_line *line, size_t index, const struct column *column, const json_t *row)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -errno;
	if (column->cell)
		column->cell(row, out);
	else
		value_write(json_object_get(row, column->key), out);
	if (fclose(out))
		return -errno;
	if (scols_line_refer_data(line, index, text))
		return -ENOMEM;
	text = NULL;
	return 0;
}

static int add_row(struct libscols_table *scols, const struct table *table, const json_t *row)
{
	struct libscols_line *line = scols_table_new_line(scols, NULL);
	int r;

	if (!line)
		return -ENOMEM;
	for (size_t i = 0; i < table->column_count; i++) {
		r = add_cell(line, i, &table->columns[i], row);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct libscols_table *new_table(const struct cli *cli)
{
	struct libscols_table *scols = scols_new_table();

	if (!scols || scols_table_set_stream(scols, cli->out) || scols_table_set_column_separator(scols, "   ") ||
	    scols_table_enable_noheadings(scols, 1) || scols_table_set_termforce(scols, SCOLS_TERMFORCE_NEVER)) {
		scols_unref_table(scols);
		return NULL;
	}
	return scols;
}

static int fill_table(struct libscols_table *scols, const struct table *table, const json_t *rows)
{
	json_t *row;
	size_t i;
	int r = 0;

	for (i = 0; !r && i < table->column_count; i++)
		r = add_column(scols, &table->columns[i]);
	if (!r && !table->no_titles)
		r = add_titles(scols, table);
	json_array_foreach (rows, i, row)
		r = r ? r : add_row(scols, table, row);
	return r;
}

int show_table(const struct cli *cli, const struct table *table, const json_t *rows, struct error *error)
{
	_cleanup_(table_unref) struct libscols_table *scols = new_table(cli);
	int r = scols ? fill_table(scols, table, rows) : -ENOMEM;

	if (!r)
		r = scols_print_table(scols);
	return r ? error_set_errno(error, r < 0 ? r : -EIO, "cannot print the table") : 0;
}

int show_json(const struct cli *cli, const json_t *value, struct error *error)
{
	if (json_dumpf(value, cli->out, JSON_INDENT(2) | JSON_ENCODE_ANY) < 0)
		return error_set(error, -EIO, "cannot print JSON");
	fputc('\n', cli->out);
	return 0;
}

int show(const struct cli *cli, const struct table *table, const json_t *rows, struct error *error)
{
	return cli->output == OUTPUT_JSON ? show_json(cli, rows, error) : show_table(cli, table, rows, error);
}
