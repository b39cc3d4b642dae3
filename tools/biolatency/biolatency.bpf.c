// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * biolatency: from the moment a request is given to a disk, or is queued for it, to its completion.
 */
#include "runtime/bpf/disk.h"
#include "runtime/bpf/histogram.h"

const volatile bool with_queue = false;
const volatile bool by_disk = false;
const volatile bool by_flags = false;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct request *);
	__type(value, __u64);
} begun SEC(".maps");

static __always_inline int begin(struct request *request, __u64 flags)
{
	__u64 now = bpf_ktime_get_ns();

	if (wanted_disk(request))
		bpf_map_update_elem(&begun, &request, &now, flags);
	return 0;
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(inserted, struct request *request)
{
	return begin(request, BPF_ANY);
}

/* What goes straight to the disk is never queued. */
SEC("tp_btf/block_rq_issue")
int BPF_PROG(issued, struct request *request)
{
	return begin(request, with_queue ? BPF_NOEXIST : BPF_ANY);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(completed, struct request *request)
{
	__u64 *since = bpf_map_lookup_elem(&begun, &request);
	struct trace_key key = {};

	if (!since)
		return 0;
	if (by_disk)
		read_disk_name(request, key.name, sizeof(key.name));
	else if (by_flags)
		key.id = BPF_CORE_READ(request, cmd_flags) + 1ULL;
	histogram_add(&key, (bpf_ktime_get_ns() - *since) / unit_ns);
	bpf_map_delete_elem(&begun, &request);
	return 0;
}
