/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPCONNECT_H
#define PILUS_TOOLS_TCPCONNECT_H

#include "abi/trace.h"

struct connect_event {
	struct trace_who who;
	struct trace_ends ends; /* with --lport the local port, too */
};

#endif
