// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * runqslower: tasks that have waited for a CPU for too long, at the moment they get one.
 */
#include "runqslower.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/queue.h"

const volatile __u64 slow_ns = 10000000;

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
	struct slow_event *event;
	__u64 waited;

	if (is_preempted(preempt, previous))
		begin_to_wait(previous);
	waited = has_waited(next);
	if (!waited || waited < slow_ns)
		return 0;
	event = event_reserve(sizeof(*event));
	if (!event)
		return 0;
	event->who = (struct trace_who){
		.time = bpf_ktime_get_ns(),
		.pid = next->tgid,
		.tid = next->pid,
		.uid = next->cred->uid.val,
		.netns = filter.wants_netns ? next->nsproxy->net_ns->ns.inum : 0,
	};
	bpf_probe_read_kernel_str(event->who.comm, sizeof(event->who.comm), next->comm);
	event->waited = waited;
	event->previous = previous->pid;
	bpf_probe_read_kernel_str(event->previous_comm, sizeof(event->previous_comm), previous->comm);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
