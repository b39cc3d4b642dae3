/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PUT asks for, checked. The JSON is kept complete (a missing member is null), so that two requests are the same
 * when their JSON is equal, and so that the file of an endpoint holds it as it came.
 */
#ifndef PILUS_AGENT_ENDPOINT_SPEC_H
#define PILUS_AGENT_ENDPOINT_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/config/config.h"

/* The container of the endpoint by which other nodes probe this one: no runtime can name one so. It stands for labels.
 */
#define ENDPOINT_HEALTH_CONTAINER "reserved:health"

#define ENDPOINT_MTU_MIN 1280 /* what IPv6 demands of a link (RFC 8200, section 5) */

struct endpoint_spec {
	json_t *json; /* owns all else here */
	const char *container, *interface, *netns;
	const char *network, *pod, *namespace; /* NULL: not said */
	uint32_t mtu;                          /* 0: the node's */
};

/* Checks a whole request: -EINVAL with words names the member that is wrong. endpoint_spec_clear empties *ret. */
int endpoint_spec_parse(json_t *request, struct endpoint_spec *ret, struct error *error);
void endpoint_spec_clear(struct endpoint_spec *spec);

/* Unless said otherwise a family is wanted, as far as the node has it. */
bool endpoint_spec_wants(const struct endpoint_spec *spec, enum family family);

/* The set of labels for identities: sources and namespace added, sorted; without any, ["reserved:init"], and
 * ["reserved:health"] for the agent's own. A new reference; NULL with words. */
json_t *endpoint_spec_labels(const struct endpoint_spec *spec, struct error *error);

/* The name of the first member that differs, NULL when none does. */
const char *endpoint_spec_difference(const struct endpoint_spec *a, const struct endpoint_spec *b);

#endif
