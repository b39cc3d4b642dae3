/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `map`: the pinned maps themselves; needs no agent.
 */
#include "cli/nouns.h"
#include "cli/show.h"
#include "datapath/maps.h"

static void bytes_cell(const json_t *row, FILE *out)
{
	bytes_write(row_number(row, "bytes"), out);
}

static void pressure_cell(const json_t *row, FILE *out)
{
	const json_t *pressure = json_object_get(row, "pressure");

	if (json_is_real(pressure))
		fprintf(out, "%.1f %%", 100 * json_real_value(pressure));
}

static const struct column COLUMNS[] = {
	{.title = "Name", .key = "name"},
	{.title = "Type", .key = "type"},
	{.title = "Num entries", .key = "entries"},
	{.title = "Max entries", .key = "max-entries"},
	{.title = "Pressure", .cell = pressure_cell},
	{.title = "Memory", .cell = bytes_cell},
};

static int add_map(const struct map_facts *facts, void *userdata)
{
	json_t *row = json_pack("{ss ss sI sI sI so}", "name", facts->name, "type", facts->type, "entries",
	                        (json_int_t)facts->entries, "max-entries", (json_int_t)facts->max_entries, "bytes",
	                        (json_int_t)facts->bytes, "pressure",
	                        facts->fills ? json_real(map_pressure(facts)) : json_null());

	json_array_append_new(userdata, row);
	return 0;
}

static int map_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(COLUMNS);
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	json_auto_t *rows = json_array();
	int r = maps_open(cli->bpffs, &maps, error);

	if (r < 0)
		return r;
	r = maps_facts(&maps, add_map, rows);
	if (r < 0)
		return error_set_errno(error, r, "cannot ask the kernel about the maps");
	return show(cli, &LIST_TABLE, rows, error);
}

static const struct command VERBS[] = {
	{.name = "list", .summary = "All maps, how full they are and what they take", .run = map_list},
	{},
};

const struct command MAP_NOUN = {.name = "map", .summary = "The BPF maps (no agent needed)", .commands = VERBS};
