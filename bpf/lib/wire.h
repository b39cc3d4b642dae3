/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A frame as it came off the wire, where XDP has it: as few bytes of it as somebody asks for. A frame may lie in
 * several buffers (jumbo frames, header split): what is not in the first is copied. What is cut short is nobody's here;
 * the host's stack judges it.
 */
#ifndef PILUS_BPF_WIRE_H
#define PILUS_BPF_WIRE_H

#include "abi/addr.h"
#include "headers.h"

#define WIRE_VLAN_TAGS   2    /* a provider's and a customer's */
#define WIRE_HEADERS_MAX 1024 /* headers further behind are not looked for */

struct wire {
	struct addr source;
	struct addr destination;
	__u32 offset;     /* of what `protocol` names */
	__be16 ethertype; /* ETH_P_IP or ETH_P_IPV6 */
	__u8 protocol;
	_Bool fragment;
	_Bool later; /* and not the first: no transport header */
};

/* `size` bytes at the offset, in place or in `copy`. NULL: the frame ends before. */
static __always_inline const void *wire_at(struct xdp_md *xdp, __u32 offset, __u32 size, void *copy)
{
	void *at = (void *)(long)xdp->data + offset;

	if (offset <= WIRE_HEADERS_MAX && at + size <= (void *)(long)xdp->data_end)
		return at;
	return bpf_xdp_load_bytes(xdp, offset, copy, size) ? NULL : copy;
}

static __always_inline _Bool wire_is_tag(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* Past the tags at the offset, which the ethertype announces. Returns the last's: 0 when the frame ends before. */
static __always_inline __be16 wire_skip_tags(struct xdp_md *xdp, __be16 ethertype, __u32 *offset)
{
	for (int i = 0; i < WIRE_VLAN_TAGS && wire_is_tag(ethertype); i++) {
		struct vlan_tag copy;
		const struct vlan_tag *tag = wire_at(xdp, *offset, sizeof(*tag), &copy);

		if (!tag)
			return 0;
		ethertype = tag->ethertype;
		*offset += sizeof(*tag);
	}
	return ethertype;
}

static __always_inline _Bool wire_parse_ipv4(struct xdp_md *xdp, __u32 offset, struct wire *ret)
{
	struct iphdr copy;
	const struct iphdr *ip = wire_at(xdp, offset, sizeof(*ip), &copy);

	if (!ip)
		return 0;
	ret->source = addr_from_v4(ip->saddr);
	ret->destination = addr_from_v4(ip->daddr);
	ret->offset = offset + ip->ihl * 4;
	ret->protocol = ip->protocol;
	ret->fragment = ip->frag_off & bpf_htons(IPV4_FRAGMENT_MASK);
	ret->later = ip->frag_off & bpf_htons(IPV4_OFFSET_MASK);
	return 1;
}

static __always_inline _Bool wire_parse_ipv6(struct xdp_md *xdp, __u32 offset, struct wire *ret)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = wire_at(xdp, offset, sizeof(*ip), &copy);

	if (!ip)
		return 0;
	__builtin_memcpy(&ret->source, &ip->saddr, sizeof(ret->source));
	__builtin_memcpy(&ret->destination, &ip->daddr, sizeof(ret->destination));
	ret->offset = offset + sizeof(*ip);
	ret->protocol = ip->nexthdr;
	ret->fragment = ret->later = 0;
	return 1;
}

static __always_inline _Bool wire_parse_network(struct xdp_md *xdp, __u32 offset, __be16 ethertype, struct wire *ret)
{
	ret->ethertype = ethertype;
	if (ethertype == bpf_htons(ETH_P_IP))
		return wire_parse_ipv4(xdp, offset, ret);
	return ethertype == bpf_htons(ETH_P_IPV6) && wire_parse_ipv6(xdp, offset, ret);
}

/* From the ethernet header to the addresses. 0: no IP, or cut short. Most frames have no tags: with offsets that the
 * compiler knows, that is half as much work. */
static __always_inline _Bool wire_parse(struct xdp_md *xdp, struct wire *ret)
{
	__u32 offset = sizeof(struct ethhdr);
	struct ethhdr copy;
	const struct ethhdr *ethernet = wire_at(xdp, 0, sizeof(*ethernet), &copy);
	__be16 ethertype;

	if (!ethernet)
		return 0;
	ethertype = ethernet->h_proto;
	if (likely(!wire_is_tag(ethertype)))
		return wire_parse_network(xdp, sizeof(struct ethhdr), ethertype, ret);
	ethertype = wire_skip_tags(xdp, ethertype, &offset);
	return wire_parse_network(xdp, offset, ethertype, ret);
}

/*
 * Past the extension headers of IPv6, until the transport header or a later fragment's payload. A datagram that is said
 * to be a fragment, and is the only one of its own (RFC 6946), is none.
 */
static __always_inline void wire_parse_extensions(struct xdp_md *xdp, struct wire *wire)
{
	for (int i = 0; i < IPV6_EXTENSIONS_MAX; i++) {
		struct ipv6_extension copy;
		const struct ipv6_extension *extension;

		if (!is_ipv6_extension(wire->protocol) || wire->later)
			return;
		extension = wire_at(xdp, wire->offset, sizeof(*extension), &copy);
		if (!extension)
			return;
		if (wire->protocol == IPPROTO_FRAGMENT) {
			wire->later = extension->fragment_offset & bpf_htons(IPV6_FRAGMENT_OFFSET);
			wire->fragment = extension->fragment_offset & bpf_htons(IPV6_FRAGMENT_MASK);
			wire->offset += sizeof(*extension);
		} else {
			wire->offset += (extension->length + 1) * 8;
		}
		wire->protocol = extension->next;
	}
}

#endif
