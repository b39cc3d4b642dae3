/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp, tc: packets of a device; cgroup: what the processes below a folder do. Which hook of a cgroup, the program's own
 * section says.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "trace/provider.h"

static int find_device(const char *name, int *ret, struct error *error)
{
	unsigned index = if_nametoindex(name);

	if (!index)
		return error_set(error, -ENODEV, "there is no network device %s", name);
	*ret = (int)index;
	return 0;
}

static int attach_xdp(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	struct bpf_link *link;
	int device = 0, r = find_device(probe->target, &device, error);

	if (r < 0)
		return r;
	link = bpf_program__attach_xdp(program, device);
	if (!link && errno == EBUSY)
		return error_set(error, -EBUSY, "%s has an XDP program already: ip link show %s", probe->target,
		                 probe->target);
	return links_take(links, link, probe, error);
}

/* ── tc ── */

static int check_tc(const char *target, struct error *error)
{
	_cleanup_free_ char *device = NULL, *direction = NULL;

	if (split_last(target, &device, &direction) ||
	    (strcmp(direction, "ingress") != 0 && strcmp(direction, "egress") != 0))
		return error_set(error, -EINVAL, "tc:%s: a tc hook is DEVICE:ingress or DEVICE:egress", target);
	return 0;
}

static void choose_tc(const struct probe *probe, struct load_kind *kind)
{
	kind->attach_type = strstr(probe->target, ":egress") ? BPF_TCX_EGRESS : BPF_TCX_INGRESS;
}

static int attach_tc(const struct probe *probe, struct bpf_program *program, struct links *links, struct error *error)
{
	_cleanup_free_ char *name = NULL, *direction = NULL;
	struct bpf_link *link;
	int device = 0, r;

	split_last(probe->target, &name, &direction);
	r = find_device(name, &device, error);
	if (r < 0)
		return r;
	link = bpf_program__attach_tcx(program, device, NULL);
	if (!link && errno == EINVAL)
		return error_set(error, -EOPNOTSUPP,
		                 "tc:%s: this kernel attaches no program to a device by a link (6.6 does)",
		                 probe->target);
	return links_take(links, link, probe, error);
}

/* ── cgroup ── */

static int attach_cgroup(const struct probe *probe, struct bpf_program *program, struct links *links,
                         struct error *error)
{
	_cleanup_close_ int fd = open(probe->target, O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_set_errno(error, -errno, "cannot open the cgroup %s", probe->target);
	return links_take(links, bpf_program__attach_cgroup(program, fd), probe, error);
}

const struct provider provider_xdp = {
	.name = "xdp",
	.how = "BPF link",
	.kind = {BPF_PROG_TYPE_XDP, BPF_XDP, TRACE_CONTEXT_REGISTERS, NULL},
	.attach = attach_xdp,
};

const struct provider provider_tc = {
	.name = "tc",
	.how = "BPF link",
	.kind = {BPF_PROG_TYPE_SCHED_CLS, BPF_TCX_INGRESS, TRACE_CONTEXT_REGISTERS, NULL},
	.check = check_tc,
	.choose_kind = choose_tc,
	.attach = attach_tc,
};

/* As its section says. */
const struct provider provider_cgroup = {
	.name = "cgroup",
	.how = "BPF link",
	.kind = {BPF_PROG_TYPE_UNSPEC, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.attach = attach_cgroup,
};
