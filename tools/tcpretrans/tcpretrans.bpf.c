// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcpretrans: segments sent again, mostly by a timer.
 */
#include "tcpretrans.h"
#include "runtime/bpf/connections.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/socket.h"

/* As the kernel's include/net/tcp.h and inet_connection_sock.h have them. */
#define ICSK_TIME_LOSS_PROBE 5
#define TCP_CA_RECOVERY      3

/* What a recovery sends again while the probe's timer runs is none. */
static __always_inline bool is_loss_probe(struct sock *sock)
{
	struct inet_connection_sock *connection = (void *)sock;

	return BPF_CORE_READ(connection, icsk_pending) == ICSK_TIME_LOSS_PROBE &&
	       BPF_CORE_READ_BITFIELD_PROBED(connection, icsk_ca_state) < TCP_CA_RECOVERY;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmitted, struct sock *sock, struct sk_buff *packet)
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
	event->sequence = BPF_CORE_READ((struct tcp_skb_cb *)packet->cb, seq);
	event->is_probe = is_loss_probe(sock);
	event->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	bpf_ringbuf_submit(event, 0);
	return 0;
}
