/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPDROP_H
#define PILUS_TOOLS_TCPDROP_H

#include "abi/trace.h"

struct drop_event {
	struct trace_who who; /* whoever's time it was */
	struct addr source, destination;
	__u16 source_port, destination_port;
	__u32 reason; /* enum skb_drop_reason: a number that differs by kernel */
	__u8 state;   /* of the socket; 0: it has none */
	__u8 flags;   /* of the TCP header */
};

#endif
