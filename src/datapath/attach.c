/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/attach.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/memory.h"
#include "datapath/device_link.h"
#include "datapath/pins.h"

/* Which filter of a device is ours: "PIL" as a handle, at the first priority. */
#define CLSACT_HANDLE   0x50494c
#define CLSACT_PRIORITY 1

DEFINE_CLEANUP(struct bpf_link *, bpf_link__destroy)

const char *attach_hook_name(enum attach_mode mode, enum attach_hook hook)
{
	if (mode == ATTACH_CLSACT)
		return hook == HOOK_INGRESS ? "clsact/ingress" : "clsact/egress";
	return hook == HOOK_INGRESS ? "tcx/ingress" : "tcx/egress";
}

static char *link_path(const struct attach_device *device, enum attach_hook hook)
{
	_cleanup_free_ char *name = xasprintf("%s_%s", device->name, hook == HOOK_INGRESS ? "ingress" : "egress");

	return pin_path(device->bpffs, PIN_LINKS, name);
}

static enum bpf_tc_attach_point attach_point(enum attach_hook hook)
{
	return hook == HOOK_INGRESS ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

static int tcx_attach(const struct attach_device *device, enum attach_hook hook, struct bpf_program *program)
{
	_cleanup_free_ char *path = link_path(device, hook);
	_cleanup_(bpf_link__destroyp) struct bpf_link *link = NULL;
	int r = device_link_replace(path, device->ifindex, program);

	if (r != -ENOENT)
		return r;
	link = bpf_program__attach_tcx(program, device->ifindex, NULL);
	if (!link)
		return -errno;
	return bpf_link__pin(link, path) ? -errno : 0;
}

static int tcx_detach(const struct attach_device *device, enum attach_hook hook)
{
	_cleanup_free_ char *path = link_path(device, hook);

	return device_link_remove(path);
}

static int clsact_attach(const struct attach_device *device, enum attach_hook hook, struct bpf_program *program)
{
	LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = device->ifindex, .attach_point = attach_point(hook));
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY,
	            .prog_fd = bpf_program__fd(program), .flags = BPF_TC_F_REPLACE);
	int r = bpf_tc_hook_create(&tc_hook);

	return r && r != -EEXIST ? r : bpf_tc_attach(&tc_hook, &filter);
}

static int clsact_detach(const struct attach_device *device, enum attach_hook hook)
{
	LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = device->ifindex, .attach_point = attach_point(hook));
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);
	int r = bpf_tc_detach(&tc_hook, &filter);

	/* No such filter, no clsact, no device: all are what was asked for. */
	return r == -ENOENT || r == -EINVAL || r == -ENODEV ? 0 : r;
}

int attach_program(const struct attach_device *device, enum attach_hook hook, struct bpf_program *program,
                   enum attach_mode mode, struct error *error)
{
	int r;

	if (mode == ATTACH_TCX)
		r = tcx_attach(device, hook, program) ?: clsact_detach(device, hook);
	else
		r = clsact_attach(device, hook, program) ?: tcx_detach(device, hook);
	return r ? error_set_errno(error, r, "cannot attach %s to %s", bpf_program__name(program), device->name) : 0;
}

bool attach_has_link(const struct attach_device *device, enum attach_hook hook)
{
	_cleanup_free_ char *path = link_path(device, hook);

	return device_link_is_on(path, device->ifindex);
}

#define LOOPBACK 1 /* its ifindex, in every namespace */

bool attach_tcx_is_known(void)
{
	LIBBPF_OPTS(bpf_prog_query_opts, query);

	return !bpf_prog_query_opts(LOOPBACK, BPF_TCX_INGRESS, &query);
}

static bool tcx_has(const struct attach_device *device, enum attach_hook hook, uint32_t id)
{
	uint32_t ids[64];
	LIBBPF_OPTS(bpf_prog_query_opts, query, .prog_ids = ids, .count = sizeof(ids) / sizeof(ids[0]));

	if (bpf_prog_query_opts(device->ifindex, hook == HOOK_INGRESS ? BPF_TCX_INGRESS : BPF_TCX_EGRESS, &query))
		return false;
	for (uint32_t i = 0; i < query.count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

static bool clsact_has(const struct attach_device *device, enum attach_hook hook, uint32_t id)
{
	LIBBPF_OPTS(bpf_tc_hook, tc_hook, .ifindex = device->ifindex, .attach_point = attach_point(hook));
	LIBBPF_OPTS(bpf_tc_opts, filter, .handle = CLSACT_HANDLE, .priority = CLSACT_PRIORITY);

	return !bpf_tc_query(&tc_hook, &filter) && filter.prog_id == id;
}

int attach_check(const struct attach_device *device, enum attach_hook hook, const struct bpf_program *program,
                 enum attach_mode mode)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info);
	int r = bpf_prog_get_info_by_fd(bpf_program__fd(program), &info, &size);

	if (r)
		return r;
	return (mode == ATTACH_CLSACT ? clsact_has : tcx_has)(device, hook, info.id) ? 0 : -ENOENT;
}

int attach_remove(const struct attach_device *device, enum attach_hook hook)
{
	int r = tcx_detach(device, hook), s = clsact_detach(device, hook);

	return r ? r : s;
}

struct sweep {
	const char *bpffs;
	bool (*is_kept)(const char *device, void *userdata);
	void *userdata;
};

/* A pin is DEVICE_HOOK. Its link may be all that is left of a device. */
static int sweep_pin(const char *pin, void *userdata)
{
	const struct sweep *sweep = userdata;
	_cleanup_free_ char *device = xstrdup(pin), *path = pin_path(sweep->bpffs, PIN_LINKS, pin);
	char *end = strrchr(device, '_');

	if (end)
		*end = 0;
	if (sweep->is_kept(device, sweep->userdata))
		return 0;
	return unlink(path) < 0 ? -errno : 0;
}

/* Filters have no pins: all devices are asked. */
static int sweep_filters(const struct sweep *sweep)
{
	struct if_nameindex *devices = if_nameindex();
	int r = 0;

	for (const struct if_nameindex *device = devices; device && device->if_index && !r; device++) {
		const struct attach_device on = {.name = device->if_name, .ifindex = device->if_index};

		for (int hook = 0; hook < HOOKS && !r && !sweep->is_kept(on.name, sweep->userdata); hook++)
			r = clsact_detach(&on, hook);
	}
	if (!devices)
		return -errno;
	if_freenameindex(devices);
	return r;
}

int attach_sweep(const char *bpffs, bool (*is_kept)(const char *device, void *userdata), void *userdata)
{
	struct sweep sweep = {.bpffs = bpffs, .is_kept = is_kept, .userdata = userdata};
	int r = pins_each(bpffs, PIN_LINKS, sweep_pin, &sweep), s = sweep_filters(&sweep);

	return r ? r : s;
}
