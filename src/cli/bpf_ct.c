/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bpf ct`: the flow table, one line per connection in the format of Cilium's. As there, Tx and Rx are the endpoint's:
 * an OUT flow was opened by an endpoint of this node, whose packets are Tx; an IN flow came from elsewhere and its
 * opener's packets are Rx. ICMP but for echo has no ports, and a type.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "cli/agent.h"
#include "cli/bpf.h"
#include "cli/dissect.h"

static const struct {
	uint16_t bit;
	const char *name;
} FLAGS[] = {
	{0x01, "RxClosing"},
	{0x02, "TxClosing"},
	{0x10, "SeenNonSyn"},
};

const char *protocol_name(uint8_t protocol, char text[static 4])
{
	switch (protocol) {
	case PROTOCOL_ICMP:
		return "ICMP";
	case PROTOCOL_TCP:
		return "TCP";
	case PROTOCOL_UDP:
		return "UDP";
	case PROTOCOL_ICMPV6:
		return "ICMPv6";
	case PROTOCOL_SCTP:
		return "SCTP";
	default:
		snprintf(text, 4, "%u", protocol);
		return text;
	}
}

static bool is_closing(const struct flow_traffic *traffic)
{
	return traffic->tcp_flags & (TCP_FIN | TCP_RST);
}

static uint16_t flow_flags(const struct flow_traffic *rx, const struct flow_traffic *tx,
                           const struct flow_traffic *opener)
{
	uint16_t flags = 0;

	if (is_closing(rx))
		flags |= FLAGS[0].bit;
	if (is_closing(tx))
		flags |= FLAGS[1].bit;
	if (opener->tcp_flags & ~TCP_SYN)
		flags |= FLAGS[2].bit;
	return flags;
}

static json_t *flags_to_json(uint16_t flags)
{
	json_t *names = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(FLAGS); i++)
		if (flags & FLAGS[i].bit)
			json_array_append_new(names, json_string(FLAGS[i].name));
	return names;
}

/* Members of one direction: "rx-packets" and so on. */
static void add_direction(json_t *row, const char *prefix, const struct flow_traffic *traffic)
{
	const struct {
		const char *name;
		uint64_t value;
	} members[] = {
		{"packets", traffic->packets},
		{"bytes", traffic->bytes},
		{"flags-seen", traffic->tcp_flags},
		{"last-report", traffic->last_seen / NS_PER_SECOND},
	};
	char key[32];

	for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
		snprintf(key, sizeof(key), "%s-%s", prefix, members[i].name);
		json_object_set_new(row, key, json_integer((json_int_t)members[i].value));
	}
}

json_t *flow_to_json(const struct flow_key *key, const struct flow *flow, const struct flow_timeouts *timeouts)
{
	static const char *const STATES[] = {"opening", "established", "closing"};
	unsigned source = flow->initiator & 1, destination = !source;
	bool out = flow->decision[source].origin == FLOW_FROM_ENDPOINT;
	const struct flow_traffic *tx = &flow->traffic[out ? source : destination],
				  *rx = &flow->traffic[out ? destination : source];
	uint16_t flags = key->protocol == PROTOCOL_TCP ? flow_flags(rx, tx, &flow->traffic[source]) : 0;
	char protocol[4];
	json_t *row = json_pack(
		"{ss ss so si so si sI ss si so sI sI}", "protocol", protocol_name(key->protocol, protocol),
		"direction", out ? "OUT" : "IN", "source", addr_to_json(&key->addr[source]), "source-port",
		ntohs(key->port[source]), "destination", addr_to_json(&key->addr[destination]), "destination-port",
		ntohs(key->port[destination]), "expires",
		(json_int_t)(flow_expires(key, flow, timeouts) / NS_PER_SECOND), "state", STATES[flow_state(key, flow)],
		"flags", flags, "flag-names", flags_to_json(flags), "source-identity",
		(json_int_t)flow->identity[source], "destination-identity", (json_int_t)flow->identity[destination]);

	if (key->icmp_type[0] | key->icmp_type[1])
		json_object_set_new(row, "icmp-type", json_integer(key->icmp_type[0] | key->icmp_type[1]));
	add_direction(row, "rx", rx);
	add_direction(row, "tx", tx);
	return row;
}

void peer_write(const json_t *row, const char *address, const char *port, FILE *out)
{
	const char *text = row_text(row, address) ?: "::";

	fprintf(out, strchr(text, ':') ? "[%s]:%d" : "%s:%d", text, (int)row_number(row, port));
}

static void write_icmp_type(const json_t *row, FILE *out)
{
	bool v4 = !strcmp(row_text(row, "protocol"), "ICMP");

	if (!json_object_get(row, "icmp-type"))
		return;
	fputs(" type=", out);
	icmp_type_write(v4 ? LAYER_ICMPV4 : LAYER_ICMPV6, row_number(row, "icmp-type"), 0, out);
}

static void write_direction(const json_t *row, const char *prefix, const char *name, FILE *out)
{
	char key[32];

	snprintf(key, sizeof(key), "%s-packets", prefix);
	fprintf(out, " %sPackets=%" JSON_INTEGER_FORMAT, name, row_number(row, key));
	snprintf(key, sizeof(key), "%s-bytes", prefix);
	fprintf(out, " %sBytes=%" JSON_INTEGER_FORMAT, name, row_number(row, key));
	snprintf(key, sizeof(key), "%s-flags-seen", prefix);
	fprintf(out, " %sFlagsSeen=0x%02x", name, (unsigned)row_number(row, key));
	snprintf(key, sizeof(key), "%s-last-report", prefix);
	fprintf(out, " Last%sReport=%" JSON_INTEGER_FORMAT, name, row_number(row, key));
}

void flow_write(const json_t *row, FILE *out)
{
	json_t *flag;
	size_t i;

	fprintf(out, "%s %s ", row_text(row, "protocol"), row_text(row, "direction"));
	peer_write(row, "source", "source-port", out);
	fputs(" -> ", out);
	peer_write(row, "destination", "destination-port", out);
	write_icmp_type(row, out);
	fprintf(out, " expires=%" JSON_INTEGER_FORMAT, row_number(row, "expires"));
	write_direction(row, "rx", "Rx", out);
	write_direction(row, "tx", "Tx", out);
	fprintf(out, " Flags=0x%04x [ ", (unsigned)row_number(row, "flags"));
	json_array_foreach (json_object_get(row, "flag-names"), i, flag)
		fprintf(out, "%s ", json_string_value(flag));
	fprintf(out, "] SourceSecurityID=%" JSON_INTEGER_FORMAT " DestinationSecurityID=%" JSON_INTEGER_FORMAT "\n",
	        row_number(row, "source-identity"), row_number(row, "destination-identity"));
}

static void set_timeout(const json_t *config, const char *key, uint32_t *timeout)
{
	const json_t *value = json_object_get(config, key);

	if (json_is_integer(value) && json_integer_value(value) > 0 && json_integer_value(value) <= UINT32_MAX)
		*timeout = json_integer_value(value);
}

/* The agent's timeouts while one runs, the defaults otherwise: then nothing expires anyway. */
static struct flow_timeouts current_timeouts(const struct cli *cli)
{
	struct flow_timeouts timeouts = FLOW_TIMEOUTS_DEFAULT;
	json_auto_t *config = NULL;

	if (agent_get_object(cli, "/v1/config", &config, NULL) < 0)
		return timeouts;
	set_timeout(config, "flow-timeout-tcp", &timeouts.tcp);
	set_timeout(config, "flow-timeout-tcp-opening", &timeouts.tcp_opening);
	set_timeout(config, "flow-timeout-tcp-closing", &timeouts.tcp_closing);
	set_timeout(config, "flow-timeout-other", &timeouts.other);
	return timeouts;
}

/* Prints as it walks: the table may have a hundred thousand flows. */
struct walk {
	const struct cli *cli;
	struct flow_timeouts timeouts;
	const char *separator; /* of JSON */
};

static int take_flow(const struct flow_key *key, const struct flow *flow, void *userdata)
{
	struct walk *walk = userdata;
	json_auto_t *row = flow_to_json(key, flow, &walk->timeouts);
	FILE *out = walk->cli->out;

	if (walk->cli->output == OUTPUT_JSON) {
		fputs(walk->separator, out);
		json_dumpf(row, out, JSON_COMPACT);
		walk->separator = ",\n";
	} else {
		flow_write(row, out);
	}
	return ferror(out) ? 1 : 0;
}

/* Cilium's tables are global or an endpoint's; ours is one. */
static int check_table(const struct cli *cli, struct error *error)
{
	if (cli->argument_count && strcmp(cli->arguments[0], "global"))
		return cli_wrong_use(error, "there is one table: 'global', not '%s'", cli->arguments[0]);
	return 0;
}

static int ct_list(struct cli *cli, struct error *error)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	struct walk walk = {.cli = cli, .separator = "[\n"};
	int r = check_table(cli, error);

	if (!r)
		r = maps_open(cli->bpffs, &maps, error);
	if (r < 0)
		return r;
	walk.timeouts = current_timeouts(cli);
	r = flow_table_each(&maps, take_flow, &walk);
	if (r < 0)
		return error_set_errno(error, r, "cannot read the flow table");
	if (cli->output == OUTPUT_JSON)
		fputs(walk.separator[0] == '[' ? "[]\n" : "\n]\n", cli->out);
	return 0;
}

static int ct_flush(struct cli *cli, struct error *error)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	json_auto_t *answer = NULL;
	uint32_t removed = 0;
	int r = check_table(cli, error);

	if (!r)
		r = maps_open(cli->bpffs, &maps, error);
	if (r < 0)
		return r;
	r = flow_table_flush(&maps, &removed);
	if (r < 0)
		return error_set_errno(error, r, "cannot empty the flow table");
	answer = json_pack("{sI}", "flushed", (json_int_t)removed);
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, answer, error);
	fprintf(cli->out, "Removed %u flows\n", removed);
	return 0;
}

static void complete_table(struct cli *cli)
{
	fputs("global\n", cli->out);
}

const struct command BPF_CT_VERBS[] = {
	{
		.name = "list",
		.summary = "All connections",
		.arguments = "global",
		.arguments_max = 1,
		.run = ct_list,
		.complete = complete_table,
	},
	{
		.name = "flush",
		.summary = "Forget all connections; those alive are found again at their next packet",
		.arguments = "global",
		.arguments_max = 1,
		.run = ct_flush,
		.complete = complete_table,
	},
	{},
};
