/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of one pod CIDR: who has which, and which one is given next. Knows nothing of where the CIDR came from.
 */
#ifndef PILUS_AGENT_IPAM_ADDRESS_POOL_H
#define PILUS_AGENT_IPAM_ADDRESS_POOL_H

#include <jansson.h>

#include "base/addr.h"
#include "base/error.h"

struct address_pool;

/* cidr: /30 (/126) or larger. Its first address is the router's at once. */
struct address_pool *address_pool_new(const struct prefix *cidr);
void address_pool_free(struct address_pool *pool);

const struct prefix *address_pool_cidr(const struct address_pool *pool);
const struct addr *address_pool_router(const struct address_pool *pool);

/* See ipam.h. */
int address_pool_allocate(struct address_pool *pool, const char *owner, struct addr *ret, struct error *error);
int address_pool_claim(struct address_pool *pool, const struct addr *addr, const char *owner, struct error *error);
void address_pool_release(struct address_pool *pool, const struct addr *addr);

/* Appends {"family", "cidr", "allocated", "size"} to `pools`, and {"address", "owner"} in order to `allocations`. */
void address_pool_show(const struct address_pool *pool, json_t *pools, json_t *allocations);

#endif
