/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TCPACCEPT_H
#define PILUS_TOOLS_TCPACCEPT_H

#include "abi/trace.h"

struct accept_event {
	struct trace_who who;
	struct trace_ends ends;
};

#endif
