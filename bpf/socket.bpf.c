// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Services for sockets, as the cgroup's hooks see them: who connects to a service is connected to a backend instead,
 * and never knows. Nothing is left to do for the packets.
 *
 * connect, sendmsg: the service asked for becomes a backend. Without one, connecting is refused at once, as a
 * host without a listener would.
 * recvmsg, getpeername: the backend becomes the service again.
 * post_bind: keeps the node's own processes from ports that are node ports.
 * sock_release: what was remembered of a connected socket goes with it.
 *
 * IPv4, IPv6 and IPv4 on IPv6 sockets (::ffff:a.b.c.d) are one code path: they are one address type here.
 */
#include "lib/service.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768); /* the agent sets it */
	__type(key, struct socket_peer_key);
	__type(value, struct socket_peer);
} pilus_socket_peers SEC(".maps");

/* On sockets that connected to a service: most did not, and are released without a look at the table. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u8);
} is_told SEC(".maps");

#define REFUSE 0
#define PERMIT 1

/* linux/errno.h: what who calls connect is told. */
#define EADDRINUSE   98
#define ECONNREFUSED 111
#define EHOSTUNREACH 113

/* The other end of a socket, as the hooks have it. */
struct peer {
	struct addr addr;
	__be16 port;
	__u8 protocol;
};

static __always_inline struct peer peer_of(const struct bpf_sock_addr *ctx, struct addr addr)
{
	return (struct peer){.addr = addr, .port = ctx->user_port, .protocol = ctx->protocol};
}

static __always_inline struct addr read_v4(const struct bpf_sock_addr *ctx)
{
	return addr_from_v4(ctx->user_ip4);
}

static __always_inline struct addr read_v6(const struct bpf_sock_addr *ctx)
{
	return (struct addr){.word = {ctx->user_ip6[0], ctx->user_ip6[1], ctx->user_ip6[2], ctx->user_ip6[3]}};
}

static __always_inline void write_v4(struct bpf_sock_addr *ctx, const struct peer *peer)
{
	ctx->user_ip4 = peer->addr.word[3];
	ctx->user_port = peer->port;
}

static __always_inline void write_v6(struct bpf_sock_addr *ctx, const struct peer *peer)
{
	ctx->user_ip6[0] = peer->addr.word[0];
	ctx->user_ip6[1] = peer->addr.word[1];
	ctx->user_ip6[2] = peer->addr.word[2];
	ctx->user_ip6[3] = peer->addr.word[3];
	ctx->user_port = peer->port;
}

static __always_inline struct socket_peer_key peer_key(__u64 cookie, const struct addr *addr, __be16 port, __u8 side)
{
	return (struct socket_peer_key){.cookie = cookie, .addr = *addr, .port = port, .side = side};
}

static __always_inline _Bool addr_is_loopback(const struct addr *addr)
{
	if (addr_is_v4(addr))
		return addr->byte[12] == 127 || !addr->word[3];
	return !addr->quad[0] && !addr->word[2] && (!addr->word[3] || addr->word[3] == bpf_htonl(1));
}

/* As packets have it; and besides, the node itself reaches its node ports at its loopback addresses, and host ports
 * that are only there. */
static __always_inline struct service *find(struct bpf_sock_addr *ctx, const struct peer *peer)
{
	if (addr_is_loopback(&peer->addr) && bpf_get_netns_cookie(ctx) != config.netns_cookie)
		return NULL;
	if (addr_is_loopback(&peer->addr))
		return service_at(&peer->addr, peer->port, peer->protocol)
		               ?: service_at_node(&peer->addr, peer->port, peer->protocol, 1);
	return service_find(&peer->addr, peer->port, peer->protocol, SERVICE_INSIDE);
}

/* The backend that an earlier datagram to the service went to, if it is still there; else 0. */
static __always_inline __u32 recall(__u64 cookie, const struct peer *peer)
{
	struct socket_peer_key key = peer_key(cookie, &peer->addr, peer->port, SOCKET_ASKED);
	struct socket_peer *told = bpf_map_lookup_elem(&pilus_socket_peers, &key);
	struct backend *backend = told ? backend_by_id(told->backend) : NULL;

	return backend && addr_equal(&backend->addr, &told->addr) && backend->port == told->port ? told->backend : 0;
}

static __always_inline void remember(__u64 cookie, const struct peer *from, const struct peer *to, __u32 id,
                                     enum socket_side side)
{
	struct socket_peer_key key = peer_key(cookie, &from->addr, from->port, side);
	struct socket_peer value = {.addr = to->addr, .port = to->port, .backend = id};

	bpf_map_update_elem(&pilus_socket_peers, &key, &value, BPF_ANY);
}

static __always_inline __u32 choose(struct bpf_sock_addr *ctx, const struct service *service)
{
	struct service_client client = {
		.affinity = {.client.quad[0] = bpf_get_netns_cookie(ctx), .is_netns = 1},
		.hash = bpf_get_prandom_u32(),
		.side = SERVICE_INSIDE,
	};

	return service_choose(service, &client);
}

/* There is nobody to answer. A socket cannot be left to wait for nothing: of what is dropped it is told that nobody is
 * reached. */
static __always_inline int refuse(const struct service *service)
{
	bpf_set_retval(service->flags & SERVICE_DROPS ? -EHOSTUNREACH : -ECONNREFUSED);
	return REFUSE;
}

/*
 * What it is told instead of what it asks for. Returns REFUSE, or PERMIT and, if *peer was changed, *ret_changed.
 * `connects`: it asks once, else with every datagram.
 */
static __always_inline int translate(struct bpf_sock_addr *ctx, struct peer *peer, _Bool connects, _Bool *ret_changed)
{
	struct service *service = config.services ? find(ctx, peer) : NULL;
	struct peer asked = *peer;
	struct backend *backend;
	__u64 cookie;
	__u32 id = 0;

	*ret_changed = 0;
	if (!service)
		return PERMIT;
	cookie = bpf_get_socket_cookie(ctx);
	if (!connects)
		id = recall(cookie, peer);
	if (!id)
		id = choose(ctx, service);
	backend = backend_by_id(id);
	if (!backend)
		return refuse(service);
	peer->addr = backend->addr;
	peer->port = backend->port;
	*ret_changed = 1;
	remember(cookie, peer, &asked, id, SOCKET_TOLD);
	if (connects)
		bpf_sk_storage_get(&is_told, ctx->sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	else
		remember(cookie, &asked, peer, id, SOCKET_ASKED);
	return PERMIT;
}

/* As whom the socket is to see the other end. Returns whether *peer was changed. */
static __always_inline _Bool translate_back(struct bpf_sock_addr *ctx, struct peer *peer)
{
	struct socket_peer_key key;
	struct socket_peer *told;

	if (!config.services)
		return 0;
	key = peer_key(bpf_get_socket_cookie(ctx), &peer->addr, peer->port, SOCKET_TOLD);
	told = bpf_map_lookup_elem(&pilus_socket_peers, &key);
	if (!told)
		return 0;
	peer->addr = told->addr;
	peer->port = told->port;
	return 1;
}

static __always_inline int ask_v4(struct bpf_sock_addr *ctx, _Bool connects)
{
	struct peer peer = peer_of(ctx, read_v4(ctx));
	_Bool changed;
	int verdict = translate(ctx, &peer, connects, &changed);

	if (changed)
		write_v4(ctx, &peer);
	return verdict;
}

static __always_inline int ask_v6(struct bpf_sock_addr *ctx, _Bool connects)
{
	struct peer peer = peer_of(ctx, read_v6(ctx));
	_Bool changed;
	int verdict = translate(ctx, &peer, connects, &changed);

	if (changed)
		write_v6(ctx, &peer);
	return verdict;
}

static __always_inline int tell_v4(struct bpf_sock_addr *ctx)
{
	struct peer peer = peer_of(ctx, read_v4(ctx));

	if (translate_back(ctx, &peer))
		write_v4(ctx, &peer);
	return PERMIT;
}

static __always_inline int tell_v6(struct bpf_sock_addr *ctx)
{
	struct peer peer = peer_of(ctx, read_v6(ctx));

	if (translate_back(ctx, &peer))
		write_v6(ctx, &peer);
	return PERMIT;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return ask_v4(ctx, 1);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return ask_v6(ctx, 1);
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	return ask_v4(ctx, 0);
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	return ask_v6(ctx, 0);
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx)
{
	return tell_v4(ctx);
}

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *ctx)
{
	return tell_v6(ctx);
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx)
{
	return tell_v4(ctx);
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx)
{
	return tell_v6(ctx);
}

/* Would the process take a node port for itself, or a host port? Pods have all ports of their own. */
static __always_inline _Bool is_taken(struct bpf_sock *ctx, const struct addr *addr)
{
	__be16 port = bpf_htons(ctx->src_port);
	struct addr any = service_any_addr(addr);
	struct service *service = service_at(&any, port, ctx->protocol);

	if (service)
		return 1;
	service = service_at(addr, port, ctx->protocol);
	return service && service->type == SERVICE_HOST_PORT;
}

static __always_inline int bind(struct bpf_sock *ctx, _Bool taken)
{
	if (!taken)
		return PERMIT;
	bpf_set_retval(-EADDRINUSE);
	return REFUSE;
}

static __always_inline _Bool binds_at_node(struct bpf_sock *ctx)
{
	return config.services && bpf_get_netns_cookie(ctx) == config.netns_cookie;
}

SEC("cgroup/post_bind4")
int post_bind4(struct bpf_sock *ctx)
{
	struct addr addr = addr_from_v4(ctx->src_ip4);

	return bind(ctx, binds_at_node(ctx) && is_taken(ctx, &addr));
}

/* An IPv6 socket at :: is one for IPv4, too. */
SEC("cgroup/post_bind6")
int post_bind6(struct bpf_sock *ctx)
{
	struct addr addr = {.word = {ctx->src_ip6[0], ctx->src_ip6[1], ctx->src_ip6[2], ctx->src_ip6[3]}};
	struct addr v4 = addr_from_v4(0);

	return bind(ctx, binds_at_node(ctx) && (is_taken(ctx, &addr) || (!addr_is_set(&addr) && is_taken(ctx, &v4))));
}

SEC("cgroup/sock_release")
int sock_release(struct bpf_sock *ctx)
{
	struct addr addr = {.word = {ctx->dst_ip6[0], ctx->dst_ip6[1], ctx->dst_ip6[2], ctx->dst_ip6[3]}};
	struct socket_peer_key key;

	if (!config.services || !bpf_sk_storage_get(&is_told, ctx, NULL, 0))
		return PERMIT;
	if (ctx->family == AF_INET)
		addr = addr_from_v4(ctx->dst_ip4);
	key = peer_key(bpf_get_socket_cookie(ctx), &addr, ctx->dst_port, SOCKET_TOLD);
	bpf_map_delete_elem(&pilus_socket_peers, &key);
	return PERMIT;
}
