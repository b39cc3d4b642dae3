// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * gethostlatency: from a call of getaddrinfo() or gethostbyname() to its return.
 */
#include "gethostlatency.h"
#include "runtime/bpf/events.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32); /* thread */
	__type(value, struct lookup_event);
} begun SEC(".maps");

SEC("uprobe")
int lookup_begins(struct pt_regs *context)
{
	struct lookup_event lookup = {};

	if (!wanted())
		return 0;
	who_am_i(&lookup.who);
	if (bpf_probe_read_user_str(lookup.host, sizeof(lookup.host), (const char *)PT_REGS_PARM1(context)) < 0)
		lookup.host[0] = 0;
	bpf_map_update_elem(&begun, &lookup.who.tid, &lookup, BPF_ANY);
	return 0;
}

SEC("uretprobe")
int lookup_ends(struct pt_regs *context)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct lookup_event *lookup = bpf_map_lookup_elem(&begun, &tid);

	if (!lookup)
		return 0;
	lookup->took = bpf_ktime_get_ns() - lookup->who.time;
	if (bpf_ringbuf_output(&events, lookup, sizeof(*lookup), 0))
		__sync_fetch_and_add(&lost, 1);
	bpf_map_delete_elem(&begun, &tid);
	return 0;
}
