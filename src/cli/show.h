/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Showing what was fetched: always JSON inside, printed as such or as a table of columns (libsmartcols).
 */
#ifndef PILUS_CLI_SHOW_H
#define PILUS_CLI_SHOW_H

#include "cli/cli.h"

/* A newline in title or cell makes a second line. */
struct column {
	const char *title;
	const char *key;                            /* the row's member that is shown, or: */
	void (*cell)(const json_t *row, FILE *out); /* writes the cell's text */
	bool right;                                 /* aligned */
};

struct table {
	const struct column *columns;
	size_t column_count;
	bool no_titles;
	const char *indent; /* before each line; NULL: nothing */
};

#define TABLE(columns_) {.columns = (columns_), .column_count = ARRAY_SIZE(columns_)}

/* Prints rows (an array, borrowed) as the command line asks: a table unless JSON. */
int show(const struct cli *cli, const struct table *table, const json_t *rows, struct error *error);

int show_json(const struct cli *cli, const json_t *value, struct error *error);
int show_table(const struct cli *cli, const struct table *table, const json_t *rows, struct error *error);

/* The text of a value as a cell: arrays one element a line, null nothing. */
void value_write(const json_t *value, FILE *out);

/* Members that may be missing or of another type: NULL, 0. */
const char *row_text(const json_t *row, const char *key);
json_int_t row_number(const json_t *row, const char *key);

/* "5.2 MB" */
void bytes_write(uint64_t bytes, FILE *out);

#endif
