// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What an uplink receives, before the kernel has allocated anything for it (XDP): the driver's own hook where it has
 * one, else the kernel's generic one.
 *
 * A frame passes one stage after the other until one of them ends it. The prefilter is the only one so far.
 */
#include "lib/prefilter.h"
#include "lib/sample.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int stage_prefilter(struct xdp_md *xdp)
{
	struct prefilter_refusal refusal = prefilter_judge(xdp);
	__u64 bytes;

	if (!refusal.reason)
		return XDP_PASS;
	bytes = bpf_xdp_get_buff_len(xdp);
	prefilter_count(&refusal, bytes);
	return sample_drop(xdp, refusal.reason, bytes);
}

SEC("xdp.frags")
int prefilter(struct xdp_md *xdp)
{
	return stage_prefilter(xdp);
}
