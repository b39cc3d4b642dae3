// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * trace: each time a place is reached, with the arguments of the function or static probe, its result, or a
 * tracepoint's record.
 */
#include "trace.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/own.h"
#include "runtime/bpf/places.h"

#include <bpf/usdt.bpf.h>

const volatile struct hit_texts texts[TRACE_PROBES_MAX] = {};
const volatile struct hit_filter filters[TRACE_PROBES_MAX] = {};
const volatile __u32 string_size = 80;
const volatile bool with_texts = false;
const volatile bool kernel_stacks = false;
const volatile bool user_stacks = false;

/* `data` is the call or record. */
static __always_inline bool is_true(const volatile struct hit_term *term, const void *data)
{
	__u64 raw = 0;

	bpf_probe_read_kernel(&raw, sizeof(raw), data + term->offset);
	return hit_compare(hit_number(raw, term->size, term->has_type, term->is_signed), term->comparison,
	                   term->number) != !!term->is_negated;
}

static __always_inline bool is_asked_for(__u64 cookie, const void *data)
{
	const volatile struct hit_filter *filter = &filters[(cookie >> 32) & (TRACE_PROBES_MAX - 1)];
	bool matches = true;

	for (__u32 i = 0; i < HIT_TERMS_MAX && i < filter->count; i++) {
		const volatile struct hit_term *term = &filter->terms[i];

		if (term->is_alternative && matches)
			return true;
		matches = (term->is_alternative || matches) && is_true(term, data);
	}
	return matches;
}

/* `size` is that of the call or record. */
static __always_inline struct hit_event *hit_begin(void *context, __u64 cookie, const void *data, __u32 size)
{
	struct hit_event *event;

	if (is_own() || !is_asked_for(cookie, data))
		return NULL;
	if (kernel_stacks || user_stacks)
		event = event_reserve(sizeof(*event));
	else if (with_texts)
		event = event_reserve(offsetof(struct hit_event, kernel));
	else
		event = event_reserve(offsetof(struct hit_event, record) + size);
	if (!event)
		return NULL;
	who_am_i(&event->who);
	event->place = cookie;
	event->probe = cookie >> 32;
	bpf_probe_read_kernel(event->record, size, data);
	event->cpu = bpf_get_smp_processor_id();
	event->kernel_size = kernel_stacks ? bpf_get_stack(context, event->kernel, sizeof(event->kernel), 0) : 0;
	event->user_size = user_stacks ? bpf_get_stack(context, event->user, sizeof(event->user), BPF_F_USER_STACK) : 0;
	return event;
}

/* An address may be of either half: a function of the kernel is given both. */
static __always_inline void read_text(struct hit_event *event, __u32 slot, __u32 place)
{
	__u64 address = 0;
	__u32 size = string_size;

	event->strings[slot][0] = 0;
	if (!place || place > offsetof(struct hit_event, strings) - sizeof(address) || size > TRACE_STRING_MAX)
		return;
	bpf_probe_read_kernel(&address, sizeof(address), (char *)event + place - 1);
	if (bpf_probe_read_user_str(event->strings[slot], size, (const void *)address) < 0)
		bpf_probe_read_kernel_str(event->strings[slot], size, (const void *)address);
}

static __always_inline int hit_end(struct hit_event *event)
{
	const volatile struct hit_texts *wanted_texts = &texts[event->probe & (TRACE_PROBES_MAX - 1)];

	for (int i = 0; with_texts && i < TRACE_STRINGS; i++)
		read_text(event, i, wanted_texts->places[i]);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

static __always_inline int hit(void *context, __u64 cookie)
{
	struct pt_regs *registers = context;
	const struct hit_call call = {
		.arguments = {PT_REGS_PARM1(registers), PT_REGS_PARM2(registers), PT_REGS_PARM3(registers),
	                      PT_REGS_PARM4(registers), PT_REGS_PARM5(registers), PT_REGS_PARM6(registers)},
		.result = PT_REGS_RC(registers),
	};
	struct hit_event *event = hit_begin(context, cookie, &call, sizeof(call));

	return event ? hit_end(event) : 0;
}

PLACE_PROGRAM(user_many, "uprobe.multi", hit)
PLACE_PROGRAM(user_one, "uprobe", hit)
PLACE_PROGRAM(kernel_many, "kprobe.multi", hit)
PLACE_PROGRAM(kernel_one, "kprobe", hit)

/* Where its arguments are, only the note in the file says. */
SEC("usdt")
int static_one(struct pt_regs *context)
{
	struct hit_call call = {};
	struct hit_event *event;

	if (!wanted_here())
		return 0;
	for (int i = 0; i < TRACE_ARGUMENTS; i++) {
		long value = 0;

		bpf_usdt_arg(context, i, &value);
		call.arguments[i] = value;
	}
	event = hit_begin(context, bpf_usdt_cookie(context), &call, sizeof(call));
	return event ? hit_end(event) : 0;
}

/* A tracepoint's program gets no registers. What stands behind a short record is nobody's. */
static __always_inline int hit_tracepoint(void *context, __u64 cookie)
{
	struct hit_event *event = hit_begin(context, cookie, context, TRACE_RECORD_MAX);

	return event ? hit_end(event) : 0;
}

PLACE_PROGRAM(tracepoint_one, "tracepoint", hit_tracepoint)
