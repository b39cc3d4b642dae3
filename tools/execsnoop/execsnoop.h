/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_EXECSNOOP_H
#define PILUS_TOOLS_EXECSNOOP_H

#include "abi/trace.h"

#define EXEC_ARGS_MAX  4096
#define EXEC_WORDS_MAX 20 /* of a call that failed */

struct exec_event {
	struct trace_who who;
	__u32 ppid;
	__s32 result;
	__u32 size;               /* of args */
	char args[EXEC_ARGS_MAX]; /* words, each ending in NUL */
};

#endif
