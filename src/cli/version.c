/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `version`.
 */
#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

static const struct column COLUMNS[] = {
	{.key = "name"},
	{.key = "version"},
};

static void add(json_t *rows, const char *name, const char *version)
{
	json_array_append_new(rows, json_pack("{ss ss?}", "name", name, "version", version));
}

static int version_run(struct cli *cli, struct error *error)
{
	static const struct table VERSION_TABLE = {.columns = COLUMNS, .column_count = 2, .no_titles = true};
	json_auto_t *status = NULL, *rows = json_array(), *both = json_pack("{ss}", "client", PILUS_VERSION);
	int r = 0, shown;

	add(rows, "Client:", PILUS_VERSION);
	if (!cli_count(cli, "client"))
		r = agent_get_object(cli, "/v1/status", &status, error);
	if (status) {
		add(rows, "Daemon:", row_text(status, "version"));
		json_object_set_new(both, "daemon", json_pack("s?", row_text(status, "version")));
	}
	shown = cli->output == OUTPUT_JSON ? show_json(cli, both, r < 0 ? NULL : error)
	                                   : show_table(cli, &VERSION_TABLE, rows, r < 0 ? NULL : error);
	return r < 0 ? r : shown;
}

static const struct cli_option OPTIONS[] = {
	{0, "client", NULL, "of this program alone"},
	{},
};

const struct command VERSION_NOUN = {
	.name = "version",
	.summary = "Versions of this program and of the agent",
	.options = OPTIONS,
	.run = version_run,
};
