// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * mkdirsnoop: who makes directories. As in opensnoop, the end of the system call tells all.
 */
#include "mkdirsnoop.h"
#include "runtime/bpf/events.h"

const volatile bool failed = false;

static __always_inline int made(const struct syscall_exit *call, const char *path, __u32 mode)
{
	struct mkdir_event *event;

	if (!wanted() || (failed && call->result >= 0))
		return 0;
	event = event_reserve(sizeof(*event));
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->ppid = current_task()->real_parent->tgid;
	event->result = call->result;
	event->mode = mode;
	if (bpf_probe_read_user_str(event->path, sizeof(event->path), path) < 0)
		event->path[0] = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Not on every architecture. */
SEC("tracepoint/syscalls/sys_exit_mkdir")
int mkdir_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return made(call, (const char *)PT_REGS_PARM1_SYSCALL(registers), PT_REGS_PARM2_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_mkdirat")
int mkdirat_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return made(call, (const char *)PT_REGS_PARM2_SYSCALL(registers), PT_REGS_PARM3_SYSCALL(registers));
}
