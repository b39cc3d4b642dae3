// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * trace: each time a place is reached, with the arguments of the function, or with its result.
 */
#include "trace.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/places.h"

/* Which arguments, from 1 on, are texts; TRACE_ARGUMENTS + 1 is the result, 0 none. */
const volatile __u32 texts[TRACE_STRINGS] = {};

static __always_inline void read_text(struct hit_event *event, __u32 slot, __u32 which)
{
	__u64 address = 0;

	for (__u32 i = 0; i < TRACE_ARGUMENTS; i++)
		if (which == i + 1)
			address = event->arguments[i];
	if (which == TRACE_ARGUMENTS + 1)
		address = event->result;
	event->strings[slot][0] = 0;
	/* A function of the kernel may be given either. */
	if (which && bpf_probe_read_user_str(event->strings[slot], TRACE_STRING_MAX, (const void *)address) < 0)
		bpf_probe_read_kernel_str(event->strings[slot], TRACE_STRING_MAX, (const void *)address);
}

static __always_inline int hit(void *context, __u64 place)
{
	struct pt_regs *registers = context;
	struct hit_event *event = event_reserve(sizeof(*event));

	if (!event)
		return 0;
	who_am_i(&event->who);
	event->place = place;
	event->arguments[0] = PT_REGS_PARM1(registers);
	event->arguments[1] = PT_REGS_PARM2(registers);
	event->arguments[2] = PT_REGS_PARM3(registers);
	event->arguments[3] = PT_REGS_PARM4(registers);
	event->arguments[4] = PT_REGS_PARM5(registers);
	event->arguments[5] = PT_REGS_PARM6(registers);
	event->result = PT_REGS_RC(registers);
	read_text(event, 0, texts[0]);
	read_text(event, 1, texts[1]);
	read_text(event, 2, texts[2]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

PLACE_PROGRAM(user_many, "uprobe.multi", hit)
PLACE_PROGRAM(user_one, "uprobe", hit)
PLACE_PROGRAM(kernel_many, "kprobe.multi", hit)
PLACE_PROGRAM(kernel_one, "kprobe", hit)

/* A tracepoint's program gets no registers. */
static __always_inline int hit_tracepoint(void *context, __u64 place)
{
	struct hit_event *event = event_reserve(sizeof(*event));

	if (!event)
		return 0;
	__builtin_memset(event, 0, sizeof(*event));
	who_am_i(&event->who);
	event->place = place;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

PLACE_PROGRAM(tracepoint_one, "tracepoint", hit_tracepoint)
