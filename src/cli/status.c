/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `status`: lines of "Name: state words", named as Cilium's where it has the same. Not Ok is exit 1.
 */
#include <errno.h>
#include <string.h>

#include "cli/agent.h"
#include "cli/health.h"
#include "cli/nouns.h"
#include "cli/show.h"

#define TEXT(object, key) (row_text(object, key) ?: "")

static void kvstore_line(const json_t *status, FILE *out)
{
	const json_t *store = json_object_get(status, "store");

	fprintf(out, "%s   %s: %s", TEXT(store, "state"), TEXT(store, "kind"), TEXT(store, "message"));
}

static void pilus_line(const json_t *status, FILE *out)
{
	fprintf(out, "%s   %s", TEXT(status, "state"), TEXT(status, "version"));
	if (TEXT(status, "message")[0])
		fprintf(out, "   %s", TEXT(status, "message"));
}

static void node_line(const json_t *status, FILE *out)
{
	fprintf(out, "%s in cluster %s, agent started %s", TEXT(status, "node"), TEXT(status, "cluster"),
	        TEXT(status, "started"));
}

static void monitor_line(const json_t *status, FILE *out)
{
	const json_t *monitor = json_object_get(status, "monitor");
	json_int_t listeners = row_number(monitor, "listeners"), lost = row_number(monitor, "lost");

	if (listeners)
		fprintf(out, "%" JSON_INTEGER_FORMAT " listening", listeners);
	else
		fputs("Nobody listens", out);
	fprintf(out, ", %" JSON_INTEGER_FORMAT " events lost", lost);
}

static void ipam_line(const json_t *status, FILE *out)
{
	const json_t *ipam = json_object_get(status, "ipam");
	const char *separator = "";
	json_t *pool;
	size_t i;

	json_array_foreach (json_object_get(ipam, "pools"), i, pool) {
		fprintf(out, "%s%s: %" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT " allocated from %s", separator,
		        TEXT(pool, "family"), row_number(pool, "allocated"), row_number(pool, "size"),
		        TEXT(pool, "cidr"));
		separator = ", ";
	}
	fprintf(out, "%s%s", separator[0] ? " " : "", separator[0] ? "" : "no pod CIDR yet");
	if (row_text(ipam, "mode"))
		fprintf(out, "%s(%s)", separator[0] ? "" : " ", row_text(ipam, "mode"));
}

static void routing_line(const json_t *status, FILE *out)
{
	const json_t *datapath = json_object_get(status, "datapath");

	if (row_text(datapath, "overlay"))
		fprintf(out, "Tunnel [%s], UDP port %" JSON_INTEGER_FORMAT, TEXT(datapath, "overlay"),
		        row_number(datapath, "port"));
	else
		fputs("Native", out);
	fprintf(out, ", MTU of pods %" JSON_INTEGER_FORMAT, row_number(datapath, "mtu"));
}

static void write_list(const json_t *list, FILE *out)
{
	json_t *value;
	size_t i;

	json_array_foreach (list, i, value) {
		fputs(i ? ", " : "", out);
		value_write(value, out);
	}
}

static void host_routing_line(const json_t *status, FILE *out)
{
	const json_t *datapath = json_object_get(status, "datapath");

	fprintf(out, "BPF, programs attached by %s, uplinks ", TEXT(datapath, "attach"));
	write_list(json_object_get(datapath, "uplinks"), out);
}

static void masquerade_line(const json_t *status, FILE *out)
{
	const json_t *masquerade = json_object_get(status, "masquerade");
	bool v4 = json_is_true(json_object_get(masquerade, "ipv4")),
	     v6 = json_is_true(json_object_get(masquerade, "ipv6"));

	if (!v4 && !v6) {
		fputs("Disabled", out);
		return;
	}
	fputs("BPF [", out);
	write_list(json_object_get(masquerade, "devices"), out);
	fputs("] ", out);
	write_list(json_object_get(masquerade, "excluded"), out);
	fprintf(out, " [IPv4: %s, IPv6: %s]", v4 ? "Enabled" : "Disabled", v6 ? "Enabled" : "Disabled");
}

static void prefilter_line(const json_t *status, FILE *out)
{
	const json_t *prefilter = json_object_get(status, "prefilter");
	json_t *device;
	size_t i;

	fprintf(out, "%s", row_text(prefilter, "state") ?: "starting");
	if (!json_is_object(prefilter))
		return;
	fprintf(out, ", revision %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " entries",
	        row_number(prefilter, "revision"), row_number(prefilter, "entries"));
	json_array_foreach (json_object_get(prefilter, "devices"), i, device)
		fprintf(out, ", %s by %s", TEXT(device, "device"), TEXT(device, "hook"));
}

static void endpoints_line(const json_t *status, FILE *out)
{
	const json_t *endpoints = json_object_get(status, "endpoints");

	fprintf(out, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT " ready", row_number(endpoints, "ready"),
	        row_number(endpoints, "total"));
}

static void policy_line(const json_t *status, FILE *out)
{
	const json_t *policy = json_object_get(status, "policy");

	fprintf(out, "%s, enforcement %s%s", row_text(policy, "state") ?: "not there yet",
	        row_text(policy, "enforcement") ?: "default",
	        json_is_true(json_object_get(policy, "audit")) ? " (audit)" : "");
	fprintf(out, ", %" JSON_INTEGER_FORMAT " policies, revision %" JSON_INTEGER_FORMAT,
	        row_number(policy, "policies"), row_number(policy, "revision"));
	if (row_number(policy, "locked-down"))
		fprintf(out, ", %" JSON_INTEGER_FORMAT " locked down", row_number(policy, "locked-down"));
}

static void memory_line(const json_t *status, FILE *out)
{
	const json_t *memory = json_object_get(status, "memory");

	fputs("agent ", out);
	bytes_write(row_number(memory, "resident"), out);
	fputs(", maps ", out);
	bytes_write(row_number(memory, "maps"), out);
}

static void services_line(const json_t *status, FILE *out)
{
	const json_t *services = json_object_get(status, "services"), *device;
	const json_t *acceleration = json_object_get(services, "acceleration");
	size_t i;

	if (!json_is_object(services)) {
		fputs("False", out);
		return;
	}
	fprintf(out,
	        "True   %" JSON_INTEGER_FORMAT " services, %" JSON_INTEGER_FORMAT " frontends, %" JSON_INTEGER_FORMAT
	        " backends",
	        row_number(services, "services"), row_number(services, "frontends"), row_number(services, "backends"));
	json_array_foreach (json_object_get(acceleration, "devices"), i, device)
		fprintf(out, ", accelerated on %s by %s", TEXT(device, "device"), TEXT(device, "hook"));
}

static void acceleration_line(const json_t *status, FILE *out)
{
	const json_t *acceleration = json_object_get(status, "socket-acceleration");
	const char *mode = TEXT(acceleration, "mode");

	if (!strcmp(mode, "off"))
		fputs("Disabled", out);
	else if (json_is_true(json_object_get(acceleration, "active")))
		fprintf(out, "%s, %" JSON_INTEGER_FORMAT " connections", strcmp(mode, "on") ? "Opt-in" : "Enabled",
		        row_number(acceleration, "connections"));
	else
		fprintf(out, "Unavailable: %s", TEXT(acceleration, "reason"));
}

static void health_line(const json_t *status, FILE *out)
{
	const json_t *health = json_object_get(status, "health");

	if (json_is_object(health))
		health_words(health, out);
	else
		fputs("Probe disabled", out);
}

static const struct column LINES[] = {
	{.title = "KVStore:", .cell = kvstore_line},
	{.title = "Pilus:", .cell = pilus_line},
	{.title = "Node:", .cell = node_line},
	{.title = "NodeMonitor:", .cell = monitor_line},
	{.title = "IPAM:", .cell = ipam_line},
	{.title = "Routing:", .cell = routing_line},
	{.title = "Host Routing:", .cell = host_routing_line},
	{.title = "Masquerading:", .cell = masquerade_line},
	{.title = "Prefilter:", .cell = prefilter_line},
	{.title = "KubeProxyReplacement:", .cell = services_line},
	{.title = "Socket acceleration:", .cell = acceleration_line},
	{.title = "Endpoints:", .cell = endpoints_line},
	{.title = "Policy:", .cell = policy_line},
	{.title = "Memory:", .cell = memory_line},
	{.title = "Cluster health:", .cell = health_line},
};

static void name_cell(const json_t *row, FILE *out)
{
	fprintf(out, "  %s", TEXT(row, "name"));
}

static const struct column PROGRAM_COLUMNS[] = {
	{.title = "  Name", .cell = name_cell},
	{.title = "Device", .key = "device"},
	{.title = "Hook", .key = "hook"},
};
static const struct column MAP_COLUMNS[] = {
	{.title = "  Name", .cell = name_cell},
	{.title = "Entries", .key = "entries", .right = true},
	{.title = "Size", .key = "max-entries", .right = true},
};

static void print_lines(const struct cli *cli, const json_t *status)
{
	for (size_t i = 0; i < ARRAY_SIZE(LINES); i++) {
		fprintf(cli->out, "%-15s ", LINES[i].title);
		LINES[i].cell(status, cli->out);
		fputc('\n', cli->out);
	}
}

/* The nodes that cannot be reached, or all of them. */
static int print_nodes(const struct cli *cli, const json_t *status, bool all, struct error *error)
{
	const json_t *summary = json_object_get(status, "health");
	json_auto_t *health = NULL;
	int r;

	if (!json_is_object(summary) || (!all && row_number(summary, "reachable") == row_number(summary, "total")))
		return 0;
	r = agent_get_object(cli, "/v1/health", &health, error);
	return r < 0 ? r : health_nodes(cli, health, all, error);
}

static void print_warnings(const struct cli *cli, const json_t *warnings)
{
	json_t *warning;
	size_t i;

	json_array_foreach (warnings, i, warning)
		fprintf(cli->out, "%-15s %s\n", "Warning:", json_string_value(warning));
}

static void print_addresses(const struct cli *cli, const json_t *allocations)
{
	json_t *allocation;
	size_t i;

	fputs("Allocated addresses:\n", cli->out);
	json_array_foreach (allocations, i, allocation)
		fprintf(cli->out, "  %s (%s)\n", TEXT(allocation, "address"), TEXT(allocation, "owner"));
}

static int print_details(const struct cli *cli, const json_t *status, struct error *error)
{
	static const struct table PROGRAMS = TABLE(PROGRAM_COLUMNS), MAPS = TABLE(MAP_COLUMNS);
	json_auto_t *maps = NULL;
	int r = agent_get_array(cli, "/v1/maps", &maps, error);

	if (r < 0)
		return r;
	print_addresses(cli, json_object_get(json_object_get(status, "ipam"), "allocations"));
	fputs("BPF Programs:\n", cli->out);
	r = show_table(cli, &PROGRAMS, json_object_get(json_object_get(status, "datapath"), "programs"), error);
	if (r < 0)
		return r;
	fputs("BPF Maps:\n", cli->out);
	return show_table(cli, &MAPS, maps, error);
}

/* What is not well: the agent itself or its store. */
static int judge(const json_t *status, struct error *error)
{
	const json_t *store = json_object_get(status, "store");

	if (strcmp(TEXT(status, "state"), "Ok"))
		return error_set(error, -EIO, "the agent is not well: %s: %s", TEXT(status, "state"),
		                 TEXT(status, "message"));
	if (strcmp(TEXT(store, "state"), "Ok"))
		return error_set(error, -EIO, "the store is not well: %s: %s", TEXT(store, "state"),
		                 TEXT(store, "message"));
	return 0;
}

static int status_run(struct cli *cli, struct error *error)
{
	json_auto_t *status = NULL;
	int r = agent_get_object(cli, "/v1/status", &status, error);

	if (r < 0)
		return r;
	if (cli->output == OUTPUT_JSON) {
		r = show_json(cli, status, error);
	} else if (cli_count(cli, "brief")) {
		if (!judge(status, NULL))
			fputs("OK\n", cli->out);
	} else {
		print_lines(cli, status);
		r = print_nodes(cli, status, cli_count(cli, "verbose"), error);
		print_warnings(cli, json_object_get(status, "warnings"));
		if (r >= 0 && cli_count(cli, "verbose"))
			r = print_details(cli, status, error);
	}
	return r < 0 ? r : judge(status, error);
}

static const struct cli_option OPTIONS[] = {
	{0, "verbose", NULL, "with addresses, programs and maps"},
	{0, "brief", NULL, "one line: OK, or what is wrong"},
	{},
};

const struct command STATUS_NOUN = {
	.name = "status",
	.summary = "How the agent is",
	.options = OPTIONS,
	.run = status_run,
};
