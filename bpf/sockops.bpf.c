// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Which TCP sockets endpoints have: noted when they are established, at both ends, forgotten when they are closed.
 * Those whose other end is on this node become receivers of the short cut, until one turns out to send in bulk. See
 * abi/socket.h.
 *
 * A cgroup's hook: for all processes of the node, most of whose sockets are no endpoint's.
 */
#include "lib/endpoint.h"
#include "lib/sockets.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Sockops programs return it, whatever they did. */
#define DONE 1

/* One socket, as it is asked for. */
struct asked {
	struct flow_key key;
	struct addr local;
	struct addr remote;
	__u64 cookie;
	int side; /* of the key */
};

const struct socket_pair nobody SEC(".rodata.sockets") = {};

static __always_inline void ask(struct bpf_sock_ops *ctx, struct asked *asked)
{
	SOCKET_ADDRESSES(ctx, asked->local, asked->remote);
	asked->cookie = bpf_get_socket_cookie(ctx);
	asked->side =
		socket_key_fill(&asked->key, &asked->local, &asked->remote, ctx->local_port, ctx->remote_port) & 1;
}

/* What is noted of this very socket; NULL: nothing, or of another with the same addresses. */
static __always_inline struct socket_end *end_of(struct socket_pair *pair, const struct asked *asked)
{
	struct socket_end *end = pair ? &pair->end[asked->side] : NULL;

	return end && end->cookie == asked->cookie ? end : NULL;
}

/* Both ends may come at once: who is second finds what the first has made. */
static __always_inline struct socket_pair *pair_make(const struct flow_key *key)
{
	bpf_map_update_elem(&pilus_sockets, key, &nobody, BPF_NOEXIST);
	return socket_pair_find(key);
}

/* The endpoint whose socket it is, by its namespace and by its address; 0: none. */
static __always_inline __u16 owner_of(struct bpf_sock_ops *ctx, const struct asked *asked)
{
	__u64 cookie = bpf_get_netns_cookie(ctx);
	__u32 *id = bpf_map_lookup_elem(&pilus_namespaces, &cookie);
	struct endpoint *endpoint = id ? endpoint_by_id(*id) : NULL;

	if (!endpoint || !(addr_equal(&asked->local, &endpoint->v4) || addr_equal(&asked->local, &endpoint->v6)))
		return 0;
	return *id;
}

static __always_inline _Bool is_local(const struct addr *addr)
{
	struct local_addr *local = local_lookup(addr);

	return local && local->endpoint;
}

static __always_inline void note(struct bpf_sock_ops *ctx)
{
	struct socket_pair *pair;
	struct socket_end *end;
	struct asked asked;
	__u64 cookie;
	__u16 owner;

	ask(ctx, &asked);
	owner = owner_of(ctx, &asked);
	pair = owner ? pair_make(&asked.key) : NULL;
	if (!pair)
		return;
	end = &pair->end[asked.side];
	*end = (struct socket_end){.endpoint = owner, .inbox = SOCKET_SHUT};
	cookie = asked.cookie;
	if (is_local(&asked.remote) && !bpf_sock_hash_update(ctx, &pilus_receivers, &cookie, BPF_NOEXIST))
		end->inbox = SOCKET_UNUSED;
	end->cookie = cookie;
	bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG |
	                                       (end->inbox == SOCKET_UNUSED ? BPF_SOCK_OPS_RTT_CB_FLAG : 0));
}

static __always_inline void forget(struct bpf_sock_ops *ctx)
{
	struct socket_pair *pair;
	struct socket_end *end;
	struct asked asked;

	ask(ctx, &asked);
	pair = socket_pair_find(&asked.key);
	end = end_of(pair, &asked);
	if (!end)
		return;
	end->cookie = 0;
	if (!pair->end[!asked.side].cookie)
		bpf_map_delete_elem(&pilus_sockets, &asked.key);
}

/* As long as nothing can wait for it in its inbox. */
static __always_inline void let_go(struct socket_end *end)
{
	__u64 cookie = end->cookie;

	if (__sync_val_compare_and_swap(&end->inbox, SOCKET_UNUSED, SOCKET_SHUT) == SOCKET_UNUSED)
		bpf_map_delete_elem(&pilus_receivers, &cookie);
}

/* What it sent was acknowledged. If it sends in bulk, both ends are let go: who reads it pays for being a receiver,
 * too. */
static __always_inline void judge(struct bpf_sock_ops *ctx)
{
	struct socket_pair *pair;
	struct socket_end *end;
	struct asked asked;

	ask(ctx, &asked);
	pair = socket_pair_find(&asked.key);
	end = end_of(pair, &asked);
	if (!end || end->turn <= SOCKET_BULK)
		return;
	let_go(end);
	let_go(&pair->end[!asked.side]);
	bpf_sock_ops_cb_flags_set(ctx, BPF_SOCK_OPS_STATE_CB_FLAG);
}

SEC("sockops")
int sock_ops(struct bpf_sock_ops *ctx)
{
	switch (ctx->op) {
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		note(ctx);
		break;
	case BPF_SOCK_OPS_RTT_CB:
		judge(ctx);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (ctx->args[1] == BPF_TCP_CLOSE)
			forget(ctx);
		break;
	}
	return DONE;
}
