/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What every BPF file starts from: the kernel's UAPI, libbpf's helpers, and the names that newer kernels added. The
 * programs use no kernel types, so they need no BTF of the running kernel and compile anywhere.
 */
#ifndef PILUS_BPF_BPF_H
#define PILUS_BPF_BPF_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* linux/bpf.h since 6.3 */
#ifndef BPF_F_ADJ_ROOM_DECAP_L3_MASK
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)
#define BPF_F_ADJ_ROOM_DECAP_L3_MASK (BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | BPF_F_ADJ_ROOM_DECAP_L3_IPV6)
#endif

/* Address families of sockets, which the UAPI headers do not carry. */
#define AF_INET  2
#define AF_INET6 10

/*
 * A function that the verifier checks once, on its own, instead of once more on every way that leads to it: loading
 * costs the sum of the functions and not their product. It believes nothing of its arguments but their types, so
 * pointers are checked for NULL and numbers for their range. Kernels before 6.4 take no map key from memory
 * behind an argument: keys are copied first.
 */
#define VERIFIED_ONCE __noinline

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Leaves the packet to whoever is attached after us, and then to the kernel (tcx calls it TCX_NEXT). */
#define VERDICT_NEXT TC_ACT_UNSPEC
#define VERDICT_DROP TC_ACT_SHOT

#endif
