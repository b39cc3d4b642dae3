/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/attach_xdp.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "datapath/device_link.h"
#include "datapath/pins.h"

const char *attach_xdp_hook_name(enum xdp_mode mode)
{
	static const char *const names[] = {"gone", "xdp/native", "xdp/generic"};

	return names[mode];
}

static char *link_path(const struct attach_device *device)
{
	_cleanup_free_ char *name = xasprintf("%s_xdp", device->name);

	return pin_path(device->bpffs, PIN_LINKS, name);
}

static int xdp_link(const struct attach_device *device, struct bpf_program *program, uint32_t flags, const char *path)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .flags = flags);
	_cleanup_close_ int fd = bpf_link_create(bpf_program__fd(program), (int)device->ifindex, BPF_XDP, &options);

	if (fd < 0)
		return fd;
	return bpf_obj_pin(fd, path);
}

/* The id of whatever program is there; 0: none. */
static uint32_t program_on(uint32_t ifindex, enum xdp_mode *ret_mode)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query))
		return 0;
	*ret_mode = query.attach_mode == XDP_ATTACHED_SKB ? XDP_GENERIC : XDP_NATIVE;
	return query.prog_id;
}

static int refuse_foreign(const struct attach_device *device, uint32_t id, struct error *error)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	_cleanup_close_ int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0)
		bpf_prog_get_info_by_fd(fd, &info, &size);
	return error_set(
		error, -EBUSY,
		"%s has another XDP program already, %s (id %u), and a device takes one: remove that, or leave "
		"%s out of the uplinks",
		device->name, info.name[0] ? info.name : "nameless", id, device->name);
}

int attach_xdp(const struct attach_device *device, struct bpf_program *program, enum xdp_mode wanted,
               struct error *error)
{
	_cleanup_free_ char *path = link_path(device);
	enum xdp_mode mode;
	uint32_t foreign;
	int r = device_link_replace(path, device->ifindex, program);

	if (r != -ENOENT)
		return r ? error_set_errno(error, r, "cannot replace the XDP program of %s", device->name) : 0;
	foreign = program_on(device->ifindex, &mode);
	if (foreign)
		return refuse_foreign(device, foreign, error);
	if (wanted != XDP_GENERIC)
		r = xdp_link(device, program, XDP_FLAGS_DRV_MODE, path);
	if (r && wanted != XDP_NATIVE)
		r = xdp_link(device, program, XDP_FLAGS_SKB_MODE, path);
	return r ? error_set_errno(error, r, "cannot attach an XDP program to %s", device->name) : 0;
}

int attach_xdp_remove(const struct attach_device *device)
{
	_cleanup_free_ char *path = link_path(device);

	return device_link_remove(path);
}

enum xdp_mode attach_xdp_mode(const struct attach_device *device, const struct bpf_program *program)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	enum xdp_mode mode = XDP_AUTO;

	if (bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size) ||
	    program_on(device->ifindex, &mode) != info.id)
		return XDP_AUTO;
	return mode;
}
