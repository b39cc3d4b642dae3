/* SPDX-License-Identifier: Apache-2.0 */
#include "datapath/datapath.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "datapath/attach.h"
#include "datapath/attach_cgroup.h"
#include "datapath/attach_xdp.h"
#include "datapath/carry.h"
#include "datapath/object.h"
#include "datapath/pins.h"
#include "datapath/prefilter.h"
#include "datapath/socket_map.h"

/* Which programs a device of each kind gets. A further program is a row or a column here. */
static const struct {
	enum object object;
	const char *program[HOOKS];
} device_programs[] = {
	[DEVICE_ENDPOINT] = {OBJECT_CONTAINER, {"from_container", "to_container"}},
	[DEVICE_OVERLAY] = {OBJECT_OVERLAY, {"from_overlay", "to_overlay"}},
	[DEVICE_UPLINK] = {OBJECT_NETDEV, {"from_netdev", "to_netdev"}},
};

/* Which programs a cgroup gets: for services, but the last. */
static const struct {
	enum object object;
	const char *program, *hook;
} cgroup_programs[] = {
	{OBJECT_SOCKET, "connect4", "cgroup/connect4"},         {OBJECT_SOCKET, "connect6", "cgroup/connect6"},
	{OBJECT_SOCKET, "sendmsg4", "cgroup/sendmsg4"},         {OBJECT_SOCKET, "sendmsg6", "cgroup/sendmsg6"},
	{OBJECT_SOCKET, "recvmsg4", "cgroup/recvmsg4"},         {OBJECT_SOCKET, "recvmsg6", "cgroup/recvmsg6"},
	{OBJECT_SOCKET, "getpeername4", "cgroup/getpeername4"}, {OBJECT_SOCKET, "getpeername6", "cgroup/getpeername6"},
	{OBJECT_SOCKET, "post_bind4", "cgroup/post_bind4"},     {OBJECT_SOCKET, "post_bind6", "cgroup/post_bind6"},
	{OBJECT_SOCKET, "sock_release", "cgroup/sock_release"}, {OBJECT_SOCKOPS, "sock_ops", "cgroup/sock_ops"},
};
#define CGROUP_PROGRAMS (sizeof(cgroup_programs) / sizeof(cgroup_programs[0]))

struct device {
	uint32_t ifindex;
	enum device_kind kind;
	enum attach_mode mode; /* ATTACH_AUTO: not attached yet */
	char name[IF_NAMESIZE];
};

struct datapath {
	char *bpffs;
	struct node_config config;
	struct datapath_options options;
	enum attach_mode mode; /* how devices are attached in the end: tcx or clsact */
	bool hasty;            /* first by clsact, where that is quicker */
	struct bpf_object *object[OBJECTS];
	struct bpf_object *short_cuts; /* NULL: sockets take none */
	struct error no_short_cuts;    /* why, if they should */
	struct maps maps;
	const struct prefilter *prefilter; /* on the uplinks; NULL: none */
	bool waiting;                      /* the maps are not in use yet */
	struct device *devices;
	size_t device_count;
	char *cgroup; /* NULL: none */
};

static int is_there(const char *name, void *userdata)
{
	return 1;
}

static bool datapath_fits(const struct datapath *datapath)
{
	if (!pins_each(datapath->bpffs, PIN_MAPS, is_there, NULL))
		return true; /* nobody has been here before */
	for (int i = 0; i < OBJECTS; i++)
		if (!object_fits(datapath->object[i], datapath->bpffs))
			return false;
	return true;
}

/* For sockets to come: those that are there keep the program that they were established with. */
static int attach_short_cuts(const struct datapath *datapath, struct error *error)
{
	const struct bpf_program *program = bpf_object__find_program_by_name(datapath->short_cuts, "short_cut");
	int r = bpf_prog_attach(bpf_program__fd(program), datapath->maps.receivers, BPF_SK_MSG_VERDICT, 0);

	return r ? error_set_errno(error, r, "cannot attach the short cut to the sockets") : 0;
}

/* The node is whole without it: who asks is told. What is noted of sockets is of no use then, and ends the short cuts
 * of those that an agent before had given one. */
static int load_short_cuts(struct datapath *datapath, const char *folder)
{
	struct error *error = &datapath->no_short_cuts;
	int r = -ENOENT;

	if (datapath->options.short_cuts)
		r = object_open(OBJECT_SK_MSG, &datapath->options, &datapath->short_cuts, error);
	if (!r)
		r = object_load(datapath->short_cuts, datapath->bpffs, folder, error);
	if (!r)
		r = attach_short_cuts(datapath, error);
	if (!r)
		return 0;
	bpf_object__close(TAKE_PTR(datapath->short_cuts));
	return socket_map_flush(&datapath->maps);
}

static int datapath_load(struct datapath *datapath, const struct datapath_options *options, struct error *error)
{
	const char *folder;
	int r = pins_prepare(options->bpffs, error);

	for (int i = 0; i < OBJECTS && !r; i++)
		r = object_open(i, options, &datapath->object[i], error);
	if (r)
		return r;
	datapath->waiting = !datapath_fits(datapath);
	folder = datapath->waiting ? PIN_NEXT : PIN_MAPS;
	r = pins_make(options->bpffs, folder, error);
	if (!r)
		r = objects_load(datapath->object, OBJECTS, options->bpffs, folder, error);
	if (!r)
		r = maps_open_in(options->bpffs, folder, &datapath->maps, error);
	if (r)
		return r;
	r = load_short_cuts(datapath, folder);
	if (r)
		return error_set_errno(error, r, "cannot end the short cuts of sockets");
	/* What was decided by earlier programs is decided anew. */
	maps_bump_epoch(&datapath->maps);
	return 0;
}

int datapath_open(const struct datapath_options *options, struct datapath **ret, struct error *error)
{
	_cleanup_(datapath_freep) struct datapath *datapath = xnew(struct datapath);
	int r;

	datapath->bpffs = xstrdup(options->bpffs);
	datapath->config = options->config;
	datapath->options = *options;
	datapath->options.bpffs = datapath->bpffs;
	datapath->hasty = options->attach == ATTACH_AUTO && attach_tcx_is_known();
	datapath->mode = options->attach != ATTACH_AUTO ? options->attach
	                 : datapath->hasty              ? ATTACH_TCX
	                                                : ATTACH_CLSACT;
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
	bpf_object__close(datapath->short_cuts);
	free(datapath->devices);
	free(datapath->cgroup);
	free(datapath->bpffs);
	free(datapath);
}

const struct maps *datapath_maps(const struct datapath *datapath)
{
	return &datapath->maps;
}

const struct datapath_options *datapath_options(const struct datapath *datapath)
{
	return &datapath->options;
}

const struct node_config *datapath_config(const struct datapath *datapath)
{
	return &datapath->config;
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

bool datapath_has_short_cuts(const struct datapath *datapath, struct error *why)
{
	*why = datapath->no_short_cuts;
	if (datapath->short_cuts && !datapath->cgroup)
		error_set(why, -ENODEV, "no hierarchy of cgroups v2 is mounted");
	return datapath->short_cuts && datapath->cgroup;
}

const char *datapath_attach_name(const struct datapath *datapath)
{
	return datapath->mode == ATTACH_TCX ? "tcx" : "clsact";
}

static struct device *device_find(const struct datapath *datapath, uint32_t ifindex)
{
	for (size_t i = 0; i < datapath->device_count; i++)
		if (datapath->devices[i].ifindex == ifindex)
			return &datapath->devices[i];
	return NULL;
}

static struct device *device_remember(struct datapath *datapath, enum device_kind kind, uint32_t ifindex,
                                      const char *name)
{
	struct device *device = device_find(datapath, ifindex);

	if (!device) {
		datapath->devices =
			xrealloc(datapath->devices, (datapath->device_count + 1) * sizeof(*datapath->devices));
		device = &datapath->devices[datapath->device_count++];
	}
	*device = (struct device){.ifindex = ifindex, .kind = kind};
	strncpy(device->name, name, sizeof(device->name) - 1);
	return device;
}

static struct attach_device attach_device(const struct datapath *datapath, const char *name, uint32_t ifindex)
{
	return (struct attach_device){.bpffs = datapath->bpffs, .name = name, .ifindex = ifindex};
}

/* One that went meanwhile needs nothing. */
static bool device_is_there(const struct device *device)
{
	return if_nametoindex(device->name) == device->ifindex;
}

static int device_attach(const struct datapath *datapath, struct device *device, enum attach_mode mode,
                         struct error *error)
{
	const struct bpf_object *object = datapath->object[device_programs[device->kind].object];
	struct attach_device on = attach_device(datapath, device->name, device->ifindex);
	int r = 0;

	for (int hook = 0; hook < HOOKS && !r; hook++) {
		const char *name = device_programs[device->kind].program[hook];

		r = attach_program(&on, hook, bpf_object__find_program_by_name(object, name), mode, error);
	}
	if (!r)
		device->mode = mode;
	return r;
}

static int device_attach_at_once(const struct datapath *datapath, struct device *device, struct error *error)
{
	const struct attach_device on = attach_device(datapath, device->name, device->ifindex);

	if (datapath->hasty && !attach_has_link(&on, HOOK_INGRESS) &&
	    !device_attach(datapath, device, ATTACH_CLSACT, NULL))
		return 0;
	return device_attach(datapath, device, datapath->mode, error);
}

int datapath_attach(struct datapath *datapath, enum device_kind kind, uint32_t ifindex, const char *device,
                    struct error *error)
{
	struct device *added = device_remember(datapath, kind, ifindex, device);

	return datapath->waiting ? 0 : device_attach_at_once(datapath, added, error);
}

int datapath_settle(struct datapath *datapath, struct error *error)
{
	for (size_t i = 0; i < datapath->device_count; i++) {
		struct device *device = &datapath->devices[i];
		int r;

		if (device->mode == datapath->mode || !device_is_there(device))
			continue;
		r = device_attach(datapath, device, datapath->mode, error);
		return r ? r : 1;
	}
	return 0;
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

static int device_set_prefilter(const struct datapath *datapath, const struct device *device,
                                const struct prefilter *prefilter, enum xdp_mode wanted, struct error *error)
{
	const struct attach_device on = attach_device(datapath, device->name, device->ifindex);
	int r;

	if (prefilter)
		return attach_xdp(&on, prefilter_program(prefilter), wanted, error);
	r = attach_xdp_remove(&on);
	return r ? error_set_errno(error, r, "cannot detach the prefilter from %s", device->name) : 0;
}

int datapath_set_prefilter(struct datapath *datapath, const struct prefilter *prefilter, enum xdp_mode wanted,
                           struct error *error)
{
	size_t done = 0;
	int r = 0;

	for (; done < datapath->device_count && !r; done++)
		if (datapath->devices[done].kind == DEVICE_UPLINK)
			r = device_set_prefilter(datapath, &datapath->devices[done], prefilter, wanted, error);
	if (!r) {
		datapath->prefilter = prefilter;
		return 0;
	}
	/* The last one has failed. */
	for (size_t i = 0; i + 1 < done; i++)
		if (datapath->devices[i].kind == DEVICE_UPLINK)
			device_set_prefilter(datapath, &datapath->devices[i], datapath->prefilter, wanted, NULL);
	return r;
}

static struct bpf_program *cgroup_program(const struct datapath *datapath, size_t i)
{
	return bpf_object__find_program_by_name(datapath->object[cgroup_programs[i].object],
	                                        cgroup_programs[i].program);
}

static bool cgroup_wants(const struct datapath *datapath, size_t i)
{
	return datapath->cgroup &&
	       (cgroup_programs[i].object == OBJECT_SOCKOPS ? !!datapath->short_cuts : datapath->config.services);
}

static int cgroup_attach(const struct datapath *datapath, struct error *error)
{
	int r = 0;

	for (size_t i = 0; i < CGROUP_PROGRAMS && !r; i++)
		if (cgroup_wants(datapath, i))
			r = attach_cgroup(datapath->bpffs, datapath->cgroup, cgroup_program(datapath, i), error);
	return r;
}

int datapath_attach_cgroup(struct datapath *datapath, const char *cgroup, struct error *error)
{
	free(datapath->cgroup);
	datapath->cgroup = cgroup ? xstrdup(cgroup) : NULL;
	return datapath->waiting ? 0 : cgroup_attach(datapath, error);
}

int datapath_check_cgroup(const struct datapath *datapath, struct error *error)
{
	for (size_t i = 0; i < CGROUP_PROGRAMS; i++)
		if (cgroup_wants(datapath, i) && attach_cgroup_check(datapath->bpffs, cgroup_program(datapath, i)))
			return error_set(error, -ENOENT, "the program %s is gone from the cgroup %s: restart the agent",
			                 cgroup_programs[i].program, datapath->cgroup);
	return 0;
}

bool datapath_is_waiting(const struct datapath *datapath)
{
	return datapath->waiting;
}

static int attach_noted(struct datapath *datapath, struct error *error)
{
	int r = 0;

	for (size_t i = 0; i < datapath->device_count && !r; i++) {
		struct device *device = &datapath->devices[i];

		if (device_is_there(device))
			r = device_attach_at_once(datapath, device, error);
	}
	return r ? r : cgroup_attach(datapath, error);
}

/* The programs before go on learning until the last of them is replaced, so that there is something to copy after, too.
 */
static int replace_set(struct datapath *datapath, struct error *error)
{
	_cleanup_(maps_close) struct maps before = MAPS_CLOSED, left = MAPS_CLOSED;
	int r;

	carry_open(datapath->bpffs, &before);
	maps_open_state(datapath->bpffs, &left);
	r = carry(&before, &datapath->maps);
	if (r)
		return error_set_errno(error, r, "cannot copy what the programs have learnt");
	r = pins_take_over(datapath->bpffs, error);
	if (r)
		return r;
	datapath->waiting = false;
	r = attach_noted(datapath, error);
	if (r)
		return r;
	if (left.live)
		maps_bump_epoch(&left);
	r = carry(&before, &datapath->maps);
	return r ? error_set_errno(error, r, "cannot copy what the programs have learnt") : 0;
}

static bool is_device(const char *name, void *userdata)
{
	const struct datapath *datapath = userdata;

	for (size_t i = 0; i < datapath->device_count; i++)
		if (!strcmp(datapath->devices[i].name, name))
			return true;
	return false;
}

static bool is_on_cgroup(const char *name, void *userdata)
{
	const struct datapath *datapath = userdata;

	for (size_t i = 0; i < CGROUP_PROGRAMS; i++)
		if (cgroup_wants(datapath, i) && !strcmp(cgroup_programs[i].program, name))
			return true;
	return false;
}

int datapath_take_over(struct datapath *datapath, struct error *error)
{
	int r = datapath->waiting ? replace_set(datapath, error) : 0;

	if (r)
		return r;
	r = attach_sweep(datapath->bpffs, is_device, datapath);
	if (!r)
		r = attach_cgroup_sweep(datapath->bpffs, is_on_cgroup, datapath);
	return r ? error_set_errno(error, r, "cannot remove the programs of what is no longer used") : 0;
}

static bool is_none(const char *name, void *userdata)
{
	return false;
}

int datapath_remove(const char *bpffs, struct error *error)
{
	_cleanup_(maps_close) struct maps left = MAPS_CLOSED;
	int r;

	object_hear_libbpf();
	maps_open_state(bpffs, &left);
	if (left.live)
		maps_bump_epoch(&left);
	r = attach_sweep(bpffs, is_none, NULL);
	if (!r)
		r = attach_cgroup_sweep(bpffs, is_none, NULL);
	return r ? error_set_errno(error, r, "cannot detach all programs") : pins_remove(bpffs, error);
}

static int device_check(const struct datapath *datapath, const struct device *device, struct error *error)
{
	const struct attach_device on = attach_device(datapath, device->name, device->ifindex);
	const struct bpf_object *object = datapath->object[device_programs[device->kind].object];

	for (int hook = 0; hook < HOOKS; hook++) {
		const char *name = device_programs[device->kind].program[hook];

		if (attach_check(&on, hook, bpf_object__find_program_by_name(object, name), device->mode))
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

static int each_hook(const struct device *device, int (*each)(const struct attachment *attachment, void *userdata),
                     void *userdata)
{
	int r = 0;

	for (int hook = 0; hook < HOOKS && !r; hook++) {
		struct attachment attachment = {
			.program = device_programs[device->kind].program[hook],
			.device = device->name,
			.hook = attach_hook_name(device->mode, hook),
		};

		r = each(&attachment, userdata);
	}
	return r;
}

/* Whether it is still there, and how, is asked: others may attach and detach what they like. */
static int each_prefilter(const struct datapath *datapath, const struct device *device,
                          int (*each)(const struct attachment *attachment, void *userdata), void *userdata)
{
	const struct attach_device on = attach_device(datapath, device->name, device->ifindex);
	struct attachment attachment = {.program = "prefilter", .device = device->name};

	if (device->kind != DEVICE_UPLINK || !datapath->prefilter)
		return 0;
	attachment.hook = attach_xdp_hook_name(attach_xdp_mode(&on, prefilter_program(datapath->prefilter)));
	return each(&attachment, userdata);
}

static int each_on_cgroup(const struct datapath *datapath,
                          int (*each)(const struct attachment *attachment, void *userdata), void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < CGROUP_PROGRAMS && !r; i++)
		if (cgroup_wants(datapath, i))
			r = each(&(struct attachment){.program = cgroup_programs[i].program,
			                              .device = datapath->cgroup,
			                              .hook = cgroup_programs[i].hook},
			         userdata);
	return r;
}

int datapath_each_attachment(const struct datapath *datapath,
                             int (*each)(const struct attachment *attachment, void *userdata), void *userdata)
{
	int r = 0;

	for (size_t i = 0; i < datapath->device_count && !r; i++) {
		r = each_prefilter(datapath, &datapath->devices[i], each, userdata);
		if (!r)
			r = each_hook(&datapath->devices[i], each, userdata);
	}
	return r ? r : each_on_cgroup(datapath, each, userdata);
}
