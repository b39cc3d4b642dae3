// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * oomkill: the tracepoint oom:mark_victim is hit by whoever wanted memory. It says who is killed, but not where memory
 * has run out: that is the cgroup, of those the victim is in, whose limit is reached.
 */
#include "oomkill.h"
#include "runtime/bpf/events.h"

#define CGROUP_DEPTH_MAX 16
/* Charges of memory are taken in batches on each CPU, so a full counter may be a little below its limit. */
#define CHARGE_BATCH 64

/* The limit of the innermost cgroup that is full, in pages. */
static __always_inline __u64 full_limit(struct task_struct *victim)
{
	struct css_set *cgroups = victim->cgroups;
	int memory = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct cgroup_subsys_state *state = NULL;
	struct page_counter *counter;

	bpf_core_read(&state, sizeof(void *), &cgroups->subsys[memory]);
	if (!state)
		return 0;
	counter = &((struct mem_cgroup *)state)->memory;
	for (int i = 0; i < CGROUP_DEPTH_MAX && counter; i++) {
		__u64 limit = BPF_CORE_READ(counter, max);

		if ((__u64)BPF_CORE_READ(counter, usage.counter) + CHARGE_BATCH >= limit)
			return limit;
		counter = BPF_CORE_READ(counter, parent);
	}
	return 0;
}

static __always_inline struct oom_event *begin(void)
{
	struct oom_event *event = wanted() ? event_reserve(sizeof(*event)) : NULL;

	if (!event)
		return NULL;
	who_am_i(&event->who);
	event->pages = 0;
	event->victim_comm[0] = 0;
	return event;
}

/* Since 6.9. */
SEC("tp_btf/mark_victim")
int BPF_PROG(victim_task, struct task_struct *victim)
{
	struct oom_event *event = begin();

	if (!event)
		return 0;
	event->victim = victim->tgid;
	event->pages = full_limit(victim);
	bpf_probe_read_kernel_str(event->victim_comm, sizeof(event->victim_comm), victim->comm);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tp_btf/mark_victim")
int BPF_PROG(victim_pid, int victim)
{
	struct oom_event *event = begin();

	if (!event)
		return 0;
	event->victim = victim;
	/* Who runs out in a cgroup is in the same one, or below it. */
	event->pages = full_limit(current_task());
	bpf_ringbuf_submit(event, 0);
	return 0;
}
