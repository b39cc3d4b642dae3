/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A socket's two ends.
 */
#ifndef PILUS_TOOLS_SOCKET_H
#define PILUS_TOOLS_SOCKET_H

#include <linux/in.h>

#include "tool.h"

#ifndef AF_INET
#define AF_INET  2
#define AF_INET6 10
#endif

static __always_inline bool is_internet(struct sock *sock)
{
	__u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);

	return family == AF_INET || family == AF_INET6;
}

static __always_inline void read_ends(struct sock *sock, struct trace_ends *ends)
{
	if (BPF_CORE_READ(sock, __sk_common.skc_family) == AF_INET) {
		ends->local = addr_from_v4(BPF_CORE_READ(sock, __sk_common.skc_rcv_saddr));
		ends->remote = addr_from_v4(BPF_CORE_READ(sock, __sk_common.skc_daddr));
	} else {
		bpf_core_read(&ends->local, sizeof(ends->local), &sock->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(&ends->remote, sizeof(ends->remote), &sock->__sk_common.skc_v6_daddr);
	}
	ends->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	ends->remote_port = bpf_ntohs(BPF_CORE_READ(sock, __sk_common.skc_dport));
}

/* Which family and ports were asked for; 0: any. */
const volatile __u8 only_family = 0;
const volatile __u32 only_local_ports[TRACE_LIST_MAX] = {};
const volatile __u32 only_remote_ports[TRACE_LIST_MAX] = {};

static __always_inline bool wanted_ends(const struct trace_ends *ends)
{
	if (only_family && only_family != (addr_is_v4(&ends->remote) ? 4 : 6))
		return false;
	return is_in(only_local_ports, ends->local_port) && is_in(only_remote_ports, ends->remote_port);
}

#endif
