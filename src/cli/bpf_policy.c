/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bpf policy`: what the programs are told of an endpoint's policy, entry by entry, and how often each was asked. With
 * an agent, identities have labels.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "abi/ipcache.h"
#include "cli/agent.h"
#include "cli/bpf.h"
#include "cli/directory.h"

/* One set, and whose it is. */
struct set_walk {
	uint32_t set;
	uint16_t endpoint;
	json_t *rows;
	json_t *blocks; /* "id" -> prefix */
	struct directory *names;
};

/* ── cells ── */

static void write_reserved(uint32_t identity, FILE *out)
{
	const char *name = reserved_identity_name(identity);

	if (name)
		fprintf(out, "reserved:%s", name);
	else
		fprintf(out, "identity %u", identity);
}

static void labels_cell(const json_t *row, FILE *out)
{
	const json_t *labels = json_object_get(row, "labels");

	if (row_text(row, "cidr"))
		fprintf(out, "cidr:%s%s", row_text(row, "cidr"),
		        json_is_true(json_object_get(row, "world-only")) ? " (world)" : "");
	else if (!row_number(row, "identity"))
		fputs("ANY", out);
	else if (json_array_size(labels))
		value_write(labels, out);
	else
		write_reserved((uint32_t)row_number(row, "identity"), out);
}

static void port_cell(const json_t *row, FILE *out)
{
	json_int_t first = row_number(row, "port"), last = row_number(row, "last-port");

	if (!row_text(row, "protocol")) {
		fputs("ANY", out);
		return;
	}
	if (first == 0 && last == UINT16_MAX)
		fputs("ANY", out);
	else if (first == last)
		fprintf(out, "%" JSON_INTEGER_FORMAT, first);
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT "-%" JSON_INTEGER_FORMAT, first, last);
	fprintf(out, "/%s", row_text(row, "protocol"));
}

static void proxy_cell(const json_t *row, FILE *out)
{
	fputs("NONE", out);
}

#define ENTRY_COLUMNS                                                                                    \
	{.title = "POLICY", .key = "policy"}, {.title = "DIRECTION", .key = "direction"},                \
		{.title = "LABELS (source:key[=value])", .cell = labels_cell},                           \
		{.title = "PORT/PROTO", .cell = port_cell}, {.title = "PROXY PORT", .cell = proxy_cell}, \
		{.title = "BYTES", .key = "bytes"}, {.title = "PACKETS", .key = "packets"}

static const struct column GET_COLUMNS[] = {ENTRY_COLUMNS};
static const struct column LIST_COLUMNS[] = {{.title = "ENDPOINT", .key = "endpoint"}, ENTRY_COLUMNS};

/* ── rows ── */

static void add_ports(const struct policy_key *key, json_t *row)
{
	unsigned bits = key->prefix_bits > POLICY_PROTOCOL_BITS ? key->prefix_bits - POLICY_PROTOCOL_BITS : 0;
	uint16_t first = ntohs(key->port);
	char number[4];

	if (key->prefix_bits < POLICY_PROTOCOL_BITS)
		return;
	json_object_set_new(row, "protocol", json_string(protocol_name(key->protocol, number)));
	json_object_set_new(row, "port", json_integer(first));
	json_object_set_new(row, "last-port", json_integer(first | (UINT16_MAX >> bits)));
}

static void add_peer(const struct set_walk *walk, uint32_t peer, json_t *row)
{
	const json_t *labels;
	char id[16];

	if (peer < POLICY_BLOCK) {
		labels = peer ? directory_labels(walk->names, peer) : NULL;
		json_object_set_new(row, "identity", json_integer(peer));
		json_object_set_new(row, "labels", labels ? json_deep_copy(labels) : json_array());
		return;
	}
	snprintf(id, sizeof(id), "%u", peer & POLICY_BLOCK_MAX);
	json_object_set(row, "cidr", json_object_get(walk->blocks, id));
	json_object_set_new(row, "world-only", json_boolean(peer & POLICY_WORLD_BLOCK));
}

static int add_entry(const struct policy_key *key, const struct policy_entry *entry, void *userdata)
{
	const struct set_walk *walk = userdata;
	json_t *row;

	if (ntohl(key->set) != walk->set)
		return 0;
	row = json_pack("{s:i, s:s, s:s, s:I, s:I, s:I}", "endpoint", walk->endpoint, "policy",
	                entry->verdict == POLICY_DENY ? "Deny" : "Allow", "direction",
	                key->direction == POLICY_INGRESS ? "Ingress" : "Egress", "bytes", (json_int_t)entry->bytes,
	                "packets", (json_int_t)entry->packets, "rule", (json_int_t)entry->rule);
	add_peer(walk, ntohl(key->peer), row);
	add_ports(key, row);
	json_array_append_new(walk->rows, row);
	return 0;
}

static int add_block(uint32_t set, const struct prefix *prefix, uint32_t id, void *userdata)
{
	const struct set_walk *walk = userdata;
	char key[16], text[PREFIX_TEXT_MAX];

	snprintf(key, sizeof(key), "%u", id);
	if (set == walk->set)
		json_object_set_new(walk->blocks, key, json_string(prefix_format(prefix, text)));
	return 0;
}

static int add_set(const struct maps *maps, uint16_t id, const struct endpoint *endpoint, struct directory *names,
                   json_t *rows)
{
	json_auto_t *blocks = json_object();
	struct set_walk walk = {
		.set = endpoint->policy, .endpoint = id, .rows = rows, .blocks = blocks, .names = names};
	int r = policy_cidr_each(maps, add_block, &walk);

	return r ?: policy_each(maps, add_entry, &walk);
}

/* ── verbs ── */

/* All endpoints, with what is needed to tell of them. */
struct all {
	const struct maps *maps;
	struct directory *names;
	json_t *rows;
};

static int add_endpoint(uint16_t id, const struct endpoint *endpoint, void *userdata)
{
	const struct all *all = userdata;

	return endpoint->policy ? add_set(all->maps, id, endpoint, all->names, all->rows) : 0;
}

static int collect_one(const struct all *all, uint16_t id, struct error *error)
{
	struct endpoint endpoint;
	int r = endpoint_map_get(all->maps, id, &endpoint);

	if (r == -ENOENT)
		return error_set(error, r, "there is no endpoint %u; 'pilus endpoint list' tells those there are", id);
	return r ?: add_endpoint(id, &endpoint, (void *)all);
}

static int collect(const struct cli *cli, const struct maps *maps, struct directory *names, json_t *rows,
                   struct error *error)
{
	const struct all all = {.maps = maps, .names = names, .rows = rows};
	uint32_t id = 0;
	int r;

	if (!cli->argument_count)
		return endpoint_map_each(maps, add_endpoint, (void *)&all);
	r = cli_number(cli->arguments[0], ENDPOINT_ID_MAX, "an endpoint's ID", &id, error);
	return r ?: collect_one(&all, (uint16_t)id, error);
}

static int bpf_policy_run(struct cli *cli, struct error *error)
{
	static const struct table GET_TABLE = TABLE(GET_COLUMNS), LIST_TABLE = TABLE(LIST_COLUMNS);
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	_cleanup_(directory_clear) struct directory names = {};
	json_auto_t *rows = json_array();
	int r = maps_open(cli->bpffs, &maps, error);

	if (r < 0)
		return r;
	names.cli = cli;
	directory_fetch(&names, NULL); /* without an agent numbers must do */
	names.cli = NULL;
	r = collect(cli, &maps, &names, rows, error);
	if (r && error && !error->code)
		error_set_errno(error, r, "cannot read the map");
	return r ?: show(cli, cli->argument_count ? &GET_TABLE : &LIST_TABLE, rows, error);
}

static void complete_ids(struct cli *cli)
{
	agent_complete(cli, "/v1/endpoints", "id");
}

const struct command BPF_POLICY_VERBS[] = {
	{.name = "list",
         .summary = "The entries of all endpoints, or of one",
         .arguments = "[ENDPOINT]",
         .arguments_max = 1,
         .run = bpf_policy_run,
         .complete = complete_ids},
	{.name = "get",
         .summary = "The entries of one endpoint",
         .arguments = "ENDPOINT",
         .arguments_min = 1,
         .arguments_max = 1,
         .run = bpf_policy_run,
         .complete = complete_ids},
	{},
};
