/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cluster health as lines, for the nouns that show it.
 */
#ifndef PILUS_CLI_HEALTH_H
#define PILUS_CLI_HEALTH_H

#include "cli/cli.h"

/* "3/3 reachable   (2026-11-22T11:09:06Z)" out of what GET /v1/health and its part of /v1/status have in common. */
void health_words(const json_t *health, FILE *out);

/* A line for each node of GET /v1/health: all of them, or those that cannot be reached, ten at most. */
int health_nodes(const struct cli *cli, const json_t *health, bool all, struct error *error);

#endif
