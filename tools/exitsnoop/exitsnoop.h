/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_EXITSNOOP_H
#define PILUS_TOOLS_EXITSNOOP_H

#include "abi/trace.h"

struct exit_event {
	struct trace_who who;
	__u64 age; /* ns */
	__u32 ppid;
	__u32 code; /* as wait(2) gives it */
};

#endif
