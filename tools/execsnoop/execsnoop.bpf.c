// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * execsnoop: when a program has been executed, its arguments stand at the top of its new stack, in one piece. Of a call
 * that failed they are where the caller has them, and are collected word by word.
 */
#include "execsnoop.h"
#include "runtime/bpf/events.h"

const volatile __u32 only_ppid = 0;

/* NULL: not wanted. */
static __always_inline struct exec_event *begin(__s32 result)
{
	__u32 ppid = current_task()->real_parent->tgid;
	struct exec_event *event;

	if (!wanted() || (only_ppid && only_ppid != ppid))
		return NULL;
	event = event_scratch();
	if (!event)
		return NULL;
	who_am_i(&event->who);
	event->ppid = ppid;
	event->result = result;
	event->size = 0;
	return event;
}

static __always_inline void end(struct exec_event *event, __u64 size)
{
	event->size = size;
	event_send(event, offsetof(struct exec_event, args) + size);
}

SEC("tp_btf/sched_process_exec")
int executed(void *context)
{
	struct mm_struct *mm = current_task()->mm;
	struct exec_event *event = begin(0);
	__u64 size;

	if (!event)
		return 0;
	size = mm->arg_end - mm->arg_start;
	if (size > EXEC_ARGS_MAX)
		size = EXEC_ARGS_MAX;
	if (bpf_probe_read_user(event->args, size, (const void *)mm->arg_start))
		size = 0;
	end(event, size);
	return 0;
}

/* Appends a word of user space; returns the new size, or the old one when it does not fit or cannot be read. */
static __always_inline __u64 add_word(struct exec_event *event, __u64 size, const char *word)
{
	long length;

	if (size >= EXEC_ARGS_MAX - 256)
		return size;
	length = bpf_probe_read_user_str(event->args + size, 256, word);
	return length > 0 ? size + length : size;
}

static __always_inline int failed(const struct syscall_exit *call, const char *path, const char *const *words)
{
	struct exec_event *event;
	const char *word = NULL;
	__u64 size;

	if (call->result >= 0)
		return 0;
	event = begin(call->result);
	if (!event)
		return 0;
	/* The path is what failed; the first word may be any. */
	size = add_word(event, 0, path);
	for (int i = 1; i < EXEC_WORDS_MAX; i++) {
		if (bpf_probe_read_user(&word, sizeof(word), &words[i]) || !word)
			break;
		size = add_word(event, size, word);
	}
	if (size > EXEC_ARGS_MAX)
		return 0;
	end(event, size);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_execve")
int execve_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return failed(call, (const char *)PT_REGS_PARM1_SYSCALL(registers),
	              (const char *const *)PT_REGS_PARM2_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_execveat")
int execveat_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return failed(call, (const char *)PT_REGS_PARM2_SYSCALL(registers),
	              (const char *const *)PT_REGS_PARM3_SYSCALL(registers));
}
