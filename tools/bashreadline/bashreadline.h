/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_BASHREADLINE_H
#define PILUS_TOOLS_BASHREADLINE_H

#include "abi/trace.h"

struct readline_event {
	struct trace_who who;
	char line[256];
};

#endif
