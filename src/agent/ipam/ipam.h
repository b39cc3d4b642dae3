/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses for endpoints out of this node's pod CIDRs. Host-scope takes the CIDRs from the configuration; cluster-pool
 * claims a block of the cluster's CIDRs through the store ("blocks/CIDR", '/' written as '-'), race-free by
 * create-if-absent, and finds it again after a restart. The first address of each CIDR is the node's router address;
 * network, broadcast and the router's are never given out. Allocations are not stored: who restores endpoints claims
 * their addresses again.
 */
#ifndef PILUS_AGENT_IPAM_H
#define PILUS_AGENT_IPAM_H

#include "agent/config/config.h"
#include "store/store.h"

struct ipam;

/*
 * ready: the CIDRs are known (result 0), or cannot be had (−errno; it goes on trying where that can help and calls
 * again); later, that a block was taken away (-EEXIST). Called from the loop, never from inside. config and store are
 * borrowed.
 */
struct ipam *ipam_new(uv_loop_t *loop, const struct config *config, struct store *store,
                      void (*ready)(void *userdata, int result, const struct error *error), void *userdata);

/* In the same turn of the loop as the store is closed, and before it. */
void ipam_free(struct ipam *ipam);

/* What that node has claimed of the cluster's pools is free. */
void ipam_forget_node(struct ipam *ipam, const char *name);

/* Valid once ready: bits 0 where the node has no such family. */
const struct prefix *ipam_cidr(const struct ipam *ipam, enum family family);
const struct addr *ipam_router(const struct ipam *ipam, enum family family);

/* An address nobody has: not one that was released a moment ago while others are free. -ENOSPC when the CIDR is full,
 * -EAFNOSUPPORT when the node has no such family, -EAGAIN before ready. */
int ipam_allocate(struct ipam *ipam, enum family family, const char *owner, struct addr *ret, struct error *error);

/* This very address, for a restored endpoint. -EEXIST when another owner has it, -EINVAL outside the CIDR. The same
 * owner may claim again. */
int ipam_claim(struct ipam *ipam, const struct addr *addr, const char *owner, struct error *error);
void ipam_release(struct ipam *ipam, const struct addr *addr); /* not allocated: nothing */

/* The "ipam" part of GET /v1/status: a new reference. */
json_t *ipam_status(const struct ipam *ipam);

#endif
