/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The first part of what stands before a program in BCC's dialect: the kernel's names for numbers, and the constants of
 * <linux/bpf.h> that tables and helpers take. The helpers' prototypes follow.
 */
#ifndef PILUS_TRACE_TYPES_H
#define PILUS_TRACE_TYPES_H

typedef unsigned char u8, __u8, uint8_t, u_int8_t;
typedef unsigned short u16, __u16, uint16_t, __be16, __le16, __sum16, u_int16_t, umode_t;
typedef unsigned int u32, __u32, uint32_t, __be32, __le32, __wsum, u_int32_t, uint, gfp_t, fmode_t, dev_t;
typedef unsigned long long u64, __u64, uint64_t, __be64, __le64;
typedef signed char s8, __s8, int8_t;
typedef short s16, __s16, int16_t;
typedef int s32, __s32, int32_t, pid_t, key_t, clockid_t;
typedef long long s64, __s64, int64_t, loff_t;
typedef unsigned long size_t, uintptr_t, ulong, sector_t, ino_t, aio_context_t;
typedef long ssize_t, intptr_t, off_t;
typedef unsigned short ushort, sa_family_t;
typedef unsigned int uid_t, gid_t, qid_t;
typedef _Bool bool;

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_STACK_TRACE = 7,
	BPF_MAP_TYPE_CGROUP_ARRAY = 8,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LRU_PERCPU_HASH = 10,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_DEVMAP = 14,
	BPF_MAP_TYPE_CPUMAP = 16,
	BPF_MAP_TYPE_XSKMAP = 17,
	BPF_MAP_TYPE_QUEUE = 22,
	BPF_MAP_TYPE_STACK = 23,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum { BPF_ANY, BPF_NOEXIST, BPF_EXIST, BPF_F_LOCK = 4 };
enum { BPF_F_NO_PREALLOC = 1 };
enum {
	BPF_F_SKIP_FIELD_MASK = 0xff,
	BPF_F_USER_STACK = 1 << 8,
	BPF_F_FAST_STACK_CMP = 1 << 9,
	BPF_F_REUSE_STACKID = 1 << 10
};
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };
#define BPF_F_CURRENT_CPU 0xffffffffULL
#define BPF_F_INDEX_MASK  0xffffffffULL

struct bpf_raw_tracepoint_args {
	u64 args[0];
};

#endif
