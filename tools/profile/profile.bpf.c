// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * profile: what is at work when a clock ticks, on each CPU.
 */
#include "runtime/bpf/stacks.h"

const volatile bool include_idle = false;

SEC("perf_event")
int tick(void *context)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct trace_stack stack = {.pid = id >> 32};

	if ((!(__u32)id && !include_idle) || !wanted())
		return 0;
	bpf_get_current_comm(stack.comm, sizeof(stack.comm));
	stack_take(context, &stack);
	stack_add(&stack, 1);
	return 0;
}
