/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_TRACE_H
#define PILUS_TOOLS_TRACE_H

#include "abi/trace.h"

#define TRACE_ARGUMENTS  6
#define TRACE_STRINGS    3
#define TRACE_STRING_MAX 128

struct hit_event {
	struct trace_who who;
	__u64 place;
	__u64 arguments[TRACE_ARGUMENTS];
	__u64 result;
	char strings[TRACE_STRINGS][TRACE_STRING_MAX]; /* what those point to that were asked for as text */
};

#endif
