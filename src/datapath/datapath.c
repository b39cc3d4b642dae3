/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/datapath.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "datapath/attach.h"
#include "datapath/object.h"
#include "datapath/pins.h"

/* Which programs a device of each kind gets. A further program is a row or a column here. */
static const struct {
	enum object object;
	const char *program[HOOKS];
} device_programs[] = {
	[DEVICE_ENDPOINT] = {OBJECT_CONTAINER, {"from_container", "to_container"}},
	[DEVICE_OVERLAY] = {OBJECT_OVERLAY, {"from_overlay", "to_overlay"}},
	[DEVICE_UPLINK] = {OBJECT_NETDEV, {"from_netdev", "to_netdev"}},
};

struct device {
	uint32_t ifindex;
	enum device_kind kind;
	char name[IF_NAMESIZE];
};

struct datapath {
	char *bpffs;
	enum attach_mode mode;
	struct bpf_object *object[OBJECTS];
	struct maps maps;
	struct device *devices;
	size_t device_count;
};

static int datapath_load(struct datapath *datapath, const struct datapath_options *options, struct error *error)
{
	int r = pins_prepare(options->bpffs, error);

	for (int i = 0; i < OBJECTS && !r; i++)
		r = object_load(i, options, &datapath->object[i], error);
	if (!r)
		r = maps_open(options->bpffs, &datapath->maps, error);
	if (r)
		return r;
	/* A new map's epoch is 0, in which nothing is decided. What was decided by earlier programs is decided anew. */
	maps_bump_epoch(&datapath->maps);
	return 0;
}

int datapath_open(const struct datapath_options *options, struct datapath **ret, struct error *error)
{
	_cleanup_(datapath_freep) struct datapath *datapath = xnew(struct datapath);
	int r;

	datapath->bpffs = xstrdup(options->bpffs);
	datapath->mode = options->attach;
	r = datapath_load(datapath, options, error);
	if (!r)
		*ret = TAKE_PTR(datapath);
	return r;
}

void datapath_free(struct datapath *datapath)
{
	if (!datapath)
		return;
	maps_close(&datapath->maps);
	for (int i = 0; i < OBJECTS; i++)
		bpf_object__close(datapath->object[i]);
	free(datapath->devices);
	free(datapath->bpffs);
	free(datapath);
}

const struct maps *datapath_maps(const struct datapath *datapath)
{
	return &datapath->maps;
}

int datapath_program(const struct datapath *datapath, const char *name)
{
	for (int i = 0; i < OBJECTS; i++) {
		struct bpf_program *program = bpf_object__find_program_by_name(datapath->object[i], name);

		if (program)
			return bpf_program__fd(program);
	}
	return -ENOENT;
}

const char *datapath_attach_name(const struct datapath *datapath)
{
	static const char *const names[] = {[ATTACH_AUTO] = "auto", [ATTACH_TCX] = "tcx", [ATTACH_CLSACT] = "clsact"};

	return names[datapath->mode];
}

static struct device *device_find(const struct datapath *datapath, uint32_t ifindex)
{
	for (size_t i = 0; i < datapath->device_count; i++)
		if (datapath->devices[i].ifindex == ifindex)
			return &datapath->devices[i];
	return NULL;
}

static void device_remember(struct datapath *datapath, enum device_kind kind, uint32_t ifindex, const char *name)
{
	struct device *device = device_find(datapath, ifindex);

	if (!device) {
		datapath->devices =
			xrealloc(datapath->devices, (datapath->device_count + 1) * sizeof(*datapath->devices));
		device = &datapath->devices[datapath->device_count++];
	}
	*device = (struct device){.ifindex = ifindex, .kind = kind};
	strncpy(device->name, name, sizeof(device->name) - 1);
}

static struct attach_device attach_device(const struct datapath *datapath, const char *name, uint32_t ifindex)
{
	return (struct attach_device){.bpffs = datapath->bpffs, .name = name, .ifindex = ifindex};
}

int datapath_attach(struct datapath *datapath, enum device_kind kind, uint32_t ifindex, const char *device,
                    struct error *error)
{
	struct bpf_object *object = datapath->object[device_programs[kind].object];
	struct attach_device on = attach_device(datapath, device, ifindex);
	bool known = device_find(datapath, ifindex);
	int r = 0;

	for (int hook = 0; hook < HOOKS && !r; hook++) {
		const char *name = device_programs[kind].program[hook];

		r = attach_program(&on, hook, bpf_object__find_program_by_name(object, name), &datapath->mode, error);
	}
	if (!r)
		device_remember(datapath, kind, ifindex, device);
	else if (!known)
		for (int hook = 0; hook < HOOKS; hook++)
			attach_remove(&on, hook);
	return r;
}

int datapath_detach(struct datapath *datapath, uint32_t ifindex, const char *device)
{
	struct attach_device from = attach_device(datapath, device, ifindex);
	struct device *known = device_find(datapath, ifindex);
	int r, s;

	r = attach_remove(&from, HOOK_INGRESS);
	s = attach_remove(&from, HOOK_EGRESS);
	if (known)
		*known = datapath->devices[--datapath->device_count];
	return r ? r : s;
}

int datapath_remove(struct datapath *datapath, struct error *error)
{
	while (datapath->device_count) {
		struct device device = datapath->devices[0];
		int r = datapath_detach(datapath, device.ifindex, device.name);

		if (r)
			return error_set_errno(error, r, "cannot detach from %s", device.name);
	}
	return pins_remove(datapath->bpffs, error);
}

static int device_check(const struct datapath *datapath, const struct device *device, struct error *error)
{
	const struct attach_device on = attach_device(datapath, device->name, device->ifindex);
	const struct bpf_object *object = datapath->object[device_programs[device->kind].object];

	for (int hook = 0; hook < HOOKS; hook++) {
		const char *name = device_programs[device->kind].program[hook];

		if (attach_check(&on, hook, bpf_object__find_program_by_name(object, name), datapath->mode))
			return error_set(error, -ENOENT, "the program %s is gone from %s: restart the agent", name,
			                 device->name);
	}
	return 0;
}

int datapath_check(const struct datapath *datapath, enum device_kind kind, uint32_t ifindex, struct error *error)
{
	bool found = false;
	int r = 0;

	for (size_t i = 0; i < datapath->device_count && !r; i++) {
		const struct device *device = &datapath->devices[i];

		if (device->kind != kind || (ifindex && device->ifindex != ifindex))
			continue;
		found = true;
		r = device_check(datapath, device, error);
	}
	return found || !ifindex ? r : error_set(error, -ENOENT, "no programs were attached to it: restart the agent");
}

int datapath_each_attachment(const struct datapath *datapath,
                             int (*each)(const struct attachment *attachment, void *userdata), void *userdata)
{
	for (size_t i = 0; i < datapath->device_count; i++) {
		const struct device *device = &datapath->devices[i];

		for (int hook = 0; hook < HOOKS; hook++) {
			struct attachment attachment = {
				.program = device_programs[device->kind].program[hook],
				.device = device->name,
				.hook = attach_hook_name(datapath->mode, hook),
			};
			int r = each(&attachment, userdata);

			if (r)
				return r;
		}
	}
	return 0;
}
