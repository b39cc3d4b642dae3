/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `ip`.
 */
#include <string.h>

#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

#define RESERVED "reserved:"

/* A reserved identity by its name alone, as Cilium; others by their labels. */
static void identity_cell(const json_t *row, FILE *out)
{
	const json_t *labels = json_object_get(row, "labels");
	const char *first = json_string_value(json_array_get(labels, 0));

	if (first && json_array_size(labels) == 1 && !strncmp(first, RESERVED, strlen(RESERVED)))
		fputs(first + strlen(RESERVED), out);
	else if (json_array_size(labels))
		value_write(labels, out);
	else
		value_write(json_object_get(row, "identity"), out);
}

static const struct column COLUMNS[] = {
	{.title = "IP", .key = "cidr"},
	{.title = "IDENTITY", .cell = identity_cell},
	{.title = "SOURCE", .key = "source"},
	{.title = "NODE", .key = "node"},
};

static const struct column NUMERIC_COLUMNS[] = {
	{.title = "IP", .key = "cidr"},
	{.title = "IDENTITY", .key = "identity"},
	{.title = "SOURCE", .key = "source"},
	{.title = "NODE", .key = "node"},
};

static int ip_list(struct cli *cli, struct error *error)
{
	static const struct table NAMES = TABLE(COLUMNS), NUMBERS = TABLE(NUMERIC_COLUMNS);
	json_auto_t *ips = NULL;
	int r = agent_get_array(cli, "/v1/ips", &ips, error);

	return r < 0 ? r : show(cli, cli_count(cli, "numeric") ? &NUMBERS : &NAMES, ips, error);
}

static const struct cli_option LIST_OPTIONS[] = {
	{'n', "numeric", NULL, "identities as numbers"},
	{},
};

static const struct command VERBS[] = {
	{.name = "list", .summary = "All known addresses and who has them", .options = LIST_OPTIONS, .run = ip_list},
	{},
};

const struct command IP_NOUN = {.name = "ip", .summary = "Addresses of the cluster", .commands = VERBS};
