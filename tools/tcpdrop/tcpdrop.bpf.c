// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcpdrop: packets that the kernel throws away, with its reason (skb:kfree_skb). Those of TCP are told by their
 * headers.
 */
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "runtime/bpf/events.h"
#include "runtime/bpf/socket.h"
#include "tcpdrop.h"

/* The addresses, and where TCP's header is; false: it is no TCP packet. */
static __always_inline bool read_ip(struct sk_buff *packet, struct drop_event *event)
{
	unsigned char *network = BPF_CORE_READ(packet, head) + BPF_CORE_READ(packet, network_header);
	struct ipv6hdr v6 = {};
	struct iphdr v4 = {};

	if (bpf_probe_read_kernel(&v4, sizeof(v4), network))
		return false;
	if (v4.version == 4) {
		event->source = addr_from_v4(v4.saddr);
		event->destination = addr_from_v4(v4.daddr);
		return v4.protocol == IPPROTO_TCP;
	}
	if (v4.version != 6 || bpf_probe_read_kernel(&v6, sizeof(v6), network))
		return false;
	__builtin_memcpy(&event->source, &v6.saddr, sizeof(event->source));
	__builtin_memcpy(&event->destination, &v6.daddr, sizeof(event->destination));
	return v6.nexthdr == IPPROTO_TCP;
}

static __always_inline bool read_tcp(struct sk_buff *packet, struct drop_event *event)
{
	__u16 at = BPF_CORE_READ(packet, transport_header), network = BPF_CORE_READ(packet, network_header);
	unsigned char *header = BPF_CORE_READ(packet, head) + at;
	__be16 ports[2];

	/* Not found yet: the packet was dropped on the way up. */
	if (at == (__u16)-1 || at <= network)
		return false;
	bpf_probe_read_kernel(&event->flags, sizeof(event->flags), header + 13);
	if (bpf_probe_read_kernel(ports, sizeof(ports), header))
		return false;
	event->source_port = bpf_ntohs(ports[0]);
	event->destination_port = bpf_ntohs(ports[1]);
	return true;
}

static __always_inline bool wanted_drop(const struct drop_event *event)
{
	return !only_family || only_family == (addr_is_v4(&event->source) ? 4 : 6);
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(dropped, struct sk_buff *packet, void *location, __u32 reason)
{
	struct drop_event *event;
	struct sock *sock;

	if (!wanted())
		return 0;
	event = event_scratch();
	if (!event || !read_ip(packet, event) || !read_tcp(packet, event) || !wanted_drop(event))
		return 0;
	who_am_i(&event->who);
	event->reason = reason;
	sock = BPF_CORE_READ(packet, sk);
	event->state = sock ? BPF_CORE_READ(sock, __sk_common.skc_state) : 0;
	event_send(event, sizeof(*event));
	return 0;
}
