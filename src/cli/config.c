/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `config`.
 */
#include <errno.h>

#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

static const struct column COLUMNS[] = {
	{.title = "Key", .key = "key"},
	{.title = "Value", .key = "value"},
};

static const char *key_name(const void *table, size_t index)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)table, key, value)
		if (!index--)
			return key;
	return NULL;
}

static int unknown_key(const json_t *config, const char *key, struct error *error)
{
	const char *nearest = cli_nearest(key, key_name, config);

	if (nearest)
		return cli_wrong_use(error, "there is no key '%s'; did you mean '%s'?", key, nearest);
	return cli_wrong_use(error, "there is no key '%s'; 'pilus config' tells those there are", key);
}

static int config_one(const struct cli *cli, const json_t *config, struct error *error)
{
	const json_t *value = json_object_get(config, cli->arguments[0]);

	if (!value)
		return unknown_key(config, cli->arguments[0], error);
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, value, error);
	value_write(value, cli->out);
	fputc('\n', cli->out);
	return 0;
}

static int config_run(struct cli *cli, struct error *error)
{
	static const struct table CONFIG_TABLE = TABLE(COLUMNS);
	json_auto_t *config = NULL, *rows = json_array();
	const char *key;
	json_t *value;
	int r = agent_get_object(cli, "/v1/config", &config, error);

	if (r < 0)
		return r;
	if (cli->argument_count)
		return config_one(cli, config, error);
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, config, error);
	json_object_foreach (config, key, value)
		json_array_append_new(rows, json_pack("{ss sO}", "key", key, "value", value));
	return show_table(cli, &CONFIG_TABLE, rows, error);
}

static void complete_keys(struct cli *cli)
{
	json_auto_t *config = NULL;
	const char *key;
	json_t *value;

	if (agent_get_object(cli, "/v1/config", &config, NULL) < 0)
		return;
	json_object_foreach (config, key, value)
		fprintf(cli->out, "%s\n", key);
}

const struct command CONFIG_NOUN = {
	.name = "config",
	.summary = "The agent's configuration in force, or one key of it",
	.arguments = "KEY",
	.arguments_max = 1,
	.run = config_run,
	.complete = complete_keys,
};
