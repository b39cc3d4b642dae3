// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * bashreadline: what readline() returns is the line that was entered.
 */
#include "bashreadline.h"
#include "runtime/bpf/events.h"

SEC("uretprobe")
int readline_return(struct pt_regs *context)
{
	const char *line = (const char *)PT_REGS_RC(context);
	struct readline_event *event = line && wanted() ? event_reserve(sizeof(*event)) : NULL;

	if (!event)
		return 0;
	who_am_i(&event->who);
	if (bpf_probe_read_user_str(event->line, sizeof(event->line), line) < 0)
		event->line[0] = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
