/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The disk of a request.
 */
#ifndef PILUS_TOOLS_BPF_DISK_H
#define PILUS_TOOLS_BPF_DISK_H

#include "tool.h"

/* The disk that was asked for: of its two numbers, + 1 that no disk is 0, which is all. */
const volatile __u64 only_disk = 0;

static __always_inline struct gendisk *disk_of(struct request *request)
{
	return BPF_CORE_READ(request, q, disk);
}

static __always_inline __u64 disk_number(struct gendisk *disk)
{
	return (__u64)BPF_CORE_READ(disk, major) << 32 | BPF_CORE_READ(disk, first_minor);
}

static __always_inline bool wanted_disk(struct request *request)
{
	return !only_disk || only_disk == disk_number(disk_of(request)) + 1;
}

static __always_inline void read_disk_name(struct request *request, char *name, __u32 size)
{
	struct gendisk *disk = disk_of(request);

	bpf_core_read_str(name, size, &disk->disk_name);
}

#endif
