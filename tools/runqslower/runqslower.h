/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_RUNQSLOWER_H
#define PILUS_TOOLS_RUNQSLOWER_H

#include "abi/trace.h"

struct slow_event {
	struct trace_who who; /* that waited */
	__u64 waited;         /* ns */
	__u32 previous;       /* thread that had the CPU */
	char previous_comm[TRACE_COMM_MAX];
};

#endif
