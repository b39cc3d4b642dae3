/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `health`, which prints as cilium-health does.
 */
#include "cli/health.h"

#include <errno.h>
#include <inttypes.h>

#include "cli/agent.h"
#include "cli/nouns.h"
#include "cli/show.h"

#define SHORT_MAX 10

#define NS_PER_US 1000
#define NS_PER_MS 1000000
#define NS_PER_S  1000000000

/* ── words ── */

/* "433.837µs", as Go writes durations: no zeros at the end. */
static void duration_write(uint64_t ns, FILE *out)
{
	const char *unit = ns < NS_PER_US ? "ns" : ns < NS_PER_MS ? "µs" : ns < NS_PER_S ? "ms" : "s";
	uint64_t one = ns < NS_PER_US ? 1 : ns < NS_PER_MS ? NS_PER_US : ns < NS_PER_S ? NS_PER_MS : NS_PER_S;
	uint64_t rest = ns % one;

	fprintf(out, "%" PRIu64, ns / one);
	if (rest)
		fputc('.', out);
	for (uint64_t digit = one / 10; rest; digit /= 10) {
		fputc('0' + (char)(rest / digit), out);
		rest %= digit;
	}
	fputs(unit, out);
}

void health_words(const json_t *health, FILE *out)
{
	fprintf(out, "%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT " reachable   (%s)",
	        row_number(health, "reachable"), row_number(health, "total"),
	        row_text(health, "probed") ?: "not all probed yet");
}

static bool is_reachable(const json_t *object)
{
	return json_is_true(json_object_get(object, "reachable"));
}

static bool address_is_reachable(const json_t *address)
{
	return is_reachable(json_object_get(address, "icmp")) && is_reachable(json_object_get(address, "http"));
}

static bool address_is_known(const json_t *address)
{
	return json_is_object(json_object_get(address, "icmp")) && json_is_object(json_object_get(address, "http"));
}

/* ── a line for each node ── */

static const char *place_words(const json_t *addresses)
{
	const char *words = json_array_size(addresses) ? "reachable" : "none";
	json_t *address;
	size_t i;

	json_array_foreach (addresses, i, address) {
		if (!address_is_known(address))
			return "not probed";
		if (!address_is_reachable(address))
			words = "unreachable";
	}
	return words;
}

static void name_write(const json_t *node, FILE *out)
{
	fprintf(out, "  %s%s", row_text(node, "name") ?: "",
	        json_is_true(json_object_get(node, "local")) ? " (localhost)" : "");
}

static void ip_cell(const json_t *node, FILE *out)
{
	json_t *address;
	size_t i;

	json_array_foreach (json_object_get(node, "host"), i, address)
		fprintf(out, "%s%s", i ? "," : "", row_text(address, "address") ?: "");
}

static void host_cell(const json_t *node, FILE *out)
{
	fputs(place_words(json_object_get(node, "host")), out);
}

static void endpoint_cell(const json_t *node, FILE *out)
{
	fputs(place_words(json_object_get(node, "endpoint")), out);
}

static const struct column COLUMNS[] = {
	{.title = "  Name", .cell = name_write},
	{.title = "IP", .cell = ip_cell},
	{.title = "Node", .cell = host_cell},
	{.title = "Endpoints", .cell = endpoint_cell},
};

int health_nodes(const struct cli *cli, const json_t *health, bool all, struct error *error)
{
	static const struct table NODES = TABLE(COLUMNS);
	json_auto_t *shown = json_array();
	size_t i, left_out = 0;
	json_t *node;
	int r;

	json_array_foreach (json_object_get(health, "nodes"), i, node) {
		if (!all && is_reachable(node))
			continue;
		if (!all && json_array_size(shown) == SHORT_MAX)
			left_out++;
		else
			json_array_append(shown, node);
	}
	if (!json_array_size(shown))
		return 0;
	r = show_table(cli, &NODES, shown, error);
	if (!r && left_out)
		fprintf(cli->out, "  ... and %zu more\n", left_out);
	return r;
}

/* ── all that is known ── */

static void print_check(const struct cli *cli, const char *title, const json_t *check, bool verbose)
{
	const char *error = row_text(check, "error");
	json_int_t lost = row_number(check, "lost");

	fprintf(cli->out, "      %-17s", title);
	if (!json_is_object(check)) {
		fputs("not probed yet\n", cli->out);
		return;
	}
	fputs(is_reachable(check) ? "OK, RTT=" : error ?: "unreachable", cli->out);
	if (is_reachable(check))
		duration_write(row_number(check, "rtt"), cli->out);
	if (is_reachable(check) && lost)
		fprintf(cli->out, ", %" JSON_INTEGER_FORMAT " lost", lost);
	if (verbose || !is_reachable(check))
		fprintf(cli->out, ", since %s", row_text(check, "since") ?: "");
	fputc('\n', cli->out);
}

static void print_place(const struct cli *cli, const char *title, const json_t *addresses, bool verbose)
{
	json_t *address;
	size_t i;

	if (!json_array_size(addresses) && verbose)
		fprintf(cli->out, "    %s connectivity: none\n", title);
	json_array_foreach (addresses, i, address) {
		if (i && !verbose && address_is_reachable(address))
			continue;
		fprintf(cli->out, "    %s connectivity to %s:\n", title, row_text(address, "address") ?: "");
		print_check(cli, "ICMP to stack:", json_object_get(address, "icmp"), verbose);
		print_check(cli, "HTTP to agent:", json_object_get(address, "http"), verbose);
	}
}

static void print_all(const struct cli *cli, const json_t *health, bool verbose)
{
	json_t *node;
	size_t i;

	fprintf(cli->out, "Probe time:   %s\nNodes:\n", row_text(health, "probed") ?: "not all probed yet");
	json_array_foreach (json_object_get(health, "nodes"), i, node) {
		name_write(node, cli->out);
		fputs(":\n", cli->out);
		print_place(cli, "Host", json_object_get(node, "host"), verbose);
		print_place(cli, "Endpoint", json_object_get(node, "endpoint"), verbose);
	}
}

static int health_status(struct cli *cli, struct error *error)
{
	json_auto_t *health = NULL;
	int r;

	if (cli_count(cli, "probe"))
		r = agent_post_object(cli, "/v1/health/probe", &health, error);
	else
		r = agent_get_object(cli, "/v1/health", &health, error);
	if (r < 0)
		return r;
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, health, error);
	if (!cli_count(cli, "succinct") || cli_count(cli, "verbose")) {
		print_all(cli, health, cli_count(cli, "verbose"));
		return 0;
	}
	fputs("Cluster health:   ", cli->out);
	health_words(health, cli->out);
	fputc('\n', cli->out);
	return health_nodes(cli, health, true, error);
}

static const struct cli_option OPTIONS[] = {
	{0, "probe", NULL, "probe all nodes now, and wait for that"},
	{0, "succinct", NULL, "a line for each node"},
	{0, "verbose", NULL, "every address, and since when"},
	{},
};

static const struct command VERBS[] = {
	{.name = "status", .summary = "Which nodes can be reached, and how", .options = OPTIONS, .run = health_status},
	{},
};

const struct command HEALTH_NOUN = {
	.name = "health", .summary = "Health of the cluster, as this node sees it", .commands = VERBS};
