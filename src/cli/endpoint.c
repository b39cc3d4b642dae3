/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `endpoint`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/endpoint.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"
#include "http/client.h"
#include "policy/label_set.h"

static const struct column LIST_COLUMNS[] = {
	{.title = "ENDPOINT\n ", .key = "id"},
	{.title = "POLICY (ingress)\nENFORCEMENT", .key = "policy-ingress"},
	{.title = "POLICY (egress)\nENFORCEMENT", .key = "policy-egress"},
	{.title = "IDENTITY", .key = "identity"},
	{.title = "LABELS (source:key[=value])", .key = "labels"},
	{.title = "IPv6", .key = "ipv6"},
	{.title = "IPv4", .key = "ipv4"},
	{.title = "STATUS", .key = "state"},
};
static const struct table LIST_TABLE = TABLE(LIST_COLUMNS);

static const struct column LOG_COLUMNS[] = {
	{.title = "Timestamp", .key = "time"},
	{.title = "Status", .key = "status"},
	{.title = "State", .key = "state"},
	{.title = "Message", .key = "message"},
};
static const struct table LOG_TABLE = TABLE(LOG_COLUMNS);

static void health_line(const char *title, const char *words, FILE *out)
{
	fprintf(out, "%-18s%s\n", title, words ?: "");
}

static void print_health(const json_t *health, FILE *out)
{
	health_line("Overall Health:", row_text(health, "overall-health"), out);
	health_line("BPF Health:", row_text(health, "bpf"), out);
	health_line("Policy Health:", row_text(health, "policy"), out);
	health_line("Connected:", json_is_true(json_object_get(health, "connected")) ? "yes" : "no", out);
}

/* Not well is exit 1; the first problem says why. */
static int judge_health(const json_t *health, uint32_t id, struct error *error)
{
	const char *overall = row_text(health, "overall-health") ?: "no health at all";
	const char *problem = json_string_value(json_array_get(json_object_get(health, "problems"), 0));

	if (!strcmp(overall, "OK"))
		return 0;
	return error_set(error, -EIO, "endpoint %u is not well: %s", id, problem ?: overall);
}

static int endpoint_list(struct cli *cli, struct error *error)
{
	json_auto_t *endpoints = NULL;
	int r = agent_get_array(cli, "/v1/endpoints", &endpoints, error);

	return r < 0 ? r : show(cli, &LIST_TABLE, endpoints, error);
}

static int no_endpoint(uint32_t id, struct error *error)
{
	return error_set(error, -ENOENT, "there is no endpoint %u; 'pilus endpoint list' tells those there are", id);
}

static int parse_id(const struct cli *cli, uint32_t *ret, struct error *error)
{
	return cli_number(cli->arguments[0], ENDPOINT_ID_MAX, "an endpoint's ID", ret, error);
}

/* An array of one and JSON unless a table is asked for: Cilium's users pipe it into jq. */
/* What the agent says at /v1/endpoints/ID and `part` behind it, by one of agent.h's ways to ask. */
static int fetch(const struct cli *cli, const char *part, typeof(agent_get_object) *get, json_t **ret, uint32_t *ret_id,
                 struct error *error)
{
	char path[48];
	int r = parse_id(cli, ret_id, error);

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/v1/endpoints/%u%s", *ret_id, part);
	r = get(cli, path, ret, error);
	return r == -ENOENT ? no_endpoint(*ret_id, error) : r;
}

static int endpoint_get(struct cli *cli, struct error *error)
{
	json_auto_t *endpoint = NULL, *list = NULL;
	uint32_t id = 0;
	int r = fetch(cli, "", agent_get_object, &endpoint, &id, error);

	if (r < 0)
		return r;
	list = json_pack("[O]", endpoint);
	return cli->output == OUTPUT_TABLE ? show_table(cli, &LIST_TABLE, list, error) : show_json(cli, list, error);
}

static int endpoint_log(struct cli *cli, struct error *error)
{
	json_auto_t *entries = NULL;
	uint32_t id = 0;
	int r = fetch(cli, "/log", agent_get_array, &entries, &id, error);

	return r < 0 ? r : show(cli, &LOG_TABLE, entries, error);
}

static int endpoint_health(struct cli *cli, struct error *error)
{
	json_auto_t *health = NULL;
	uint32_t id = 0;
	int r = fetch(cli, "/health", agent_get_object, &health, &id, error);

	if (r < 0)
		return r;
	if (cli->output == OUTPUT_JSON)
		r = show_json(cli, health, error);
	else
		print_health(health, cli->out);
	return r < 0 ? r : judge_health(health, id, error);
}

/* The labels that it was made with, or given since: the namespace is not among them. */
static json_t *own_labels(const json_t *endpoint)
{
	static const char source[] = LABEL_SOURCE_KUBERNETES ":";
	json_t *own = json_object(), *label;
	size_t i;

	json_array_foreach (json_object_get(endpoint, "labels"), i, label) {
		const char *text = json_string_value(label);
		const char *equals = text ? strchr(text, '=') : NULL;

		if (!equals || strncmp(text, source, strlen(source)) ||
		    !strncmp(text + strlen(source), LABEL_NAMESPACE "=", strlen(LABEL_NAMESPACE) + 1))
			continue;
		text += strlen(source);
		json_object_setn_new(own, text, (size_t)(equals - text), json_string(equals + 1));
	}
	return own;
}

static int add_label(json_t *labels, const char *text, struct error *error)
{
	const char *equals = strchr(text, '=');

	if (!equals || equals == text ||
	    json_object_setn_new(labels, text, (size_t)(equals - text), json_string(equals + 1)))
		return cli_wrong_use(error, "--add: '%s' is no label: write key=value, in UTF-8", text);
	return 0;
}

/* By its key, or whole. */
static int delete_label(json_t *labels, const char *text, struct error *error)
{
	size_t key = strcspn(text, "=");
	const char *value = json_string_value(json_object_getn(labels, text, key));

	if (!value || (text[key] && strcmp(value, text + key + 1)))
		return error_set(error, -ENOENT, "--delete: the endpoint has no label %s of its own", text);
	return json_object_deln(labels, text, key);
}

static int change_labels(const struct cli *cli, json_t *labels, struct error *error)
{
	int r = 0;

	for (size_t i = 0; !r && i < cli->given_count; i++) {
		const char letter = cli->given[i].option->letter;

		if (letter == 'd')
			r = delete_label(labels, cli->given[i].value, error);
		else if (letter == 'a')
			r = add_label(labels, cli->given[i].value, error);
	}
	return r;
}

static int endpoint_labels(struct cli *cli, struct error *error)
{
	json_auto_t *endpoint = NULL, *labels = NULL, *answer = NULL;
	_cleanup_free_ char *path = NULL;
	uint32_t id = 0;
	int r = fetch(cli, "", agent_get_object, &endpoint, &id, error);

	if (r < 0)
		return r;
	labels = own_labels(endpoint);
	r = change_labels(cli, labels, error);
	if (!r && (cli_count(cli, "add") || cli_count(cli, "delete"))) {
		path = xasprintf("/v1/endpoints/%u/labels", id);
		r = http_request(cli->socket, "PUT", path, labels, &answer, error);
	}
	return r ?: show_json(cli, json_object_get(answer ?: endpoint, "labels"), error);
}

static void print_config(const json_t *endpoint, FILE *out)
{
	bool audit = json_is_true(json_object_get(endpoint, "policy-audit-mode"));

	fprintf(out, "PolicyAuditMode    %s\n", audit ? "Enabled" : "Disabled");
}

/* "PolicyAuditMode=Enabled", as Cilium has it. */
static int read_setting(const char *text, bool *ret, struct error *error)
{
	if (!strcmp(text, "PolicyAuditMode=Enabled"))
		*ret = true;
	else if (!strcmp(text, "PolicyAuditMode=Disabled"))
		*ret = false;
	else
		return cli_wrong_use(error, "'%s' is no setting: PolicyAuditMode=Enabled or =Disabled", text);
	return 0;
}

static int endpoint_config(struct cli *cli, struct error *error)
{
	json_auto_t *endpoint = NULL, *request = NULL, *answer = NULL;
	_cleanup_free_ char *path = NULL;
	bool audit = false;
	uint32_t id = 0;
	int r = fetch(cli, "", agent_get_object, &endpoint, &id, error);

	if (!r && cli->argument_count > 1)
		r = read_setting(cli->arguments[1], &audit, error);
	if (!r && cli->argument_count > 1) {
		request = json_pack("{s:b}", "policy-audit-mode", audit);
		path = xasprintf("/v1/endpoints/%u/config", id);
		r = http_request(cli->socket, "PUT", path, request, &answer, error);
	}
	if (!r)
		print_config(answer ?: endpoint, cli->out);
	return r;
}

static void complete_ids(struct cli *cli)
{
	agent_complete(cli, "/v1/endpoints", "id");
}

static const struct cli_option LABELS_OPTIONS[] = {
	{'a', "add", "KEY=VALUE", "a label, in the place of one with that key"},
	{'d', "delete", "KEY[=VALUE]", "a label that it has, by its key or whole"},
	{},
};

static const struct command VERBS[] = {
	{.name = "list", .summary = "All endpoints of this node", .run = endpoint_list},
	{
		.name = "get",
		.summary = "All about one endpoint (JSON)",
		.arguments = "ID",
		.arguments_min = 1,
		.arguments_max = 1,
		.run = endpoint_get,
		.complete = complete_ids,
	},
	{
		.name = "log",
		.summary = "What happened to an endpoint, newest first",
		.arguments = "ID",
		.arguments_min = 1,
		.arguments_max = 1,
		.run = endpoint_log,
		.complete = complete_ids,
	},
	{
		.name = "labels",
		.summary = "The labels of an endpoint, and other ones for it",
		.arguments = "ID",
		.arguments_min = 1,
		.arguments_max = 1,
		.options = LABELS_OPTIONS,
		.run = endpoint_labels,
		.complete = complete_ids,
	},
	{
		.name = "config",
		.summary = "Whether what its policy denies is only told, and to set that",
		.arguments = "ID [PolicyAuditMode=Enabled|Disabled]",
		.arguments_min = 1,
		.arguments_max = 2,
		.run = endpoint_config,
		.complete = complete_ids,
	},
	{
		.name = "health",
		.summary = "Whether an endpoint is well, as the kernel has it now",
		.arguments = "ID",
		.arguments_min = 1,
		.arguments_max = 1,
		.run = endpoint_health,
		.complete = complete_ids,
	},
	{},
};

const struct command ENDPOINT_NOUN = {
	.name = "endpoint", .summary = "Endpoints: the pods of this node", .commands = VERBS};
