// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * cpudist: how long tasks run at a time; or, the other way round, how long they are off.
 */
#include "runtime/bpf/histogram.h"

const volatile bool by_process = false;
const volatile bool by_thread = false;
const volatile bool off_cpu = false;
const volatile bool include_idle = false;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* thread */
	__type(value, __u64);
} begun SEC(".maps");

/* Each CPU has an idle task, and all of them are 0. */
static __always_inline __u32 thread_of(struct task_struct *task)
{
	return task->pid ? task->pid : 1U << 31 | bpf_get_smp_processor_id();
}

static __always_inline void begin(struct task_struct *task, __u64 now)
{
	__u32 thread = thread_of(task);

	if ((task->pid || include_idle) && wanted_task(task))
		bpf_map_update_elem(&begun, &thread, &now, BPF_ANY);
}

static __always_inline void end(struct task_struct *task, __u64 now)
{
	__u32 thread = thread_of(task);
	__u64 *since = bpf_map_lookup_elem(&begun, &thread);
	struct trace_key key = {};

	if (!since)
		return;
	if (by_process)
		key.id = task->tgid;
	else if (by_thread)
		key.id = task->pid;
	if (key.id)
		bpf_probe_read_kernel_str(key.name, sizeof(key.name), task->comm);
	histogram_add(&key, (now - *since) / unit_ns);
	bpf_map_delete_elem(&begun, &thread);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();

	end(off_cpu ? next : previous, now);
	begin(off_cpu ? previous : next, now);
	return 0;
}
