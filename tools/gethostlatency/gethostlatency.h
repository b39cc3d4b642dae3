/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_GETHOSTLATENCY_H
#define PILUS_TOOLS_GETHOSTLATENCY_H

#include "abi/trace.h"

struct lookup_event {
	struct trace_who who;
	__u64 took; /* ns */
	char host[80];
};

#endif
