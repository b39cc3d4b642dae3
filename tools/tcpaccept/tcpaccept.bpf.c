// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcpaccept: at the end of accept(2) the new descriptor leads to its socket. Where a function's return can be traced,
 * it is the kernel's own function, which sees io_uring's accepts, too.
 */
#include "tcpaccept.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/files.h"
#include "runtime/bpf/socket.h"

static __always_inline int accepted(struct sock *sock)
{
	struct trace_ends ends;
	struct accept_event *event;

	if (!sock || !wanted() || !is_internet(sock) || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	read_ends(sock, &ends);
	if (!wanted_ends(&ends))
		return 0;
	event = event_reserve(sizeof(*event));
	if (!event)
		return 0;
	who_am_i(&event->who);
	event->ends = ends;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("fexit/inet_csk_accept")
int inet_csk_accept_exit(void *context)
{
	__u64 sock = 0;

	bpf_get_func_ret(context, &sock);
	return accepted((struct sock *)sock);
}

static __always_inline struct sock *sock_of(__s64 descriptor)
{
	struct socket *socket = BPF_CORE_READ(file_of(descriptor), private_data);

	return BPF_CORE_READ(socket, sk);
}

SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit(struct syscall_exit *call)
{
	return accepted(sock_of(call->result));
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept4_exit(struct syscall_exit *call)
{
	return accepted(sock_of(call->result));
}
