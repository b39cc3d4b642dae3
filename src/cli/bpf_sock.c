/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bpf sock`: the TCP sockets of this node's endpoints, one line each, and which way what they write goes. While
 * nobody notes them, because socket-acceleration is off, a sentence says so.
 */
#include <arpa/inet.h>

#include "cli/bpf.h"
#include "datapath/socket_map.h"

static void local_cell(const json_t *row, FILE *out)
{
	peer_write(row, "local-address", "local-port", out);
}

static void remote_cell(const json_t *row, FILE *out)
{
	peer_write(row, "remote-address", "remote-port", out);
}

static const struct column COLUMNS[] = {
	{.title = "ENDPOINT", .key = "endpoint", .right = true},
	{.title = "LOCAL", .cell = local_cell},
	{.title = "REMOTE", .cell = remote_cell},
	{.title = "WAY", .key = "way"},
	{.title = "MESSAGES", .key = "messages", .right = true},
	{.title = "BYTES", .key = "bytes", .right = true},
};

/* A connection that would take the short cut, while one of its endpoints may not. */
static const char *way_name(const struct maps *maps, const struct socket_pair *pair, unsigned side)
{
	static const char *const names[] = {
		[SOCKET_TO_STRANGER] = "remote",
		[SOCKET_WATCHED] = "watched",
		[SOCKET_SHORT_CUT] = "short-cut",
		[SOCKET_AS_PACKETS] = "packets",
	};
	enum socket_way way = socket_way(pair, side);
	struct endpoint endpoint;

	for (int i = 0; way == SOCKET_SHORT_CUT && i < 2; i++)
		if (endpoint_map_get(maps, pair->end[i].endpoint, &endpoint) || !endpoint.short_cut)
			return "off";
	return names[way];
}

struct walk {
	const struct maps *maps;
	json_t *rows;
};

static json_t *end_to_json(const struct maps *maps, const struct flow_key *key, const struct socket_pair *pair,
                           unsigned side)
{
	const struct socket_end *end = &pair->end[side];

	return json_pack("{si so si so si ss sI sI sI}", "endpoint", end->endpoint, "local-address",
	                 addr_to_json(&key->addr[side]), "local-port", ntohs(key->port[side]), "remote-address",
	                 addr_to_json(&key->addr[!side]), "remote-port", ntohs(key->port[!side]), "way",
	                 way_name(maps, pair, side), "messages", (json_int_t)end->messages, "bytes",
	                 (json_int_t)end->bytes, "cookie", (json_int_t)end->cookie);
}

static int add_pair(const struct flow_key *key, const struct socket_pair *pair, void *userdata)
{
	const struct walk *walk = userdata;

	for (unsigned side = 0; side < 2; side++)
		if (pair->end[side].cookie)
			json_array_append_new(walk->rows, end_to_json(walk->maps, key, pair, side));
	return 0;
}

static int collect(const struct maps *maps, json_t *rows)
{
	return socket_map_each(maps, add_pair, &(struct walk){.maps = maps, .rows = rows});
}

static int sock_list(struct cli *cli, struct error *error)
{
	static const struct table LIST_TABLE = TABLE(COLUMNS);

	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	int r = maps_open(cli->bpffs, &maps, error);

	if (r < 0 || cli->output == OUTPUT_JSON || sockets_are_noted(cli->bpffs))
		return r < 0 ? r : bpf_list(cli, &LIST_TABLE, collect, error);
	fputs("Socket acceleration is off on this node: nobody looks at sockets here.\n"
	      "To turn it on, set socket-acceleration to on or opt-in in the agent's configuration; see "
	      "pilus-sockets(7).\n"
	      "If it is set, pilus status says what is missing.\n",
	      cli->out);
	return 0;
}

const struct command BPF_SOCK_VERBS[] = {
	{.name = "list", .summary = "Who is connected to whom, and how it writes", .run = sock_list},
	{},
};
