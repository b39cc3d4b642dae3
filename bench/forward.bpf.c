// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The wire of bench-forward: sends frames by a device, and takes what comes back by it. Frames are written anew each
 * time, for what has passed is used again as it came.
 */
#include "bpf/lib/checksum.h"
#include "bpf/lib/headers.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define FRAME_SIZE 60
#define FLOWS      256 /* a power of two */
#define FIRST_PORT 20000

/* Spread over 2^28 addresses, and each another (Knuth's multiplicative hash). */
#define MULTIPLIER    2654435761u
#define ADDRESS_SPACE 0x0fffffff

const volatile struct {
	__u8 frame[FRAME_SIZE]; /* UDP over IPv4, without a checksum */
	__u32 ifindex;
	__u32 sources;
	__be16 overlay_port; /* what comes back is of the overlay */
} setting = {};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sent SEC(".maps"), returned SEC(".maps");

/* Another frame to send: 0, or -1 if it is too short for it. */
static __always_inline int write_frame(struct xdp_md *xdp)
{
	__u8 *frame = (void *)(long)xdp->data;
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&sent, &zero);
	struct iphdr *ip = (void *)frame + ETH_HLEN;
	struct udphdr *udp = (void *)(ip + 1);
	__be32 source;

	if (!number || (void *)frame + FRAME_SIZE > (void *)(long)xdp->data_end)
		return -1;
	for (int i = 0; i < FRAME_SIZE; i++)
		frame[i] = setting.frame[i];
	source = bpf_htonl(bpf_ntohl(ip->saddr) + ((__u32)(*number % setting.sources) * MULTIPLIER & ADDRESS_SPACE));
	ip->check = checksum_update(ip->check, bpf_csum_diff(&ip->saddr, sizeof(source), &source, sizeof(source), 0));
	ip->saddr = source;
	udp->source = bpf_htons(FIRST_PORT + (*number & (FLOWS - 1)));
	*number += 1;
	return 0;
}

SEC("xdp")
int generate(struct xdp_md *xdp)
{
	return write_frame(xdp) ? XDP_ABORTED : bpf_redirect(setting.ifindex, 0);
}

/* The same without sending: what the wire's own work takes. */
SEC("xdp")
int generate_only(struct xdp_md *xdp)
{
	return write_frame(xdp) ? XDP_ABORTED : XDP_DROP;
}

SEC("xdp")
int take(struct xdp_md *xdp)
{
	void *end = (void *)(long)xdp->data_end;
	struct ethhdr *ethernet = (void *)(long)xdp->data;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&returned, &zero);

	if (!number || (void *)(udp + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP) ||
	    ip->protocol != IPPROTO_UDP || udp->dest != setting.overlay_port)
		return XDP_PASS;
	*number += 1;
	return XDP_DROP;
}
