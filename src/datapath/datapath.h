/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel half, loaded and attached: one set of programs for the whole node, pinned below bpffs/pilus together with
 * its maps and links, so that it outlives the agent.
 *
 * Opening adopts the pinned maps if they are as these programs want them; then attaching replaces programs at once.
 * Else there is a new set of maps (abi/maps.h), the programs before go on with theirs, and attaching only takes note
 * until the caller has filled the new maps and says so: datapath_take_over.
 */
#ifndef PILUS_DATAPATH_DATAPATH_H
#define PILUS_DATAPATH_DATAPATH_H

#include <stdbool.h>

#include "abi/event.h"
#include "datapath/maps.h"

enum attach_mode {
	ATTACH_AUTO, /* tcx where attaching it succeeds, else clsact */
	ATTACH_TCX,
	ATTACH_CLSACT,
};

/* How the prefilter is attached. */
enum xdp_mode {
	XDP_AUTO, /* by the driver where that succeeds, else by the kernel's generic hook */
	XDP_NATIVE,
	XDP_GENERIC,
};

struct datapath_options {
	const char *bpffs; /* where a BPF file system is mounted */
	struct node_config config;
	enum attach_mode attach;
	bool short_cuts; /* sockets of endpoints may take them (abi/socket.h) */
	struct map_sizes sizes;
};

struct datapath;

/* Loads all programs. On failure nothing is left attached that was not before. The caller frees *ret. */
int datapath_open(const struct datapath_options *options, struct datapath **ret, struct error *error);

/* Lets go of file descriptors only: what is attached stays. */
void datapath_free(struct datapath *datapath);
DEFINE_CLEANUP(struct datapath *, datapath_free)

/* The maps are new, and programs with other maps are at work: fill them, attach, then call datapath_take_over. */
bool datapath_is_waiting(const struct datapath *datapath);

/*
 * All that shall be attached is. What waited takes over, with what the programs before had learnt, and whatever else an
 * earlier agent had attached is removed.
 */
int datapath_take_over(struct datapath *datapath, struct error *error);

/* Detaches everything, whoever attached it, and removes the pins. No agent may be running. */
int datapath_remove(const char *bpffs, struct error *error);

const struct maps *datapath_maps(const struct datapath *datapath);

/* As the programs were told. */
const struct node_config *datapath_config(const struct datapath *datapath);

/* As it was opened with; lives as long. */
const struct datapath_options *datapath_options(const struct datapath *datapath);

/* The descriptor of a loaded program, "from_container": to run it on a packet without a device. -ENOENT when there is
 * no such program. It stays the datapath's. */
int datapath_program(const struct datapath *datapath, const char *name);

/* Do sockets take short cuts? If not although it was asked for, *why says what is missing. */
bool datapath_has_short_cuts(const struct datapath *datapath, struct error *why);

/* "tcx" or "clsact": how devices are attached, once settled. */
const char *datapath_attach_name(const struct datapath *datapath);

/* Can adjust_room turn an IPv4 frame into an IPv6 one? Found by trying; goes to node_config.decap_v6. */
bool datapath_probe_decap_v6(void);

/*
 * The kinds of device, each with its programs at ingress and egress. Attaching again replaces the programs atomically.
 * After a failure, detach the device or attach it again: one of its programs may be attached.
 *
 * Nobody waits for a new tcx link, which takes tens of ms: where there is none yet, clsact does for now (ATTACH_AUTO).
 * datapath_settle attaches one such device anew. Returns 1, 0 when there is none, or −errno.
 */
enum device_kind { DEVICE_ENDPOINT, DEVICE_OVERLAY, DEVICE_UPLINK };
int datapath_attach(struct datapath *datapath, enum device_kind kind, uint32_t ifindex, const char *device,
                    struct error *error);
int datapath_settle(struct datapath *datapath, struct error *error);

/* Also what an earlier agent attached. The device may be gone already. */
int datapath_detach(struct datapath *datapath, uint32_t ifindex, const char *device);

/*
 * What the uplinks refuse from now on: on each, one revision or the other, never none. NULL: nothing. It stays the
 * caller's, who keeps it until another is set. On failure nothing has changed. Not while datapath_is_waiting.
 */
struct prefilter;
int datapath_set_prefilter(struct datapath *datapath, const struct prefilter *prefilter, enum xdp_mode wanted,
                           struct error *error);

/* Asks the kernel: are the programs on the device (ifindex 0: on all that were given it)? -ENOENT with words. */
int datapath_check(const struct datapath *datapath, enum device_kind kind, uint32_t ifindex, struct error *error);

/*
 * Attaches the programs that look at sockets to a cgroup, for all processes in it and below. Attaching again replaces
 * them, also on another cgroup. NULL: to none, and datapath_take_over removes what is attached.
 */
int datapath_attach_cgroup(struct datapath *datapath, const char *cgroup, struct error *error);

/* Asks the kernel: are they on a cgroup that is there? -ENOENT with words. Attached to none, all is well. */
int datapath_check_cgroup(const struct datapath *datapath, struct error *error);

/* Where the hierarchy of cgroups v2 is mounted; NULL: it is not. */
const char *datapath_cgroup_default(void);

/* The cookie of the network namespace that the calling process is in, as programs see it; 0: not to be had. */
uint64_t datapath_netns_cookie(void);

/* What is attached: for `pilus status`. */
struct attachment {
	const char *program; /* "from_container" */
	const char *device;  /* or cgroup: its path */
	const char *hook;    /* "tcx/ingress", "clsact/egress", "xdp/native", "cgroup/connect4" */
};
int datapath_each_attachment(const struct datapath *datapath,
                             int (*each)(const struct attachment *attachment, void *userdata), void *userdata);

/*
 * The ring buffer's descriptor for an event loop, and its reader: calls `event` for the records there are, some
 * thousands at most (the descriptor stays readable), and returns how many, or −errno.
 */
struct datapath_events;
int datapath_events_open(const struct maps *maps, void (*event)(const struct event *event, size_t size, void *userdata),
                         void *userdata, struct datapath_events **ret);
int datapath_events_fd(const struct datapath_events *events);
int datapath_events_read(struct datapath_events *events);
void datapath_events_free(struct datapath_events *events);

#endif
