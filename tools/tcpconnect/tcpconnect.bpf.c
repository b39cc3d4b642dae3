// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcpconnect: whoever calls connect(2) brings the socket into the state SYN_SENT.
 */
#include "tcpconnect.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/socket.h"

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, struct sock *sock, int old, int new)
{
	struct connect_event *event;
	struct trace_ends ends;

	if (new != BPF_TCP_SYN_SENT || !wanted() || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	read_ends(sock, &ends);
	if (!wanted_ends(&ends))
		return 0;
	event = event_reserve(sizeof(*event));
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->ends = ends;
	bpf_ringbuf_submit(event, 0);
	return 0;
}
