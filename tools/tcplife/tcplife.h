/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPLIFE_H
#define PILUS_TOOLS_TCPLIFE_H

#include "abi/trace.h"

struct life_event {
	struct trace_who who; /* whoever opened, or closed, it; the time is that of its end */
	struct trace_ends ends;
	__u64 sent;     /* bytes, and acknowledged */
	__u64 received; /* bytes */
	__u64 lasted;   /* ns */
};

#endif
