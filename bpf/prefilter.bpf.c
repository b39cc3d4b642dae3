// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * What an uplink receives, before the kernel has allocated anything for it (XDP): the driver's own hook where it has
 * one, else the kernel's generic one.
 *
 * A frame passes one stage after the other until one of them ends it: the prefilter, which may refuse it, and the
 * services, which may send it on to another node. A stage that this node has no use for is not in the program.
 */
#include "lib/prefilter.h"
#include "lib/accelerate.h"
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

static __always_inline int stage_services(struct xdp_md *xdp)
{
	return config.accelerate ? accelerate(xdp) : XDP_PASS;
}

SEC("xdp.frags")
int prefilter(struct xdp_md *xdp)
{
	int verdict = stage_prefilter(xdp);

	return verdict == XDP_PASS ? stage_services(xdp) : verdict;
}
