// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * biosnoop: requests to disks, when they are completed. Whoever begins one is known where its accounting begins (since
 * kernel 6.5), else where it is queued or issued, mostly by the same task.
 */
#include "biosnoop.h"
#include "runtime/bpf/disk.h"
#include "runtime/bpf/events.h"

struct begun {
	struct trace_who who;
	__u64 issued; /* 0: not yet */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct request *);
	__type(value, struct begun);
} requests SEC(".maps");

const volatile bool with_pattern = false;

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);   /* both numbers of the disk */
	__type(value, __u64); /* the sector behind its last request */
} ends SEC(".maps");

/* Of everybody's requests: a disk has one head. */
static __always_inline char pattern_of(struct request *request, __u32 bytes)
{
	struct gendisk *disk = disk_of(request);
	__u64 key = disk_number(disk), sector = BPF_CORE_READ(request, __sector), next = sector + bytes / 512;
	__u64 *end = bpf_map_lookup_elem(&ends, &key);
	char pattern = !end ? '?' : *end == sector ? 'S' : 'R';

	bpf_map_update_elem(&ends, &key, &next, BPF_ANY);
	return pattern;
}

static __always_inline int begin(struct request *request)
{
	struct begun begun = {};

	if (!wanted() || !wanted_disk(request))
		return 0;
	who_am_i(&begun.who);
	bpf_map_update_elem(&requests, &request, &begun, BPF_ANY);
	return 0;
}

SEC("tp_btf/block_io_start")
int BPF_PROG(started, struct request *request)
{
	return begin(request);
}

SEC("tp_btf/block_rq_insert")
int BPF_PROG(inserted, struct request *request)
{
	return begin(request);
}

static __always_inline void issue(struct request *request)
{
	struct begun *begun = bpf_map_lookup_elem(&requests, &request);

	if (begun)
		begun->issued = bpf_ktime_get_ns();
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issued, struct request *request)
{
	issue(request);
	return 0;
}

SEC("tp_btf/block_rq_issue")
int BPF_PROG(issued_or_begun, struct request *request)
{
	if (!bpf_map_lookup_elem(&requests, &request))
		begin(request);
	issue(request);
	return 0;
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(completed, struct request *request, int error, __u32 bytes)
{
	struct begun *begun = bpf_map_lookup_elem(&requests, &request);
	char pattern = with_pattern ? pattern_of(request, bytes) : 0;
	struct disk_event *event;

	if (!begun)
		return 0;
	event = begun->issued ? event_reserve(sizeof(*event)) : NULL;
	if (event) {
		event->who = begun->who;
		event->queued = begun->issued - begun->who.time;
		event->took = bpf_ktime_get_ns() - begun->issued;
		event->sector = BPF_CORE_READ(request, __sector);
		event->bytes = bytes;
		event->operation = BPF_CORE_READ(request, cmd_flags) & 0xff;
		event->pattern = pattern;
		read_disk_name(request, event->disk, sizeof(event->disk));
		bpf_ringbuf_submit(event, 0);
	}
	bpf_map_delete_elem(&requests, &request);
	return 0;
}
