/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for the numbers in events: identities and nodes, fetched from the agent, and fetched again (at most once a
 * second) when an unknown number turns up. Devices' are the kernel's.
 */
#ifndef PILUS_CLI_DIRECTORY_H
#define PILUS_CLI_DIRECTORY_H

#include <net/if.h>

#include "cli/cli.h"

/* To ask the kernel takes longer than all else about an event. */
struct device_name {
	char text[IF_NAMESIZE];
	uint32_t ifindex;
	uint64_t asked; /* ns, CLOCK_MONOTONIC; 0: never */
};

struct directory {
	const struct cli *cli; /* NULL: holds what it holds, asks nobody */
	json_t *identities;    /* "4262" -> labels */
	json_t *nodes;         /* "2" -> node */
	json_t *rules;         /* "257" -> what the rule is, or null; fetched when asked for */
	uint64_t asked;        /* ns, CLOCK_MONOTONIC */
	struct device_name devices[32];
};

/* Fetches both. On an error it stays empty. */
int directory_fetch(struct directory *directory, struct error *error);

/* Takes the arrays (borrowed) of GET /v1/identities and /v1/nodes instead of what it has. */
void directory_fill(struct directory *directory, const json_t *identities, const json_t *nodes);
void directory_clear(struct directory *directory);

/* Borrowed; NULL: unknown. */
const json_t *directory_labels(struct directory *directory, uint32_t identity);
const json_t *directory_node(struct directory *directory, uint16_t id);
const json_t *directory_rule(struct directory *directory, uint32_t number); /* GET /v1/policies/rules/{number} */

/* As it is called, or was a second before `now` (ns, CLOCK_MONOTONIC): borrowed until the next call. A number where it
 * is not (any more) to be found. */
const char *directory_device(struct directory *directory, uint32_t ifindex, uint64_t now);

/* "host" for a reserved number, "unknown" for 0, else NULL. */
const char *reserved_identity_name(uint32_t identity);

#endif
