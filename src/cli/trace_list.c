/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pilus trace list`: what can be probed on this machine.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/show.h"
#include "cli/trace.h"
#include "trace/symbols/probe_list.h"

const struct cli_option TRACE_LIST_OPTIONS[] = {
	{'v', "verbose", NULL, "with the arguments that a program is given"},
	{},
};

static void add_probe(void *rows, const struct probe_facts *probe)
{
	json_t *row = json_pack("{ss}", "probe", probe->name), *arguments = json_array();

	for (const char *const *argument = probe->arguments; argument && *argument; argument++)
		json_array_append_new(arguments, json_string(*argument));
	if (probe->arguments)
		json_object_set_new(row, "arguments", arguments);
	else
		json_decref(arguments);
	json_array_append_new(rows, row);
}

static int by_name(const void *left, const void *right)
{
	return strcmp(row_text(*(json_t *const *)left, "probe"), row_text(*(json_t *const *)right, "probe"));
}

static json_t *sorted(json_t *rows)
{
	size_t count = json_array_size(rows), i;
	_cleanup_free_ json_t **list = calloc(count + 1, sizeof(*list));
	json_t *result = json_array(), *row;

	if (!list)
		return result;
	json_array_foreach (rows, i, row)
		list[i] = row;
	qsort(list, count, sizeof(*list), by_name);
	for (i = 0; i < count; i++)
		json_array_append(result, list[i]);
	return result;
}

/* Lines, for grep and the eye: a table would measure thousands of them first. */
static void write_rows(const json_t *rows, FILE *out)
{
	const json_t *row, *argument;
	size_t i, j;

	json_array_foreach (rows, i, row) {
		fprintf(out, "%s\n", row_text(row, "probe"));
		json_array_foreach (json_object_get(row, "arguments"), j, argument)
			fprintf(out, "    %s\n", json_string_value(argument));
	}
}

int trace_list(struct cli *cli, struct error *error)
{
	const char *pattern = cli->argument_count ? cli->arguments[0] : "";
	json_auto_t *rows = json_array(), *in_order = NULL;
	int r = probe_list(pattern, cli_count(cli, "verbose"), add_probe, rows, error);

	if (r < 0)
		return r;
	if (!json_array_size(rows))
		return error_set(error, -ENOENT, "nothing can be probed here that is like '%s'", pattern);
	in_order = sorted(rows);
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, in_order, error);
	write_rows(in_order, cli->out);
	return 0;
}
