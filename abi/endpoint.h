/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the programs know of this node's endpoints and own addresses. Written by the agent, read by the programs.
 *
 * pilus_endpoints  array, index = endpoint id          -> struct endpoint (unused ids: all zero)
 * pilus_devices    hash,  ifindex of the host-side veth -> endpoint id (__u32)
 * pilus_local      hash,  struct addr                   -> struct local_addr: what is delivered on this node
 *
 * The array is what the fast path reads: the verifier inlines its lookup. Ids are small and reused; a flow
 * that remembers an old one is found out by its epoch.
 */
#ifndef PILUS_ABI_ENDPOINT_H
#define PILUS_ABI_ENDPOINT_H

#include "addr.h"

#define ENDPOINT_ID_MAX 4095 /* ids are 1 … this; 0 is no endpoint */

/* What its policy is asked (policy.h), per enum policy_direction. */
#define ENDPOINT_ASKS(direction)   (1u << (direction))
#define ENDPOINT_CLOSES(direction) (4u << (direction)) /* what is not allowed is denied */
#define ENDPOINT_AUDITS            16u                 /* what is denied passes all the same, and is told */

struct endpoint {
	__u32 ifindex; /* host side of the veth; 0: no such endpoint */
	__u32 identity;
	struct addr v4; /* zero: none */
	struct addr v6;
	__u8 pod_mac[6];
	__u8 host_mac[6];
	__u32 flags;    /* ENDPOINT_… */
	__u32 policy;   /* its set */
	__u8 short_cut; /* 1: its sockets may take it (socket.h) */
	__u8 reserved[3];
};
ABI_ASSERT_SIZE(struct endpoint, 64);

struct local_addr {
	__u16 endpoint; /* 0: an address of the node itself */
	__u16 reserved;
};
ABI_ASSERT_SIZE(struct local_addr, 4);

#endif
