/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `node`.
 */
#include <string.h>

#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

static void cidrs_of_family(const json_t *row, bool v6, FILE *out)
{
	const char *separator = "";
	json_t *cidr;
	size_t i;

	json_array_foreach (json_object_get(row, "pod-cidrs"), i, cidr) {
		const char *text = json_string_value(cidr);

		if (!text || !strchr(text, ':') != !v6)
			continue;
		fprintf(out, "%s%s", separator, text);
		separator = "\n";
	}
}

static void cidr_v4_cell(const json_t *row, FILE *out)
{
	cidrs_of_family(row, false, out);
}

static void cidr_v6_cell(const json_t *row, FILE *out)
{
	cidrs_of_family(row, true, out);
}

static const struct column COLUMNS[] = {
	{.title = "Name", .key = "name"},
	{.title = "IPv4 Address", .key = "ipv4"},
	{.title = "Endpoint CIDR", .cell = cidr_v4_cell},
	{.title = "IPv6 Address", .key = "ipv6"},
	{.title = "Endpoint CIDR", .cell = cidr_v6_cell},
	{.title = "Routing", .key = "routing-mode"},
	{.title = "Neighbour", .key = "neighbour"},
	{.title = "Agent", .key = "agent"},
};

static int node_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(COLUMNS);
	json_auto_t *nodes = NULL;
	int r = agent_get_array(cli, "/v1/nodes", &nodes, error);

	return r < 0 ? r : show(cli, &LIST_TABLE, nodes, error);
}

static const struct command VERBS[] = {
	{.name = "list", .summary = "All nodes of the cluster", .run = node_list},
	{},
};

const struct command NODE_NOUN = {.name = "node", .summary = "Nodes of the cluster", .commands = VERBS};
