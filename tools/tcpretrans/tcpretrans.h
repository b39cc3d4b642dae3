/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPRETRANS_H
#define PILUS_TOOLS_TCPRETRANS_H

#include "abi/trace.h"

struct retransmit_event {
	struct trace_who who; /* whoever's time it was */
	struct trace_ends ends;
	__u32 sequence; /* of its first byte */
	__u8 state;
	__u8 is_probe; /* for a loss at the tail: nothing has been answered since, and no time is up */
};

#endif
