// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The short cut: each message that a receiver writes, before TCP has it. It goes into the other end's queue, or on to
 * TCP. See abi/socket.h for what makes the difference, and why.
 *
 * The program runs with the writing socket locked, so what it knows of that socket holds.
 */
#include "lib/endpoint.h"
#include "lib/flow_table.h"
#include "lib/kernel.h"
#include "lib/metrics.h"
#include "lib/sockets.h"
#include "lib/state.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int key_of(const struct sk_msg_md *msg, struct flow_key *key)
{
	struct addr local, remote;

	SOCKET_ADDRESSES(msg, local, remote);
	return socket_key_fill(key, &local, &remote, msg->local_port, msg->remote_port) & 1;
}

static __always_inline __u64 cookie_of(const struct tcp_sock *tcp)
{
	return tcp->inet_conn.icsk_inet.sk.__sk_common.skc_cookie.counter;
}

/* Has the process read all that came by the short cut? */
static __always_inline _Bool inbox_is_empty(const struct tcp_sock *tcp)
{
	const struct sk_psock *psock = (void *)((__u64)tcp->inet_conn.icsk_inet.sk.sk_user_data & ~SK_USER_DATA_FLAGS);
	const void *first;

	return !bpf_probe_read_kernel(&first, sizeof(first), &psock->ingress_msg.next) && first == &psock->ingress_msg;
}

/* Has the other end answered with everything read that was sent by TCP? */
static __always_inline _Bool is_answered(const struct socket_end *peer, const struct tcp_sock *tcp)
{
	return peer->spoke && peer->heard == tcp->write_seq;
}

/* A turn of this end's is over. */
static __always_inline void count_turn(struct socket_end *self, const struct socket_end *peer)
{
	if (self->turn > SOCKET_SMALL || peer->turn > SOCKET_SMALL)
		self->turns = 0;
	else if (self->turns < SOCKET_TURNS)
		self->turns++;
	self->turn = 0;
}

/* Writes down what the other end wants to know of this one. */
static __always_inline void speak(struct socket_end *self, const struct socket_end *peer, const struct tcp_sock *tcp,
                                  __u32 size)
{
	__u64 sent = peer->bytes; /* read before the queue is looked at */

	if (self->turn <= SOCKET_BULK)
		self->turn += size;
	self->heard = tcp->copied_seq;
	self->spoke = 1;
	if (sent - self->taken > SOCKET_ROOM / 2 && inbox_is_empty(tcp))
		self->taken = sent;
}

/* Both ends may, and nobody wants to see packets. */
static __always_inline _Bool is_allowed(const struct socket_end *self, const struct socket_end *peer)
{
	struct endpoint *from = endpoint_by_id(self->endpoint), *to = endpoint_by_id(peer->endpoint);

	return from && from->short_cut && to && to->short_cut && !state_listens(EVENT_TRACE);
}

/* What was seen of this direction, if its packets pass now, from the one endpoint to the other; else NULL. */
static __always_inline struct flow_traffic *permission(const struct flow_key *key, int side,
                                                       const struct socket_end *self, const struct socket_end *peer)
{
	struct flow *flow = bpf_map_lookup_elem(&pilus_flows, key);
	struct flow_decision *decision = flow ? &flow->decision[side] : NULL;

	return decision && decision->epoch == state_epoch() && decision->origin == FLOW_FROM_ENDPOINT &&
	                       decision->source == self->endpoint && decision->action == FLOW_TO_ENDPOINT &&
	                       decision->target == peer->endpoint
	               ? &flow->traffic[side]
	               : NULL;
}

static __always_inline _Bool inbox_opens(struct socket_end *peer)
{
	return peer->inbox == SOCKET_USED ||
	       __sync_val_compare_and_swap(&peer->inbox, SOCKET_UNUSED, SOCKET_USED) != SOCKET_SHUT;
}

/* Several threads may write at once, and the packets' programs count here, too. */
static __always_inline void count(struct socket_end *self, struct flow_traffic *traffic, __u32 size)
{
	__sync_fetch_and_add(&self->messages, 1);
	__sync_fetch_and_add(&self->bytes, size);
	__sync_fetch_and_add(&traffic->packets, 1);
	__sync_fetch_and_add(&traffic->bytes, size);
	traffic->last_seen = bpf_ktime_get_coarse_ns();
	metric_count(METRIC_SHORT_CUT, METRIC_EGRESS, size);
}

SEC("sk_msg")
int short_cut(struct sk_msg_md *msg)
{
	struct bpf_sock *socket = msg->sk;
	struct tcp_sock *tcp = socket ? bpf_skc_to_tcp_sock(socket) : NULL;
	struct flow_traffic *traffic;
	struct socket_end *self, *peer;
	struct socket_pair *pair;
	struct flow_key key;
	_Bool answered;
	__u64 cookie;
	int side;

	side = key_of(msg, &key);
	pair = tcp ? socket_pair_find(&key) : NULL;
	if (!pair)
		return SK_PASS;
	self = &pair->end[side];
	peer = &pair->end[!side];
	cookie = peer->cookie;
	if (self->cookie != cookie_of(tcp) || !cookie)
		return SK_PASS;
	answered = is_answered(peer, tcp);
	if (answered)
		count_turn(self, peer);
	speak(self, peer, tcp, msg->size);
	if (!answered || self->turns < SOCKET_TURNS || msg->size > SOCKET_SMALL ||
	    self->bytes - peer->taken + msg->size > SOCKET_ROOM || tcp->inet_conn.icsk_ulp_ops)
		return SK_PASS;
	traffic = is_allowed(self, peer) ? permission(&key, side, self, peer) : NULL;
	if (!traffic || !inbox_opens(peer))
		return SK_PASS;
	/* Closed meanwhile: TCP will say so. */
	if (bpf_msg_redirect_hash(msg, &pilus_receivers, &cookie, BPF_F_INGRESS) == SK_PASS)
		count(self, traffic, msg->size);
	return SK_PASS;
}
