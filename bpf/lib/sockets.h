/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The sockets of endpoints, for who notes them (sockops) and who sends by them (sk_msg). See abi/socket.h.
 */
#ifndef PILUS_BPF_SOCKETS_H
#define PILUS_BPF_SOCKETS_H

#include "abi/socket.h"
#include "bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} pilus_namespaces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384); /* the agent sets it, here and below */
	__type(key, struct flow_key);
	__type(value, struct socket_pair);
} pilus_sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u64);
} pilus_receivers SEC(".maps");

/*
 * Both ends' addresses, of either kind of context: a macro, because the members are called alike and the types differ.
 * A context is read at fixed offsets only: the barriers keep the compiler from making one read of two.
 */
#define SOCKET_ADDRESSES(ctx, local, remote)                               \
	({                                                                 \
		if ((ctx)->family == AF_INET) {                            \
			(local) = addr_from_v4((ctx)->local_ip4);          \
			barrier();                                         \
			(remote) = addr_from_v4((ctx)->remote_ip4);        \
			barrier();                                         \
		} else {                                                   \
			for (int i_ = 0; i_ < 4; i_++) {                   \
				(local).word[i_] = (ctx)->local_ip6[i_];   \
				barrier();                                 \
				(remote).word[i_] = (ctx)->remote_ip6[i_]; \
				barrier();                                 \
			}                                                  \
		}                                                          \
	})

/* Ports as the kernel hands both kinds of program: the local one in host order, the remote one as in the packet, in the
 * upper half where that makes a difference. */
static __always_inline int socket_key_fill(struct flow_key *key, const struct addr *local, const struct addr *remote,
                                           __u32 local_port, __u32 remote_port)
{
	return flow_key_fill(key, local, remote, bpf_htons(local_port), bpf_htons(bpf_ntohl(remote_port)),
	                     PROTOCOL_TCP);
}

static __always_inline struct socket_pair *socket_pair_find(const struct flow_key *key)
{
	return bpf_map_lookup_elem(&pilus_sockets, key);
}

#endif
