/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The prefilter: who is refused on an uplink. See abi/prefilter.h. Every test begins with a constant of this revision,
 * so what it has no use for costs nothing.
 */
#ifndef PILUS_BPF_PREFILTER_H
#define PILUS_BPF_PREFILTER_H

#include "abi/drop.h"
#include "abi/prefilter.h"
#include "bpf.h"
#include "metrics.h"
#include "wire.h"

const volatile struct prefilter_config prefilter_config SEC(".rodata.prefilter");

struct prefilter_table {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct prefilter_bucket);
};

struct prefilter_hash {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct prefilter_prefix);
	__type(value, struct prefilter_entry);
};

struct prefilter_trie {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct prefilter_prefix);
	__type(value, struct prefilter_entry);
};

struct prefilter_table source_table SEC(".maps"), destination_table SEC(".maps");
struct prefilter_hash source_hash SEC(".maps"), destination_hash SEC(".maps");
struct prefilter_trie source_trie SEC(".maps"), destination_trie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, struct addr);
	__type(value, __u64);
} rates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, PREFILTER_SETS_MAX);
	__type(key, __u32);
	__type(value, struct metric);
} pilus_prefilter SEC(".maps");

/* The row of the bucket for a masked address; 0: none. */
static __always_inline __u16 prefilter_bucket_find(const struct prefilter_bucket *bucket, __be32 addr, __u32 length)
{
#pragma unroll
	for (int i = 0; i < PREFILTER_BUCKET_ROWS; i++)
		if (bucket->addr[i] == addr && PREFILTER_ROW_LENGTH(bucket->row[i]) == length + 1)
			return bucket->row[i];
	return 0;
}

static __always_inline __u16 prefilter_probe(enum prefilter_match match, struct prefilter_table *table, __be32 addr,
                                             __u32 length)
{
	__u32 bits = prefilter_config.bucket_bits[match];
	__u32 index = prefilter_place(addr, length, prefilter_config.seed, bits);

	for (int i = 0; i < PREFILTER_PROBES; i++) {
		const struct prefilter_bucket *bucket = bpf_map_lookup_elem(table, &index);
		__u16 row = bucket ? prefilter_bucket_find(bucket, addr, length) : 0;

		if (row || !bucket || likely(!bucket->crowded))
			return row;
		index = (index + 1) & ((1u << bits) - 1);
	}
	return 0;
}

static __always_inline _Bool prefilter_find_v4(enum prefilter_match match, struct prefilter_table *table, __be32 addr,
                                               struct prefilter_entry *ret)
{
#pragma unroll
	for (int i = 0; i < PREFILTER_LENGTHS_MAX; i++) {
		__u16 row;

		if (i >= prefilter_config.mask_count[match])
			break;
		row = prefilter_probe(match, table, addr & prefilter_config.masks[match][i], i);
		if (!row)
			continue;
		ret->set = PREFILTER_ROW_SET(row);
		ret->verdict = PREFILTER_ROW_VERDICT(row);
		return 1;
	}
	return 0;
}

static __always_inline _Bool prefilter_find_v6(enum prefilter_match match, struct prefilter_hash *hash,
                                               const struct addr *addr, struct prefilter_entry *ret)
{
#pragma unroll
	for (int i = 0; i < PREFILTER_LENGTHS_MAX; i++) {
		const volatile struct prefilter_length *length = &prefilter_config.lengths[match][i];
		struct prefilter_prefix key = {.prefix_bits = length->bits};
		struct prefilter_entry *entry;

		if (i >= prefilter_config.length_count[match])
			break;
		key.addr.quad[0] = addr->quad[0] & length->mask.quad[0];
		key.addr.quad[1] = addr->quad[1] & length->mask.quad[1];
		entry = bpf_map_lookup_elem(hash, &key);
		if (!entry)
			continue;
		*ret = *entry;
		return 1;
	}
	return 0;
}

static __always_inline struct prefilter_entry prefilter_find(enum prefilter_match match, struct prefilter_table *table,
                                                             struct prefilter_hash *hash, struct prefilter_trie *trie,
                                                             const struct addr *addr)
{
	_Bool v4 = addr_is_v4(addr);
	struct prefilter_entry found = {};

	if (v4 ? prefilter_find_v4(match, table, addr->word[3], &found) : prefilter_find_v6(match, hash, addr, &found))
		return found;
	if (prefilter_config.tries[match] & (v4 ? PREFILTER_V4 : PREFILTER_V6)) {
		struct prefilter_prefix key = {.prefix_bits = ADDR_BITS, .addr = *addr};
		struct prefilter_entry *entry = bpf_map_lookup_elem(trie, &key);

		if (entry)
			found = *entry;
	}
	return found;
}

/* By its kind, whoever sends it. Returns 0 or a drop reason. */
static __always_inline int prefilter_of_kind(struct xdp_md *xdp, struct wire *wire)
{
	__be16 copy;
	const __be16 *source_port;

	if (wire->ethertype == bpf_htons(ETH_P_IPV6)) {
		wire_parse_extensions(xdp, wire);
		if (is_ipv6_extension(wire->protocol) && !wire->later) /* more of them may hide what is refused */
			return DROP_INVALID_IPV6_EXTENSION;
	}
	if (prefilter_config.refuse & PREFILTER_FRAGMENTS && wire->fragment)
		return DROP_PREFILTER_FRAGMENT;
	if (!(prefilter_config.refuse & PREFILTER_UDP_SOURCE_PORT_0) || wire->protocol != IPPROTO_UDP || wire->later)
		return 0;
	source_port = wire_at(xdp, wire->offset, sizeof(*source_port), &copy);
	return source_port && !*source_port ? DROP_PREFILTER_PORT : 0;
}

/*
 * Each packet uses up an interval of time, and a source may be ahead of time by the burst (the generic cell rate
 * algorithm). CPUs that write at once lose an interval of each other: the limit is a little softer then.
 */
static __always_inline int prefilter_rate(const struct addr *source)
{
	__u64 now = bpf_ktime_get_ns(), *used_up = bpf_map_lookup_elem(&rates, source), next;

	if (!used_up) {
		next = now + prefilter_config.rate_interval;
		bpf_map_update_elem(&rates, source, &next, BPF_ANY);
		return 0;
	}
	if (*used_up > now + prefilter_config.rate_burst)
		return DROP_PREFILTER_RATE;
	*used_up = (*used_up > now ? *used_up : now) + prefilter_config.rate_interval;
	return 0;
}

/* Reason 0: it may pass. Reasons that have no set leave it alone. */
struct prefilter_refusal {
	__u8 reason;
	__u16 set;
};

/* By its addresses. Returns whether there is more to ask. */
static __always_inline _Bool prefilter_addresses(const struct wire *wire, struct prefilter_refusal *ret_refusal)
{
	struct prefilter_entry source, destination;

	source = prefilter_find(PREFILTER_SOURCE, &source_table, &source_hash, &source_trie, &wire->source);
	if (source.verdict == PREFILTER_ALLOW)
		return 0;
	destination = prefilter_find(PREFILTER_DESTINATION, &destination_table, &destination_hash, &destination_trie,
	                             &wire->destination);
	if (destination.verdict == PREFILTER_ALLOW)
		return 0;
	if (source.verdict)
		*ret_refusal = (struct prefilter_refusal){DROP_PREFILTER_SOURCE, source.set};
	else if (destination.verdict)
		*ret_refusal = (struct prefilter_refusal){DROP_PREFILTER_DESTINATION, destination.set};
	return !ret_refusal->reason;
}

/* What is cut short or no IP is left to the stack. */
static __always_inline struct prefilter_refusal prefilter_judge(struct xdp_md *xdp)
{
	struct prefilter_refusal refusal = {};
	struct wire wire;

	if (!wire_parse(xdp, &wire) || !prefilter_addresses(&wire, &refusal))
		return refusal;
	if (prefilter_config.refuse)
		refusal.reason = prefilter_of_kind(xdp, &wire);
	if (!refusal.reason && prefilter_config.rate_interval)
		refusal.reason = prefilter_rate(&wire.source);
	return refusal;
}

static __always_inline void prefilter_count(const struct prefilter_refusal *refusal, __u64 bytes)
{
	__u32 index = refusal->set;
	struct metric *metric;

	if (refusal->reason != DROP_PREFILTER_SOURCE && refusal->reason != DROP_PREFILTER_DESTINATION)
		return;
	metric = bpf_map_lookup_elem(&pilus_prefilter, &index);
	if (metric) {
		metric->packets++;
		metric->bytes += bytes;
	}
}

#endif
