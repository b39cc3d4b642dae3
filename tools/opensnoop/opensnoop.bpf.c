// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * opensnoop: at the end of a system call its registers still hold the arguments, so one program a call does, and
 * nothing is kept in between. The kernel has read the path by then, so it is in memory.
 */
#include "opensnoop.h"
#include "runtime/bpf/events.h"

const volatile bool failed = false;
const volatile __u32 only_flags = 0; /* of which one must be set */

/* Our own process, and the namespace of processes that it has this number in: containers have their own. */
const volatile __u64 own_device = 0, own_inode = 0;
const volatile __u32 own_pid = 0;

static __always_inline bool is_own(void)
{
	struct bpf_pidns_info task = {};

	return !bpf_get_ns_current_pid_tgid(own_device, own_inode, &task, sizeof(task)) && task.tgid == own_pid;
}

static __always_inline int opened(const struct syscall_exit *call, const char *path, __u32 flags)
{
	struct open_event *event;
	long length;

	if (!wanted() || (failed && call->result >= 0) || (only_flags && !(flags & only_flags)) || is_own())
		return 0;
	event = event_scratch();
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->fd = call->result < 0 ? -1 : call->result;
	event->error = call->result < 0 ? -call->result : 0;
	event->flags = flags;
	length = bpf_probe_read_user_str(event->path, sizeof(event->path), path);
	if (length < 1) {
		event->path[0] = 0;
		length = 1;
	}
	event_send(event, offsetof(struct open_event, path) + length);
	return 0;
}

/* Not on every architecture. */
SEC("tracepoint/syscalls/sys_exit_open")
int open_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return opened(call, (const char *)PT_REGS_PARM1_SYSCALL(registers), PT_REGS_PARM2_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_openat")
int openat_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return opened(call, (const char *)PT_REGS_PARM2_SYSCALL(registers), PT_REGS_PARM3_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_openat2")
int openat2_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();
	__u64 flags = 0; /* the first member of struct open_how */

	bpf_probe_read_user(&flags, sizeof(flags), (const void *)PT_REGS_PARM3_SYSCALL(registers));
	return opened(call, (const char *)PT_REGS_PARM2_SYSCALL(registers), flags);
}
