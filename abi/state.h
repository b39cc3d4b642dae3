/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What changes while programs run, and what does not.
 *
 * pilus_state   array of one, mmapable: written by the agent, read with every packet.
 * .rodata.config in every object: struct node_config, set before loading; the verifier removes what it rules out.
 */
#ifndef PILUS_ABI_STATE_H
#define PILUS_ABI_STATE_H

#include "addr.h"

struct state {
	__u32 epoch;  /* never 0; the agent writes its maps first and bumps this after */
	__u32 events; /* bit (1 << enum event_type): somebody listens to these; 0 costs nothing */
	__u32 reserved[14];
};
ABI_ASSERT_SIZE(struct state, 64);

struct node_config {
	__u32 overlay_ifindex; /* pilus_vxlan; 0: none */
	__u16 vxlan_port;      /* host order */
	__u8 decap_v6;         /* adjust_room can turn an IPv4 frame into an IPv6 one (kernel 6.3) */
	__u8 masquerade;       /* enum masquerade_family, or-ed: for whom */
	__u8 native;           /* no overlay: pods' packets travel as they are */
	__u8 services;         /* this node translates them */
	__u16 node_port_first; /* host order: the range of node ports */
	__u16 node_port_last;
	__u8 dry_run;    /* for packets that are not sent: what the agent has told stays as it is */
	__u8 accelerate; /* services of clients outside, by XDP (bpf/lib/accelerate.h) */
	__u8 reserved[8];
	__u64 netns_cookie; /* of the node's own network namespace; 0: not known */
};
ABI_ASSERT_SIZE(struct node_config, 32);

#endif
