/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs of `bpf` share: every list is one walk over a pinned map that makes rows.
 */
#ifndef PILUS_CLI_BPF_H
#define PILUS_CLI_BPF_H

#include "cli/show.h"
#include "datapath/flow_table.h"
#include "datapath/maps.h"
#include "datapath/nat_table.h"

/* Opens the pins, lets `collect` fill rows (an array), shows them. */
int bpf_list(const struct cli *cli, const struct table *table, int (*collect)(const struct maps *maps, json_t *rows),
             struct error *error);

json_t *addr_to_json(const struct addr *addr);

/* "TCP"; the number of what has no name. */
const char *protocol_name(uint8_t protocol, char text[static 4]);

/* "10.1.0.7:80" or "[fd00::7]:80", of two members of a row. */
void peer_write(const json_t *row, const char *address, const char *port, FILE *out);

extern const struct command BPF_CT_VERBS[];
extern const struct command BPF_NAT_VERBS[];
extern const struct command BPF_POLICY_VERBS[];
extern const struct command BPF_SOCK_VERBS[];
extern const struct command BPF_LB_VERBS[];
extern const struct command BPF_AFFINITY_VERBS[];

/* One flow as `bpf ct list` tells it: a row, and its line. */
json_t *flow_to_json(const struct flow_key *key, const struct flow *flow, const struct flow_timeouts *timeouts);
void flow_write(const json_t *row, FILE *out);

/* The same of one entry of `bpf nat list`, as of `now`. */
json_t *nat_to_json(const struct nat_key *key, const struct nat_entry *entry, uint64_t now);
void nat_write(const json_t *row, FILE *out);

#endif
