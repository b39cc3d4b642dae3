/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The noun `bpf`: what the programs see, read from the pinned maps; needs no agent.
 */
#include "cli/bpf.h"

#include <errno.h>

#include "cli/nouns.h"

int bpf_list(const struct cli *cli, const struct table *table, int (*collect)(const struct maps *maps, json_t *rows),
             struct error *error)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	json_auto_t *rows = json_array();
	int r = maps_open(cli->bpffs, &maps, error);

	if (r < 0)
		return r;
	r = collect(&maps, rows);
	if (r < 0)
		return error_set_errno(error, r, "cannot read the map");
	return show(cli, table, rows, error);
}

json_t *addr_to_json(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return addr_is_zero(addr) ? json_null() : json_string(addr_format(addr, text));
}

static json_t *mac_to_json(const uint8_t mac[static 6])
{
	char text[MAC_TEXT_MAX];

	return json_string(mac_format(mac, text));
}

/* bpf endpoint list */

static void endpoint_info_cell(const json_t *row, FILE *out)
{
	if (!row_number(row, "id")) {
		fputs("(localhost)", out);
		return;
	}
	fprintf(out, "id=%-5" JSON_INTEGER_FORMAT " identity=%-5" JSON_INTEGER_FORMAT " ", row_number(row, "id"),
	        row_number(row, "identity"));
	fprintf(out, "flags=0x%04x ifindex=%-4" JSON_INTEGER_FORMAT " mac=%s nodemac=%s",
	        (unsigned)row_number(row, "flags"), row_number(row, "ifindex"), row_text(row, "mac"),
	        row_text(row, "nodemac"));
}

static const struct column ENDPOINT_COLUMNS[] = {
	{.title = "IP ADDRESS", .key = "ip"},
	{.title = "LOCAL ENDPOINT INFO", .cell = endpoint_info_cell},
};

static int add_endpoint(uint16_t id, const struct endpoint *endpoint, void *userdata)
{
	const struct addr *addresses[] = {&endpoint->v4, &endpoint->v6};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		if (!addr_is_zero(addresses[i]))
			json_array_append_new(userdata,
			                      json_pack("{so si sI si sI so so}", "ip", addr_to_json(addresses[i]),
			                                "id", id, "identity", (json_int_t)endpoint->identity, "flags",
			                                (int)endpoint->flags, "ifindex", (json_int_t)endpoint->ifindex,
			                                "mac", mac_to_json(endpoint->pod_mac), "nodemac",
			                                mac_to_json(endpoint->host_mac)));
	return 0;
}

static int add_host_address(const struct addr *addr, const struct local_addr *local, void *userdata)
{
	if (!local->endpoint)
		json_array_append_new(userdata, json_pack("{so si}", "ip", addr_to_json(addr), "id", 0));
	return 0;
}

static int collect_endpoints(const struct maps *maps, json_t *rows)
{
	int r = endpoint_map_each(maps, add_endpoint, rows);

	return r < 0 ? r : local_map_each(maps, add_host_address, rows);
}

static int endpoint_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(ENDPOINT_COLUMNS);

	return bpf_list(cli, &LIST_TABLE, collect_endpoints, error);
}

/* bpf ipcache list */

static void ipcache_info_cell(const json_t *row, FILE *out)
{
	fprintf(out, "identity=%" JSON_INTEGER_FORMAT " tunnelendpoint=%s", row_number(row, "identity"),
	        row_text(row, "tunnelendpoint"));
}

static const struct column IPCACHE_COLUMNS[] = {
	{.title = "IP PREFIX/ADDRESS", .key = "cidr"},
	{.title = "IDENTITY", .cell = ipcache_info_cell},
};

/* A walk with the nodes at hand: an entry holds only the node's number. */
struct ipcache_walk {
	json_t *rows;
	struct addr nodes[NODE_ID_MAX + 1];
};

static int note_node(uint16_t id, const struct node *node, void *userdata)
{
	struct ipcache_walk *walk = userdata;

	if (id <= NODE_ID_MAX)
		walk->nodes[id] = node->remote;
	return 0;
}

static int add_ipcache_entry(const struct prefix *prefix, const struct ipcache_entry *entry, void *userdata)
{
	struct ipcache_walk *walk = userdata;
	char cidr[PREFIX_TEXT_MAX], tunnel[ADDR_TEXT_MAX] = "0.0.0.0";

	if (entry->node && entry->node <= NODE_ID_MAX && !addr_is_zero(&walk->nodes[entry->node]))
		addr_format(&walk->nodes[entry->node], tunnel);
	json_array_append_new(walk->rows,
	                      json_pack("{ss sI ss si}", "cidr", prefix_format(prefix, cidr), "identity",
	                                (json_int_t)entry->identity, "tunnelendpoint", tunnel, "node", entry->node));
	return 0;
}

static int collect_ipcache(const struct maps *maps, json_t *rows)
{
	struct ipcache_walk walk = {.rows = rows};
	int r = node_map_each(maps, note_node, &walk);

	return r < 0 ? r : ipcache_each(maps, add_ipcache_entry, &walk);
}

static int ipcache_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(IPCACHE_COLUMNS);

	return bpf_list(cli, &LIST_TABLE, collect_ipcache, error);
}

/* bpf node list */

static const struct column NODE_COLUMNS[] = {
	{.title = "ID", .key = "id"},
	{.title = "REMOTE", .key = "remote"},
	{.title = "LOCAL", .key = "local"},
	{.title = "NEXT HOP", .key = "next-hop"},
	{.title = "NEXT HOP MAC", .key = "next-hop-mac"},
	{.title = "IFINDEX", .key = "ifindex"},
};

static int add_node(uint16_t id, const struct node *node, void *userdata)
{
	bool known = node->flags & NODE_NEIGHBOUR_KNOWN;

	json_array_append_new(userdata,
	                      json_pack("{si so so so so sI}", "id", id, "remote", addr_to_json(&node->remote), "local",
	                                addr_to_json(&node->local), "next-hop", addr_to_json(&node->next_hop),
	                                "next-hop-mac", known ? mac_to_json(node->next_hop_mac) : json_null(),
	                                "ifindex", (json_int_t)node->ifindex));
	return 0;
}

static int collect_nodes(const struct maps *maps, json_t *rows)
{
	return node_map_each(maps, add_node, rows);
}

static int node_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(NODE_COLUMNS);

	return bpf_list(cli, &LIST_TABLE, collect_nodes, error);
}

/* bpf metrics list */

static const struct column METRIC_COLUMNS[] = {
	{.title = "REASON", .key = "reason"},
	{.title = "DIRECTION", .key = "direction"},
	{.title = "PACKETS", .key = "packets"},
	{.title = "BYTES", .key = "bytes"},
};

static int add_metric(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	const char *text = drop_reason_text(reason);
	char number[8];

	snprintf(number, sizeof(number), "%u", reason);
	json_array_append_new(userdata, json_pack("{ss ss sI sI si}", "reason", text ? text : number, "direction",
	                                          direction == METRIC_INGRESS ? "INGRESS" : "EGRESS", "packets",
	                                          (json_int_t)metric->packets, "bytes", (json_int_t)metric->bytes,
	                                          "code", reason));
	return 0;
}

static int collect_metrics(const struct maps *maps, json_t *rows)
{
	return metrics_each(maps, add_metric, rows);
}

static int metrics_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(METRIC_COLUMNS);

	return bpf_list(cli, &LIST_TABLE, collect_metrics, error);
}

static const struct command ENDPOINT_VERBS[] = {
	{.name = "list", .summary = "Addresses that are delivered on this node", .run = endpoint_list},
	{},
};
static const struct command IPCACHE_VERBS[] = {
	{.name = "list", .summary = "Who has which address, and behind which node", .run = ipcache_list},
	{},
};
static const struct command METRICS_VERBS[] = {
	{.name = "list", .summary = "Packets forwarded and dropped, by reason", .run = metrics_list},
	{},
};
static const struct command NODE_VERBS[] = {
	{.name = "list", .summary = "How the other nodes are reached", .run = node_list},
	{},
};

static const struct command VERBS[] = {
	{.name = "endpoint", .summary = "Local endpoints", .commands = ENDPOINT_VERBS},
	{.name = "ipcache", .summary = "Addresses and their identities", .commands = IPCACHE_VERBS},
	{.name = "ct", .summary = "The flow table: connection tracking", .commands = BPF_CT_VERBS},
	{.name = "nat", .summary = "The masquerade's mappings", .commands = BPF_NAT_VERBS},
	{.name = "lb", .summary = "Services and backends", .commands = BPF_LB_VERBS},
	{.name = "affinity", .summary = "Clients that keep their backend", .commands = BPF_AFFINITY_VERBS},
	{.name = "policy", .summary = "What endpoints may do", .commands = BPF_POLICY_VERBS},
	{.name = "sock", .summary = "TCP sockets of endpoints, and their short cuts", .commands = BPF_SOCK_VERBS},
	{.name = "metrics", .summary = "Counters", .commands = METRICS_VERBS},
	{.name = "node", .summary = "The other nodes", .commands = NODE_VERBS},
	{},
};

const struct command BPF_NOUN = {
	.name = "bpf", .summary = "Direct access to the BPF maps (no agent needed)", .commands = VERBS};
