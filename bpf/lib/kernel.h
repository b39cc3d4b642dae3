/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few members of the kernel's own types that a program looks at. libbpf finds where they are in the running kernel
 * by its BTF (CO-RE), so an object with this header loads only where there is one.
 */
#ifndef PILUS_BPF_KERNEL_H
#define PILUS_BPF_KERNEL_H

#include "bpf.h"

#define KERNEL_TYPE __attribute__((preserve_access_index))

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	atomic64_t skc_cookie;
} KERNEL_TYPE;

struct sock {
	struct sock_common __sk_common;
	void *sk_user_data;
} KERNEL_TYPE;

struct inet_sock {
	struct sock sk;
} KERNEL_TYPE;

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	const void *icsk_ulp_ops;
} KERNEL_TYPE;

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 copied_seq; /* what the process reads next */
	__u32 write_seq;  /* what it writes next */
} KERNEL_TYPE;

struct list_head {
	struct list_head *next;
} KERNEL_TYPE;

struct sk_psock {
	struct list_head ingress_msg; /* what came by the short cut and is not read */
} KERNEL_TYPE;

/* linux/skmsg.h and net/sock.h: the low bits of sk_user_data say whose it is. */
#define SK_USER_DATA_FLAGS 7UL

#endif
