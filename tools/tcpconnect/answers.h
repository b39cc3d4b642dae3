/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What name servers answer, as whoever asked receives it, at the end of the system call: then the answer is in the
 * buffer. It is looked at first, because that costs less than finding out what the descriptor is.
 */
#ifndef PILUS_TOOLS_TCPCONNECT_ANSWERS_H
#define PILUS_TOOLS_TCPCONNECT_ANSWERS_H

#include "runtime/bpf/events.h"
#include "runtime/bpf/files.h"
#include "runtime/bpf/socket.h"
#include "tcpconnect.h"

#define DNS_PORT      53
#define DNS_IS_ANSWER 0x8000
#define S_IFMT        0170000
#define S_IFSOCK      0140000

/* RFC 1035, 4.1.1 */
struct dns_head {
	__be16 id, flags, questions, answers, authorities, additions;
};

/* As user space has them. */
struct received_message {
	const void *name;
	__u64 name_size;
	const void **vector; /* its first pair is address and size */
};

/* The port of a struct sockaddr, of either family. */
static __always_inline __be16 port_at(const void *from)
{
	__be16 words[2] = {};

	bpf_probe_read_user(words, sizeof(words), from);
	return words[1];
}

/* A socket that is not connected has told from whom this came. */
static __always_inline bool is_of_name_server(__s64 descriptor, const void *from)
{
	struct file *file = file_of(descriptor);
	struct socket *socket;
	struct sock *sock;
	__be16 port;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return false;
	socket = BPF_CORE_READ(file, private_data);
	sock = BPF_CORE_READ(socket, sk);
	if (!is_internet(sock) || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_UDP)
		return false;
	port = BPF_CORE_READ(sock, __sk_common.skc_dport);
	if (!port && from)
		port = port_at(from);
	return port == bpf_htons(DNS_PORT);
}

static __always_inline int received(const struct syscall_exit *call, __s64 descriptor, const void *bytes,
                                    const void *from)
{
	__s64 size = call->result;
	struct answer_event *event;
	struct dns_head head;

	if (size < (__s64)sizeof(head) || bpf_probe_read_user(&head, sizeof(head), bytes))
		return 0;
	if (!(head.flags & bpf_htons(DNS_IS_ANSWER)) || head.questions != bpf_htons(1) || !head.answers)
		return 0;
	event = is_of_name_server(descriptor, from) ? event_reserve(sizeof(*event)) : NULL;
	if (!event)
		return 0;
	who_am_i(&event->head.who);
	event->head.answer_size = size < DNS_ANSWER_MAX ? size : DNS_ANSWER_MAX;
	bpf_probe_read_user(event->bytes, event->head.answer_size, bytes);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tracepoint/syscalls/sys_exit_recvfrom")
int recvfrom_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return received(call, PT_REGS_PARM1_SYSCALL(registers), (const void *)PT_REGS_PARM2_SYSCALL(registers),
	                (const void *)PT_REGS_PARM5_SYSCALL(registers));
}

SEC("tracepoint/syscalls/sys_exit_recvmsg")
int recvmsg_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();
	struct received_message message = {};
	const void *bytes = NULL;

	if (call->result < (__s64)sizeof(struct dns_head))
		return 0;
	bpf_probe_read_user(&message, sizeof(message), (const void *)PT_REGS_PARM2_SYSCALL(registers));
	bpf_probe_read_user(&bytes, sizeof(bytes), message.vector);
	return received(call, PT_REGS_PARM1_SYSCALL(registers), bytes, message.name);
}

/* Go's resolver reads. */
SEC("tracepoint/syscalls/sys_exit_read")
int read_exit(struct syscall_exit *call)
{
	struct pt_regs *registers = syscall_registers();

	return received(call, PT_REGS_PARM1_SYSCALL(registers), (const void *)PT_REGS_PARM2_SYSCALL(registers), NULL);
}

#endif
