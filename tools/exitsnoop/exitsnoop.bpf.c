// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * exitsnoop: processes, or threads, at their end.
 */
#include "exitsnoop.h"
#include "runtime/bpf/events.h"

const volatile bool per_thread = false;
const volatile bool failed = false;

SEC("tp_btf/sched_process_exit")
int exited(void *context)
{
	struct task_struct *task = current_task();
	struct exit_event *event;

	if (!wanted() || (!per_thread && task->pid != task->tgid) || (failed && !task->exit_code))
		return 0;
	event = event_reserve(sizeof(*event));
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->age = event->who.time - task->start_time;
	event->ppid = task->real_parent->tgid;
	event->code = task->exit_code;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
