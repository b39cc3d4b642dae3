/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xdp, tc, socket: packets of a device, where they come in, on their way, or as a copy in a socket that is given those
 * that the program lets through; cgroup: what the processes below a folder do. Which hook of a cgroup, the program's
 * own section says.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

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

/* ── socket ── */

/* Bound to the device last, so that it is given nothing that the program has not seen. */
static int attach_socket(const struct probe *probe, struct bpf_program *program, struct links *links,
                         struct error *error)
{
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int program_fd = bpf_program__fd(program), r = find_device(probe->target, &place.sll_ifindex, error);

	if (r < 0)
		return r;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program_fd, sizeof(program_fd)) ||
	    bind(fd, (const struct sockaddr *)&place, sizeof(place)))
		return error_set_errno(error, -errno, "cannot attach to a socket of %s", probe->target);
	links_add_socket(links, TAKE_FD(fd));
	return 0;
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

const struct provider provider_socket = {
	.name = "socket",
	.how = "packet socket",
	.kind = {BPF_PROG_TYPE_SOCKET_FILTER, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.attach = attach_socket,
};

/* As its section says. */
const struct provider provider_cgroup = {
	.name = "cgroup",
	.how = "BPF link",
	.kind = {BPF_PROG_TYPE_UNSPEC, 0, TRACE_CONTEXT_REGISTERS, NULL},
	.attach = attach_cgroup,
};
