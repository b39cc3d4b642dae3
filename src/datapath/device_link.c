/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/device_link.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"

DEFINE_CLEANUP(struct bpf_link *, bpf_link__destroy)

static bool is_on(const struct bpf_link *link, uint32_t ifindex)
{
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);

	if (bpf_link_get_info_by_fd(bpf_link__fd(link), &info, &size))
		return false;
	return (info.type == BPF_LINK_TYPE_TCX && info.tcx.ifindex == ifindex) ||
	       (info.type == BPF_LINK_TYPE_XDP && info.xdp.ifindex == ifindex);
}

bool device_link_is_on(const char *path, uint32_t ifindex)
{
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = bpf_link__open(path);

	return link && is_on(link, ifindex);
}

int device_link_replace(const char *path, uint32_t ifindex, struct bpf_program *program)
{
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = bpf_link__open(path);

	if (!link)
		return -errno;
	if (!is_on(link, ifindex))
		return unlink(path) < 0 ? -errno : -ENOENT;
	return bpf_link__update_program(link, program) ? -errno : 0;
}

/* Without its pin a link goes, but some time later; who attaches next would find the device taken. */
int device_link_remove(const char *path)
{
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = bpf_link__open(path);

	if (!link)
		return errno == ENOENT ? 0 : -errno;
	bpf_link__detach(link);
	return unlink(path) < 0 ? -errno : 0;
}
