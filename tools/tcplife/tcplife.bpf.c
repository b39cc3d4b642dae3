// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcplife: a connection lasts from ESTABLISHED to CLOSE. The packets that cause these changes come in whoever's time it
 * is; but connect(2) and close(2) change states, too, and those are made by the owner.
 */
#include "tcplife.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/socket.h"

struct life {
	struct trace_who who;
	struct trace_ends ends; /* in the end the local port has been given back */
	__u64 born;             /* 0: not established */
	bool known;             /* who */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct sock *);
	__type(value, struct life);
} lives SEC(".maps");

static const struct life no_life;

static __always_inline bool is_by_owner(int state)
{
	return state == BPF_TCP_SYN_SENT || state == BPF_TCP_FIN_WAIT1 || state == BPF_TCP_LAST_ACK;
}

static __always_inline void end(struct sock *sock, const struct life *life)
{
	struct life_event *event = wanted_ends(&life->ends) ? event_reserve(sizeof(*event)) : NULL;

	if (!event)
		return;
	event->who = life->who;
	if (!life->known)
		who_am_i(&event->who);
	event->who.time = bpf_ktime_get_ns();
	event->ends = life->ends;
	event->sent = BPF_CORE_READ((struct tcp_sock *)sock, bytes_acked);
	event->received = BPF_CORE_READ((struct tcp_sock *)sock, bytes_received);
	event->lasted = event->who.time - life->born;
	bpf_ringbuf_submit(event, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, struct sock *sock, int old, int new)
{
	struct life *life;

	if (BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	life = bpf_map_lookup_elem(&lives, &sock);
	if (!life && new != BPF_TCP_CLOSE) {
		bpf_map_update_elem(&lives, &sock, &no_life, BPF_ANY);
		life = bpf_map_lookup_elem(&lives, &sock);
	}
	if (!life)
		return 0;
	if (is_by_owner(new)) {
		who_am_i(&life->who);
		life->known = wanted();
	}
	if (new == BPF_TCP_ESTABLISHED) {
		life->born = bpf_ktime_get_ns();
		read_ends(sock, &life->ends);
	}
	if (new != BPF_TCP_CLOSE)
		return 0;
	if (life->born && (life->known || wanted()))
		end(sock, life);
	bpf_map_delete_elem(&lives, &sock);
	return 0;
}
