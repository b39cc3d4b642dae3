// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * syscount: system calls are counted at their end, each CPU for itself; their beginnings are looked at only if their
 * time is asked for.
 */
#include "syscount.h"
#include "runtime/bpf/tool.h"

const volatile bool by_process = false;
const volatile bool with_latency = false;
const volatile bool failed = false;
const volatile __u32 only_error = 0;
const volatile __u32 only_ppid = 0;
const volatile __u32 only_syscall = 0; /* its number + 1 */

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SYSCALLS_MAX);
	__type(key, __u32); /* its number */
	__type(value, struct syscall_total);
} syscalls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* process */
	__type(value, struct syscall_total);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32); /* thread */
	__type(value, __u64);
} begun SEC(".maps");

static __always_inline bool wanted_syscall(__u32 number)
{
	return !only_syscall || only_syscall == number + 1;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(entered, struct pt_regs *registers, long number)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 now = bpf_ktime_get_ns();

	if (wanted() && wanted_syscall(number))
		bpf_map_update_elem(&begun, &tid, &now, BPF_ANY);
	return 0;
}

static __always_inline struct syscall_total *total_of_process(__u32 pid)
{
	struct syscall_total *total = bpf_map_lookup_elem(&processes, &pid), begun = {};

	if (total)
		return total;
	bpf_get_current_comm(begun.comm, sizeof(begun.comm));
	bpf_map_update_elem(&processes, &pid, &begun, BPF_NOEXIST);
	return bpf_map_lookup_elem(&processes, &pid);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(left, struct pt_regs *registers, long result)
{
	__u64 id = bpf_get_current_pid_tgid(), *since = NULL;
	__u32 tid = id, number = syscall_number(registers);
	struct syscall_total *total;

	if (!wanted() || !wanted_syscall(number) || (only_ppid && only_ppid != current_task()->real_parent->tgid))
		return 0;
	if ((failed && result >= 0) || (only_error && result != -(long)only_error))
		return 0;
	if (with_latency) {
		since = bpf_map_lookup_elem(&begun, &tid);
		if (!since)
			return 0;
	}
	total = by_process ? total_of_process(id >> 32) : bpf_map_lookup_elem(&syscalls, &number);
	if (!total)
		return 0;
	total->count++;
	if (since)
		total->ns += bpf_ktime_get_ns() - *since;
	return 0;
}
