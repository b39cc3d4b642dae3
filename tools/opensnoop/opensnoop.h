/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_OPENSNOOP_H
#define PILUS_TOOLS_OPENSNOOP_H

#include "abi/trace.h"

struct open_event {
	struct trace_who who;
	__s32 fd;    /* −1: it failed */
	__s32 error; /* errno */
	__u32 flags;
	char path[256]; /* as much of it as there is */
};

#endif
