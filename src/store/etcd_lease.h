/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lease of this process in etcd, granted when first needed and kept alive. It is not given back: what stands under
 * it outlives a restart that is quicker than its time.
 */
#ifndef PILUS_STORE_ETCD_LEASE_H
#define PILUS_STORE_ETCD_LEASE_H

#include "store/etcd_link.h"

struct etcd_lease;

/* lost: etcd does not know the lease any more, and has removed all keys under it, or is another etcd. */
struct etcd_lease *etcd_lease_new(struct etcd_link *link, void (*lost)(void *userdata), void *userdata);
void etcd_lease_free(struct etcd_lease *lease); /* frees itself from the loop */

const char *etcd_lease_id(const struct etcd_lease *lease); /* NULL: there is none */

/* Asks for one, until `deadline`. One at a time. */
typedef void (*etcd_lease_granted)(void *userdata, const struct error *error);
void etcd_lease_grant(struct etcd_lease *lease, uint64_t deadline, etcd_lease_granted granted, void *userdata);

/* A call that named it was told that etcd does not know it. */
void etcd_lease_lost(struct etcd_lease *lease);

#endif
