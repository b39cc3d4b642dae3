/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_BIOSNOOP_H
#define PILUS_TOOLS_BIOSNOOP_H

#include "abi/trace.h"

struct disk_event {
	struct trace_who who; /* whoever began it, and when */
	__u64 queued;         /* ns, before the disk had it */
	__u64 took;           /* ns, of the disk */
	__u64 sector;
	__u32 bytes;
	__u32 operation; /* odd: a write */
	char pattern;    /* S: begins where the one before it on this disk ended; R: elsewhere; ?: is the first */
	char disk[TRACE_COMM_MAX * 2];
};

#endif
