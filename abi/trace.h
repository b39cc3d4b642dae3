/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a tracing tool and its BPF programs tell each other: whom to look at, who did something, and histograms.
 */
#ifndef PILUS_ABI_TRACE_H
#define PILUS_ABI_TRACE_H

#include "abi/addr.h"
#include "abi/types.h"

#define TRACE_COMM_MAX 16

/*
 * Whom the tool was asked to look at, set before the programs are loaded: the verifier removes what is not asked for.
 * All that is not 0 must match.
 */
struct trace_filter {
	__u64 cgroup; /* a cgroup v2, or one of those below it */
	__u32 cgroup_level;
	__u32 pid;
	__u32 tid;
	__u32 uid; /* only with by_uid, for 0 is a user */
	__u32 mntns;
	__u32 netns;
	__u8 by_uid;
	__u8 wants_netns; /* fill in trace_who.netns: somebody knows pods by it */
};

/* Who did it, and when: each event begins with it. */
struct trace_who {
	__u64 time; /* CLOCK_MONOTONIC, ns */
	__u32 pid;
	__u32 tid;
	__u32 uid;
	__u32 netns; /* 0 unless wanted */
	char comm[TRACE_COMM_MAX];
};

/* Of a socket; ports in the machine's order. */
struct trace_ends {
	struct addr local;
	struct addr remote;
	__u16 local_port;
	__u16 remote_port;
};

/* Slot n > 0 counts values from 2^n to 2^(n+1) − 1, slot 0 counts 0 and 1; or all have one width. */
#define TRACE_SLOTS 64

struct trace_histogram {
	__u64 slots[TRACE_SLOTS];
	__u64 total; /* of the values, where it is wanted */
};

/* Whose histogram, or whose stack: a process, a thread, a place, a disk, or 0 for all. */
struct trace_key {
	__u64 id;
	char name[TRACE_COMM_MAX * 2];
};

/* Numbers of which one must match, ending with 0; the first is 0: any does. */
#define TRACE_LIST_MAX 16

#define TRACE_FRAMES 127

/* A stack that was met; user and kernel are numbers of its frames, negative: there are none. */
struct trace_stack {
	__u32 pid;
	__s32 user;
	__s32 kernel;
	__u32 place;
	char comm[TRACE_COMM_MAX];
};

#endif
