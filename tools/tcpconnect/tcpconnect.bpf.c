// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * tcpconnect: whoever calls connect(2) brings the socket into the state SYN_SENT. The local port is chosen after that,
 * so who wants to know it waits for the call's end.
 */
#include "tcpconnect.h"
#include "answers.h"
#include "runtime/bpf/connections.h"
#include "runtime/bpf/events.h"
#include "runtime/bpf/socket.h"

const volatile bool with_local_port = false;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); /* thread */
	__type(value, struct sock *);
} connecting SEC(".maps");

static __always_inline void tell(struct sock *sock)
{
	struct connect_event *event;
	struct trace_ends ends = {};

	read_ends(sock, &ends);
	if (!wanted_ends(&ends))
		return;
	if (!with_local_port)
		ends.local_port = 0;
	if (count_only) {
		connection_count(&ends);
		return;
	}
	event = event_reserve(sizeof(*event));
	if (!event)
		return;
	who_am_i(&event->who);
	event->ends = ends;
	event->answer_size = 0;
	bpf_ringbuf_submit(event, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(state_changed, struct sock *sock, int old, int new)
{
	__u32 tid = bpf_get_current_pid_tgid();

	if (new != BPF_TCP_SYN_SENT || !wanted() || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	if (with_local_port)
		bpf_map_update_elem(&connecting, &tid, &sock, BPF_ANY);
	else
		tell(sock);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connect_exit(struct syscall_exit *call)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct sock **sock = bpf_map_lookup_elem(&connecting, &tid);

	if (!sock)
		return 0;
	tell(*sock);
	bpf_map_delete_elem(&connecting, &tid);
	return 0;
}
