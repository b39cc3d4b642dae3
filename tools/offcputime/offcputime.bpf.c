// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * offcputime: where tasks leave the CPU, and for how long. The stack is taken when a task leaves, its time known when
 * it is back.
 */
#include "runtime/bpf/stacks.h"

#define PF_KTHREAD 0x00200000

const volatile bool user_threads = false;
const volatile bool kernel_threads = false;
const volatile __u32 only_state = 0; /* bits, of which one must be set; 0 with by_state: still running */
const volatile bool by_state = false;
const volatile __u64 at_least_ns = 1000;
const volatile __u64 at_most_ns = ~0ULL;

struct absence {
	__u64 since;
	struct trace_stack stack;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* thread */
	__type(value, struct absence);
} absences SEC(".maps");

static __always_inline bool wanted_thread(struct task_struct *task)
{
	bool of_kernel = task->flags & PF_KTHREAD;

	if (by_state && (only_state ? !(task->__state & only_state) : task->__state))
		return false;
	return task->pid && !(user_threads && of_kernel) && !(kernel_threads && !of_kernel) && wanted_task(task);
}

static __always_inline void leaves(void *context, struct task_struct *task, __u64 now)
{
	struct absence absence = {.since = now, .stack.pid = task->tgid};
	__u32 tid = task->pid;

	if (!wanted_thread(task))
		return;
	bpf_probe_read_kernel_str(absence.stack.comm, sizeof(absence.stack.comm), task->comm);
	stack_take(context, &absence.stack);
	bpf_map_update_elem(&absences, &tid, &absence, BPF_ANY);
}

static __always_inline void returns(struct task_struct *task, __u64 now)
{
	__u32 tid = task->pid;
	struct absence *absence = bpf_map_lookup_elem(&absences, &tid);
	__u64 lasted;

	if (!absence)
		return;
	lasted = now - absence->since;
	if (lasted >= at_least_ns && lasted <= at_most_ns)
		stack_add(&absence->stack, lasted);
	bpf_map_delete_elem(&absences, &tid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();

	leaves(ctx, previous, now);
	returns(next, now);
	return 0;
}
