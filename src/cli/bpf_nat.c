/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bpf nat`: the masquerade's mappings, two lines for each in the format of Cilium's: OUT is what leaves and gets
 * another source, IN what comes back and gets another destination.
 */
#include <arpa/inet.h>

#include "base/clock.h"
#include "cli/agent.h"
#include "cli/bpf.h"

json_t *nat_to_json(const struct nat_key *key, const struct nat_entry *entry, uint64_t now)
{
	char protocol[4];

	return json_pack("{ss ss so si so si so si sI sb}", "protocol", protocol_name(key->protocol, protocol),
	                 "direction", entry->end == NAT_SOURCE ? "OUT" : "IN", "source", addr_to_json(&key->source),
	                 "source-port", ntohs(key->source_port), "destination", addr_to_json(&key->destination),
	                 "destination-port", ntohs(key->destination_port), "translated", addr_to_json(&entry->addr),
	                 "translated-port", ntohs(entry->port), "age",
	                 (json_int_t)((now - entry->created) / NS_PER_SECOND), "host-local", entry->kind == NAT_HOST);
}

void nat_write(const json_t *row, FILE *out)
{
	const char *direction = row_text(row, "direction");

	fprintf(out, "%s %s ", row_text(row, "protocol"), direction);
	peer_write(row, "source", "source-port", out);
	fputs(" -> ", out);
	peer_write(row, "destination", "destination-port", out);
	fprintf(out, " XLATE_%s ", direction[0] == 'O' ? "SRC" : "DST");
	peer_write(row, "translated", "translated-port", out);
	fprintf(out, " Created=%" JSON_INTEGER_FORMAT "sec HostLocal=%d\n", row_number(row, "age"),
	        json_is_true(json_object_get(row, "host-local")));
}

/* Prints as it walks: the table may have a hundred thousand entries. */
struct walk {
	const struct cli *cli;
	uint64_t now;
	const char *separator; /* of JSON */
};

static int take_mapping(const struct nat_key *key, const struct nat_entry *entry, void *userdata)
{
	struct walk *walk = userdata;
	json_auto_t *row = nat_to_json(key, entry, walk->now);
	FILE *out = walk->cli->out;

	if (walk->cli->output == OUTPUT_JSON) {
		fputs(walk->separator, out);
		json_dumpf(row, out, JSON_COMPACT);
		walk->separator = ",\n";
	} else {
		nat_write(row, out);
	}
	return ferror(out) ? 1 : 0;
}

static int nat_list(struct cli *cli, struct error *error)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	struct walk walk = {.cli = cli, .separator = "[\n", .now = clock_now()};
	int r = maps_open(cli->bpffs, &maps, error);

	if (r < 0)
		return r;
	r = nat_table_each(&maps, take_mapping, &walk);
	if (r < 0)
		return error_set_errno(error, r, "cannot read the mappings");
	if (cli->output == OUTPUT_JSON)
		fputs(walk.separator[0] == '[' ? "[]\n" : "\n]\n", cli->out);
	return 0;
}

static int nat_flush(struct cli *cli, struct error *error)
{
	_cleanup_(maps_close) struct maps maps = MAPS_CLOSED;
	json_auto_t *answer = NULL;
	uint32_t removed = 0;
	int r = maps_open(cli->bpffs, &maps, error);

	if (r < 0)
		return r;
	r = nat_table_flush(&maps, &removed);
	if (r < 0)
		return error_set_errno(error, r, "cannot empty the table of mappings");
	answer = json_pack("{sI}", "flushed", (json_int_t)removed);
	if (cli->output == OUTPUT_JSON)
		return show_json(cli, answer, error);
	fprintf(cli->out, "Removed %u entries\n", removed);
	return 0;
}

const struct command BPF_NAT_VERBS[] = {
	{.name = "list", .summary = "All mappings", .run = nat_list},
	{.name = "flush",
         .summary = "Forget all mappings; open connections go on where their port is still free",
         .run = nat_flush},
	{},
};
