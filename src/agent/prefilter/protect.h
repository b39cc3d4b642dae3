/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom refusing would lock somebody out: the store and whomever else this agent talks to over TCP, the clients of this
 * host's SSH server, and whom a request names.
 */
#ifndef PILUS_AGENT_PREFILTER_PROTECT_H
#define PILUS_AGENT_PREFILTER_PROTECT_H

#include "agent/prefilter/view.h"

struct protected_address {
	struct addr addr;
	char what[32]; /* "the store" */
};

/* Zeroed: none. */
struct protected
{
	struct protected_address *items;
	size_t count;
};

void protected_clear(struct protected *list);

/* What cannot come by an uplink, loopback, is passed over. */
void protected_add(struct protected *list, const struct addr *addr, const char *what);

/* Asks the resolver for the store's names: for the thread pool. */
void protected_find(struct protected *list, const char *store_url);

/* −EPERM in words when somebody would be refused by what is going to be. */
int protect(const struct protected *list, const struct view *after, struct error *error);

#endif
