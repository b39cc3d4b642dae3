/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Destinations on this node: its endpoints and the host itself.
 */
#ifndef PILUS_BPF_LOCAL_H
#define PILUS_BPF_LOCAL_H

#include "abi/ipcache.h"
#include "endpoint.h"
#include "flow.h"

/* Decides for a packet whose destination is here; DROP_NOT_LOCAL when it is not. An endpoint is who it is here,
 * whatever the ipcache has heard of it yet. */
static __always_inline int local_find(struct packet *packet, struct decision *ret_decision)
{
	struct local_addr *local = local_lookup(&packet->tuple.destination);
	struct endpoint *endpoint;

	if (!local)
		return DROP_NOT_LOCAL;
	if (!local->endpoint) {
		packet->destination_identity = IDENTITY_HOST;
		*ret_decision = (struct decision){.action = FLOW_TO_STACK};
		return 0;
	}
	endpoint = endpoint_by_id(local->endpoint);
	if (!endpoint)
		return DROP_NOT_LOCAL;
	packet->destination_identity = endpoint->identity;
	*ret_decision = (struct decision){.action = FLOW_TO_ENDPOINT, .target = local->endpoint};
	return 0;
}

#endif
