/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
#ifndef PILUS_TOOLS_SYSCOUNT_H
#define PILUS_TOOLS_SYSCOUNT_H

#include "abi/trace.h"

#define SYSCALLS_MAX 1024

/* Of a system call, or of a process. */
struct syscall_total {
	__u64 count;
	__u64 ns;
	char comm[TRACE_COMM_MAX]; /* of a process */
};

#endif
