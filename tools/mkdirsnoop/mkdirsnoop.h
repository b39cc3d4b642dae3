/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_MKDIRSNOOP_H
#define PILUS_TOOLS_MKDIRSNOOP_H

#include "abi/trace.h"

struct mkdir_event {
	struct trace_who who;
	__u32 ppid;
	__s32 result; /* 0, or −errno */
	__u32 mode;
	char path[256];
};

#endif
