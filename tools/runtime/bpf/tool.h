/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What every tool's BPF file starts from: the helpers, the filter (wanted) and the head of an event (who_am_i). Ring
 * buffer and histograms are in headers of their own, so that a tool has only the maps that it uses.
 */
#ifndef PILUS_TOOLS_TOOL_H
#define PILUS_TOOLS_TOOL_H

#include "kernel.h"

#include <asm/ptrace.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "abi/trace.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The runtime sets it. */
const volatile struct trace_filter filter = {};

static __always_inline struct task_struct *current_task(void)
{
	return bpf_get_current_task_btf();
}

/* What a program at syscalls/sys_exit_… is given. */
struct syscall_exit {
	__u64 common;
	__s64 nr;
	__s64 result;
};

/* The registers of this task's system call: its arguments can be had at its end, too. */
static __always_inline struct pt_regs *syscall_registers(void)
{
	return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
}

/* The kernel's own, where it has more than user space is told (arm64). Their type must be known to the verifier. */
struct pt_regs___kernel {
	int syscallno;
} __attribute__((preserve_access_index));

static __always_inline __u32 syscall_number(const struct pt_regs *registers)
{
#ifdef __TARGET_ARCH_x86
	return registers->orig_rax;
#else
	return BPF_CORE_READ((const struct pt_regs___kernel *)registers, syscallno);
#endif
}

/* Of an option's list. */
static __always_inline bool is_in(const volatile __u32 *list, __u32 number)
{
	if (!list[0])
		return true;
	for (int i = 0; i < TRACE_LIST_MAX && list[i]; i++)
		if (list[i] == number)
			return true;
	return false;
}

/* Is it somebody we were asked to look at? */
static __always_inline bool wanted(void)
{
	__u64 id = bpf_get_current_pid_tgid();

	if (filter.pid && filter.pid != id >> 32)
		return false;
	if (filter.tid && filter.tid != (__u32)id)
		return false;
	if (filter.by_uid && filter.uid != (__u32)bpf_get_current_uid_gid())
		return false;
	if (filter.cgroup && bpf_get_current_ancestor_cgroup_id(filter.cgroup_level) != filter.cgroup)
		return false;
	if (filter.mntns && filter.mntns != current_task()->nsproxy->mnt_ns->ns.inum)
		return false;
	return !filter.netns || filter.netns == current_task()->nsproxy->net_ns->ns.inum;
}

static __always_inline bool is_below_cgroup(struct task_struct *task)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp), *ancestor = NULL;

	if (BPF_CORE_READ(cgroup, level) < filter.cgroup_level)
		return false;
	bpf_core_read(&ancestor, sizeof(void *), &cgroup->ancestors[filter.cgroup_level & 31]);
	return BPF_CORE_READ(ancestor, kn, id) == filter.cgroup;
}

/* The same of a task that is not the one at work, as the scheduler's programs see. */
static __always_inline bool wanted_task(struct task_struct *task)
{
	if (filter.pid && filter.pid != task->tgid)
		return false;
	if (filter.tid && filter.tid != task->pid)
		return false;
	if (filter.by_uid && filter.uid != task->cred->uid.val)
		return false;
	if (filter.cgroup && !is_below_cgroup(task))
		return false;
	if (filter.mntns && filter.mntns != task->nsproxy->mnt_ns->ns.inum)
		return false;
	return !filter.netns || filter.netns == task->nsproxy->net_ns->ns.inum;
}

static __always_inline void who_am_i(struct trace_who *who)
{
	__u64 id = bpf_get_current_pid_tgid();

	who->time = bpf_ktime_get_ns();
	who->pid = id >> 32;
	who->tid = id;
	who->uid = bpf_get_current_uid_gid();
	who->netns = filter.wants_netns ? current_task()->nsproxy->net_ns->ns.inum : 0;
	bpf_get_current_comm(who->comm, sizeof(who->comm));
}

#endif
