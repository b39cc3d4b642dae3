// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcpretrans: segments sent again, mostly by a timer.
 */
#include "tcpretrans.h"
#include "runtime/bpf/connections.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/socket.h"

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmitted, struct sock *sock)
{
	struct retransmit_event *event;
	struct trace_ends ends = {};

	read_ends(sock, &ends);
	if (!wanted() || !wanted_ends(&ends))
		return 0;
	if (count_only) {
		connection_count(&ends);
		return 0;
	}
	event = event_reserve(sizeof(*event));
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->ends = ends;
	event->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
