// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * runqlat: from being woken, or preempted, to running.
 */
#include "runtime/bpf/histogram.h"
#include "runtime/bpf/queue.h"

const volatile bool by_process = false;
const volatile bool by_thread = false;
const volatile bool by_namespace = false;

SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken, struct task_struct *task)
{
	begin_to_wait(task);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(woken_first, struct task_struct *task)
{
	begin_to_wait(task);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *previous, struct task_struct *next)
{
	struct trace_key key = {};
	__u64 waited;

	if (is_preempted(preempt, previous))
		begin_to_wait(previous);
	waited = has_waited(next);
	if (!waited)
		return 0;
	if (by_process)
		key.id = next->tgid;
	else if (by_thread)
		key.id = next->pid;
	else if (by_namespace)
		key.id = BPF_CORE_READ(next, nsproxy, pid_ns_for_children, ns.inum);
	if (key.id && !by_namespace)
		bpf_probe_read_kernel_str(key.name, sizeof(key.name), next->comm);
	histogram_add(&key, waited / unit_ns);
	return 0;
}
