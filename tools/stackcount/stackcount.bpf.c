// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * stackcount: by which ways functions, tracepoints or static probes are reached.
 */
#include "runtime/bpf/places.h"
#include "runtime/bpf/stacks.h"

const volatile bool by_process = false;

static __always_inline int count(void *context, __u64 place)
{
	struct trace_stack stack = {};

	if (by_process) {
		stack.pid = bpf_get_current_pid_tgid() >> 32;
		bpf_get_current_comm(stack.comm, sizeof(stack.comm));
	}
	stack_take(context, &stack);
	stack_add(&stack, 1);
	return 0;
}

PLACE_PROGRAMS(, count)
