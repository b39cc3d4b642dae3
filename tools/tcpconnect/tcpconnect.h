/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPCONNECT_H
#define PILUS_TOOLS_TCPCONNECT_H

#include "abi/trace.h"

struct connect_event {
	struct trace_who who;
	struct trace_ends ends; /* with --lport the local port, too */
	__u16 answer_size;      /* not 0: no connection, but the head of a name server's answer */
};

/* What is longer than without extensions is cut off. */
#define DNS_ANSWER_MAX 512

struct answer_event {
	struct connect_event head;
	__u8 bytes[DNS_ANSWER_MAX];
};

#endif
