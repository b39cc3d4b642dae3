/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_OOMKILL_H
#define PILUS_TOOLS_OOMKILL_H

#include "abi/trace.h"

struct oom_event {
	struct trace_who who; /* whoever wanted memory when there was none */
	__u64 pages;          /* the limit of the cgroup that was full; 0: the machine was */
	__u32 victim;
	char victim_comm[TRACE_COMM_MAX]; /* empty: the kernel does not tell */
};

#endif
