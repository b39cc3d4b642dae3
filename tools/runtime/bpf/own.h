/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The tool itself, which is not what anybody asks for. The runtime's run_leave_out_own fills this in.
 */
#ifndef PILUS_TOOLS_BPF_OWN_H
#define PILUS_TOOLS_BPF_OWN_H

#include "tool.h"

/* Our own process, and the namespace of processes that it has this number in: containers have their own. */
const volatile __u64 own_device = 0, own_inode = 0;
const volatile __u32 own_pid = 0; /* 0: we are as good as others */

static __always_inline bool is_own(void)
{
	struct bpf_pidns_info task = {};

	return own_pid && !bpf_get_ns_current_pid_tgid(own_device, own_inode, &task, sizeof(task)) &&
	       task.tgid == own_pid;
}

#endif
