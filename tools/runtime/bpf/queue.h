/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Since when a task waits for a CPU.
 */
#ifndef PILUS_TOOLS_QUEUE_H
#define PILUS_TOOLS_QUEUE_H

#include "tool.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* thread */
	__type(value, __u64);
} waiting SEC(".maps");

static __always_inline void begin_to_wait(struct task_struct *task)
{
	__u32 tid = task->pid;
	__u64 now = bpf_ktime_get_ns();

	if (tid && wanted_task(task))
		bpf_map_update_elem(&waiting, &tid, &now, BPF_ANY);
}

/* A task that loses its CPU, but wants to go on. */
static __always_inline bool is_preempted(bool preempt, struct task_struct *task)
{
	return preempt || !task->__state;
}

/* How long the task has waited, in ns; 0: nobody knows. */
static __always_inline __u64 has_waited(struct task_struct *task)
{
	__u32 tid = task->pid;
	__u64 *since = bpf_map_lookup_elem(&waiting, &tid), waited;

	if (!since)
		return 0;
	waited = bpf_ktime_get_ns() - *since;
	bpf_map_delete_elem(&waiting, &tid);
	return waited;
}

#endif
