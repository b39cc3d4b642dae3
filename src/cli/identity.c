/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `identity`.
 */
#include <errno.h>

#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

static const struct column COLUMNS[] = {
	{.title = "ID", .key = "id"},
	{.title = "LABELS", .key = "labels"},
};
static const struct table LIST_TABLE = TABLE(COLUMNS);

static int identity_list(struct cli *cli, struct error *error)
{
	json_auto_t *identities = NULL;
	int r = agent_get_array(cli, "/v1/identities", &identities, error);

	return r < 0 ? r : show(cli, &LIST_TABLE, identities, error);
}

static json_t *find(const json_t *identities, uint32_t id)
{
	json_t *identity;
	size_t i;

	json_array_foreach (identities, i, identity)
		if (row_number(identity, "id") == id)
			return identity;
	return NULL;
}

static int identity_get(struct cli *cli, struct error *error)
{
	json_auto_t *identities = NULL, *list = NULL;
	uint32_t id = 0;
	int r = cli_number(cli->arguments[0], UINT32_MAX, "an identity", &id, error);

	if (r < 0)
		return r;
	r = agent_get_array(cli, "/v1/identities", &identities, error);
	if (r < 0)
		return r;
	if (!find(identities, id))
		return error_set(error, -ENOENT, "there is no identity %u; 'pilus identity list' tells those there are",
		                 id);
	list = json_pack("[O]", find(identities, id));
	return show(cli, &LIST_TABLE, list, error);
}

static void complete_ids(struct cli *cli)
{
	agent_complete(cli, "/v1/identities", "id");
}

static const struct command VERBS[] = {
	{.name = "list", .summary = "All identities and their labels", .run = identity_list},
	{
		.name = "get",
		.summary = "The labels of one identity",
		.arguments = "ID",
		.arguments_min = 1,
		.arguments_max = 1,
		.run = identity_get,
		.complete = complete_ids,
	},
	{},
};

const struct command IDENTITY_NOUN = {
	.name = "identity", .summary = "Identities: numbers of label sets", .commands = VERBS};
