/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_OPENSNOOP_H
#define PILUS_TOOLS_OPENSNOOP_H

#include "abi/trace.h"

#define OPEN_NAME_MAX    256
#define OPEN_FOLDERS_MAX 4096

struct open_event {
	struct trace_who who;
	__s32 fd;    /* −1: it failed */
	__s32 error; /* errno */
	__u32 flags;
	__u32 folder_count;
	char path[OPEN_NAME_MAX];       /* as much of it as there is */
	char folders[OPEN_FOLDERS_MAX]; /* of a relative path, if asked for: names, the innermost first */
};

#endif
