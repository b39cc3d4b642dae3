/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPRETRANS_H
#define PILUS_TOOLS_TCPRETRANS_H

#include "abi/trace.h"

struct retransmit_event {
	struct trace_who who; /* whoever's time it was */
	struct trace_ends ends;
	__u8 state;
};

#endif
