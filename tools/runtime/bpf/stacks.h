/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Stacks, and a number for each: how often, or how long.
 */
#ifndef PILUS_TOOLS_BPF_STACKS_H
#define PILUS_TOOLS_BPF_STACKS_H

#include "tool.h"

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16384);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, TRACE_FRAMES * sizeof(__u64));
} frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, struct trace_stack);
	__type(value, __u64);
} stacks SEC(".maps");

__u64 lost = 0;

const volatile bool no_user_stacks = false;
const volatile bool no_kernel_stacks = false;

static __always_inline void stack_take(void *context, struct trace_stack *stack)
{
	stack->user = no_user_stacks ? -1 : bpf_get_stackid(context, &frames, BPF_F_USER_STACK);
	stack->kernel = no_kernel_stacks ? -1 : bpf_get_stackid(context, &frames, 0);
}

static __always_inline void stack_add(const struct trace_stack *stack, __u64 value)
{
	__u64 zero = 0, *sum = bpf_map_lookup_elem(&stacks, stack);

	if (!sum) {
		bpf_map_update_elem(&stacks, stack, &zero, BPF_NOEXIST);
		sum = bpf_map_lookup_elem(&stacks, stack);
	}
	if (sum)
		__sync_fetch_and_add(sum, value);
	else
		__sync_fetch_and_add(&lost, 1);
}

#endif
