/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Mappings of packets: found, made, and kept whole. See abi/nat.h.
 */
#ifndef PILUS_BPF_NAT_TABLE_H
#define PILUS_BPF_NAT_TABLE_H

#include "abi/nat.h"
#include "masquerade.h"
#include "rewrite.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536); /* the agent sets it */
	__type(key, struct nat_key);
	__type(value, struct nat_entry);
} pilus_nat SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct nat_key);
	__type(value, struct nat_entry);
} pilus_service_nat SEC(".maps");

#define NAT_TRIES      32 /* of ports; finds one of few that are free, too, as a rule */
#define NAT_PORT_FIRST 1024
#define NAT_PORTS      (65536 - NAT_PORT_FIRST)

/* No mapping and no drop reason: the packet stays as it is. */
#define NAT_NONE -1

/* A translation while it is found and done: too much for the stack. */
struct nat_work {
	struct nat_key key; /* the half for this packet */
	struct nat_entry entry;
	struct nat_key other_key; /* and for those of the other direction */
	struct nat_entry other;
	struct rewrite rewrite;
	struct quote quote;
	struct rewrite_headers headers;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct nat_work);
} nat_works SEC(".maps");

static __always_inline struct nat_work *nat_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&nat_works, &zero);
}

/* Keys are filled in where they are, field by field: a copy of one would be a sixth of the stack. */
static __always_inline void nat_key(struct nat_key *key, const struct tuple *tuple)
{
	key->source = tuple->source;
	key->destination = tuple->destination;
	key->source_port = tuple->source_port;
	key->destination_port = tuple->destination_port;
	*(__u32 *)&key->protocol = tuple->protocol;
}

/* As the answer to what is quoted has it. */
static __always_inline void nat_key_of_answer(struct nat_key *key, const struct tuple *quoted)
{
	key->source = quoted->destination;
	key->destination = quoted->source;
	key->source_port = quoted->destination_port;
	key->destination_port = quoted->source_port;
	*(__u32 *)&key->protocol = quoted->protocol;
}

static __always_inline struct nat_entry *nat_lookup(const struct nat_key *key)
{
	return bpf_map_lookup_elem(&pilus_nat, key) ?: bpf_map_lookup_elem(&pilus_service_nat, key);
}

/* 0, or not. */
static __always_inline long nat_put(const struct nat_key *key, const struct nat_entry *entry, __u64 flags)
{
	return entry->kind < NAT_SERVICE ? bpf_map_update_elem(&pilus_nat, key, entry, flags)
	                                 : bpf_map_update_elem(&pilus_service_nat, key, entry, flags);
}

/* Either half says what the other is. */
static __always_inline void nat_find_other(struct nat_work *work)
{
	const struct nat_entry *entry = &work->entry;
	_Bool leaves = entry->end == NAT_SOURCE;

	work->other_key.source = leaves ? work->key.destination : entry->addr;
	work->other_key.destination = leaves ? entry->addr : work->key.source;
	work->other_key.source_port = leaves ? work->key.destination_port : entry->port;
	work->other_key.destination_port = leaves ? entry->port : work->key.source_port;
	*(__u32 *)&work->other_key.protocol = work->key.protocol;
	work->other = *entry;
	work->other.addr = leaves ? work->key.source : work->key.destination;
	work->other.port = leaves ? work->key.source_port : work->key.destination_port;
	work->other.end = leaves ? NAT_DESTINATION : NAT_SOURCE;
}

/* Makes the other half where there is none. Returns whether it is there, whoever made it. */
static __always_inline _Bool nat_claim_other(struct nat_work *work)
{
	const struct nat_entry *wanted = &work->other, *there;

	if (!nat_lookup(&work->other_key) && !nat_put(&work->other_key, wanted, BPF_NOEXIST))
		return 1;
	there = nat_lookup(&work->other_key);
	return there && addr_equal(&there->addr, &wanted->addr) && there->port == wanted->port &&
	       there->end == wanted->end;
}

/* Sees now and then to it that the other half is there; false when another mapping has taken its place. */
static __always_inline _Bool nat_is_whole(struct nat_work *work, struct nat_entry *entry)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	if (now - entry->checked < NAT_CHECK_NS)
		return 1;
	work->entry.checked = entry->checked = now;
	nat_find_other(work);
	return nat_claim_other(work);
}

/* Finds the half for this packet. */
static __always_inline _Bool nat_find(struct nat_work *work, enum nat_end end)
{
	struct nat_entry *entry = nat_lookup(&work->key);

	if (!entry || entry->end != end)
		return 0;
	work->entry = *entry;
	/* What comes back is for whom it was when this half was made. */
	return nat_is_whole(work, entry) || end == NAT_DESTINATION;
}

/* Would the host's own stack take what comes back? */
VERIFIED_ONCE int nat_is_hosts(struct __sk_buff *skb)
{
	struct nat_work *work = nat_work();
	struct bpf_sock_tuple tuple = {};
	struct bpf_sock *socket;
	__u32 size;

	if (!work)
		return 1;
	if (addr_is_v4(&work->other_key.source)) {
		size = sizeof(tuple.ipv4);
		tuple.ipv4.saddr = work->other_key.source.word[3];
		tuple.ipv4.daddr = work->other_key.destination.word[3];
		tuple.ipv4.sport = work->other_key.source_port;
		tuple.ipv4.dport = work->other_key.destination_port;
	} else {
		size = sizeof(tuple.ipv6);
		__builtin_memcpy(tuple.ipv6.saddr, &work->other_key.source, sizeof(tuple.ipv6.saddr));
		__builtin_memcpy(tuple.ipv6.daddr, &work->other_key.destination, sizeof(tuple.ipv6.daddr));
		tuple.ipv6.sport = work->other_key.source_port;
		tuple.ipv6.dport = work->other_key.destination_port;
	}
	if (work->key.protocol == PROTOCOL_TCP)
		socket = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else if (work->key.protocol == PROTOCOL_UDP)
		socket = bpf_sk_lookup_udp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	else
		return 0;
	if (!socket)
		return 0;
	bpf_sk_release(socket);
	return 1;
}

/* Reserves the mapping as it is in the work; false where it is somebody else's. */
VERIFIED_ONCE int nat_reserve(struct __sk_buff *skb)
{
	struct nat_work *work = nat_work();

	if (!work || !work->entry.port)
		return 0;
	nat_find_other(work);
	if (!nat_lookup(&work->other_key) && nat_is_hosts(skb))
		return 0;
	return nat_claim_other(work);
}

/* Takes the sender's port where it is free for this remote, else a random one. SCTP's has to stay: there is no mending
 * its checksum. */
static __always_inline _Bool nat_choose_port(struct __sk_buff *skb, struct nat_work *work)
{
	work->entry.port = work->key.source_port;
	for (int i = 0; i < NAT_TRIES; i++) {
		if (nat_reserve(skb))
			return 1;
		if (work->key.protocol == PROTOCOL_SCTP)
			return 0;
		work->entry.port = bpf_htons(NAT_PORT_FIRST + bpf_get_prandom_u32() % NAT_PORTS);
	}
	return 0;
}

/* As whom the sender of the packet in the work is to be seen; NULL: as itself. */
static __always_inline const struct addr *nat_source(struct __sk_buff *skb, const struct nat_work *work, __u8 kind)
{
	switch (kind) {
	case NAT_POD:
		return masquerade_source(skb->ifindex, &work->key.destination);
	case NAT_DETOUR:
		return &work->other.addr;
	default:
		return &work->key.source;
	}
}

/*
 * Maps a connection: a pod's, or one of the host's own, that leaves by this uplink; or a detour, by the address that
 * the caller has put into work->other. Returns 0, a drop reason or NAT_NONE.
 */
VERIFIED_ONCE int nat_map(struct __sk_buff *skb, __u8 kind)
{
	struct nat_work *work = nat_work();
	__u64 now = bpf_ktime_get_coarse_ns();
	const struct addr *source;

	if (!work)
		return DROP_NO_NAT_MAPPING;
	source = nat_source(skb, work, kind);
	if (!source)
		return NAT_NONE;
	work->entry = (struct nat_entry){.addr = *source,
	                                 .end = NAT_SOURCE,
	                                 .kind = kind,
	                                 .ifindex = skb->ifindex,
	                                 .created = now,
	                                 .checked = now};
	if (!nat_choose_port(skb, work) || nat_put(&work->key, &work->entry, BPF_ANY))
		return DROP_NO_NAT_MAPPING;
	return 0;
}

#endif
