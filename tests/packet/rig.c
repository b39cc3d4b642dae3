/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "abi/fragment.h"
#include "base/addr.h"
#include "base/memory.h"
#include "datapath/flow_table.h"
#include "datapath/nat_table.h"
#include "net/link.h"
#include "net/netlink.h"

/* linux/bpf.h since 6.18 */
#ifndef BPF_F_TEST_SKB_CHECKSUM_COMPLETE
#define BPF_F_TEST_SKB_CHECKSUM_COMPLETE (1U << 2)
#endif

static int rig_add_devices(struct rig *rig, struct netlink *netlink, struct error *error)
{
	static const char *const names[RIG_DEVICES] = {"plx1", "plx2", "plx3", "uplink", "pilus_vxlan"};
	int r = 0;

	for (int i = 0; i < RIG_DEVICES && !r; i++) {
		char peer[IFNAMSIZ];
		struct veth veth = {.name = names[i], .peer_name = peer, .peer_netns_fd = -1, .mtu = 1500};
		struct link link;

		snprintf(peer, sizeof(peer), "peer%d", i);
		memcpy(veth.mac, (uint8_t[]){2, 0, 0, 0, 1, i}, ETH_ALEN);
		memcpy(veth.peer_mac, (uint8_t[]){2, 0, 0, 0, 2, i}, ETH_ALEN);
		memcpy(rig->mac[i], veth.mac, ETH_ALEN);
		memcpy(rig->pod_mac[i], veth.peer_mac, ETH_ALEN);
		r = link_add_veth(netlink, &veth, error);
		if (!r)
			r = link_get(netlink, names[i], &link, error);
		if (!r)
			rig->ifindex[i] = link.ifindex;
	}
	return r;
}

static int rig_load(struct rig *rig, const struct node_config *config, struct error *error)
{
	struct datapath_options options = {
		.bpffs = rig->folder,
		.config = *config,
		.short_cuts = true,
		.sizes = {.flows = FLOWS_MAX, .nat = NAT_MAX},
	};
	int r;

	options.config.overlay_ifindex = rig->ifindex[DEVICE_TUNNEL];
	options.config.vxlan_port = VXLAN_PORT;
	options.config.netns_cookie = datapath_netns_cookie();
	options.config.services = 1;
	options.config.node_port_first = NODE_PORT_FIRST;
	options.config.node_port_last = NODE_PORT_LAST;
	options.config.masquerade = MASQUERADE_V4 | MASQUERADE_V6;
	r = datapath_open(&options, &rig->datapath, error);
	rig->config = options.config;
	if (!r)
		rig->maps = datapath_maps(rig->datapath);
	return r;
}

static int rig_leave_namespaces(struct rig *rig, struct error *error)
{
	strcpy(rig->folder, "/tmp/pilus-packet-XXXXXX");
	if (!mkdtemp(rig->folder))
		return error_set_errno(error, -errno, "cannot make a folder in /tmp");
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		return error_set_errno(error, -errno, "cannot leave the namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("bpf", rig->folder, "bpf", 0, NULL) < 0)
		return error_set_errno(error, -errno, "cannot mount a BPF file system on %s", rig->folder);
	return 0;
}

int rig_open(const struct node_config *config, struct rig *ret, struct error *error)
{
	_cleanup_(netlink_freep) struct netlink *netlink = NULL;
	struct rig rig = {};
	int r = rig_leave_namespaces(&rig, error);

	if (!r)
		r = netlink_open(NULL, &netlink, error);
	if (!r)
		r = rig_add_devices(&rig, netlink, error);
	if (!r)
		r = rig_load(&rig, config, error);
	if (r)
		rig_close(&rig);
	else
		*ret = rig;
	return r;
}

void rig_close(struct rig *rig)
{
	if (rig->datapath)
		datapath_remove(rig->folder, NULL);
	datapath_free(rig->datapath);
	umount2(rig->folder, MNT_DETACH);
	rmdir(rig->folder);
	*rig = (struct rig){};
}

static struct addr address(const char *text)
{
	struct addr addr = {};

	addr_parse(text, &addr);
	return addr;
}

int rig_set_endpoint(const struct rig *rig, uint16_t id, enum rig_device device, const char *v4, const char *v6)
{
	struct endpoint endpoint = {
		.ifindex = rig->ifindex[device],
		.identity = 1000 + id,
		.v4 = address(v4),
		.v6 = address(v6),
	};

	memcpy(endpoint.pod_mac, rig->pod_mac[device], ETH_ALEN);
	memcpy(endpoint.host_mac, rig->mac[device], ETH_ALEN);
	return endpoint_map_set(rig->maps, id, &endpoint);
}

static int rig_set_node(const struct rig *rig)
{
	struct node node = {
		.remote = address(PEER4),
		.local = address(HOST4),
		.next_hop = address(GATEWAY4),
		.ifindex = rig->ifindex[DEVICE_WIRE],
		.flags = NODE_NEIGHBOUR_KNOWN | NODE_DIRECT,
		.mtu = POD_MTU,
	};

	memcpy(node.local_mac, rig->mac[DEVICE_WIRE], ETH_ALEN);
	memcpy(node.next_hop_mac, rig->pod_mac[DEVICE_WIRE], ETH_ALEN);
	return node_map_set(rig->maps, NODE_PEER, &node);
}

static int rig_set_ipcache(const struct rig *rig)
{
	static const struct {
		const char *prefix;
		struct ipcache_entry entry;
	} entries[] = {
		{POD_A4, {.identity = IDENTITY_A}},
		{POD_A6, {.identity = IDENTITY_A}},
		{POD_B4, {.identity = IDENTITY_B}},
		{POD_B6, {.identity = IDENTITY_B}},
		{POD_C4, {.identity = IDENTITY_C, .node = NODE_PEER}},
		{POD_C6, {.identity = IDENTITY_C, .node = NODE_PEER}},
		{POD_D4, {.identity = IDENTITY_D, .node = NODE_MISSING}},
		{POD_D6, {.identity = IDENTITY_D, .node = NODE_MISSING}},
		{PEER4, {.identity = IDENTITY_REMOTE_NODE}},
		{HOST4, {.identity = IDENTITY_HOST}},
		{HOST6, {.identity = IDENTITY_HOST}},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]) && !r; i++) {
		struct prefix prefix;

		r = prefix_parse(entries[i].prefix, &prefix);
		if (!r)
			r = ipcache_set(rig->maps, &prefix, &entries[i].entry);
	}
	return r;
}

static int rig_set_hosts(const struct rig *rig)
{
	static const char *const hosts[] = {HOST4, HOST6, OVERLAY4, OVERLAY6};
	int r = 0;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && !r; i++) {
		struct addr addr = address(hosts[i]);

		r = local_map_set_host(rig->maps, &addr);
	}
	return r;
}

static int rig_set_masquerade(const struct rig *rig)
{
	const struct {
		const char *prefix, *source;
		uint32_t uplink;
	} entries[] = {
		{"0.0.0.0/0", HOST4, rig->ifindex[DEVICE_WIRE]},
		{"::/0", HOST6, rig->ifindex[DEVICE_WIRE]},
		{"0.0.0.0/0", OVERLAY4, MASQUERADE_TO_NODES},
		{"::/0", OVERLAY6, MASQUERADE_TO_NODES},
		{KEPT4, NULL, 0},
		{KEPT6, NULL, 0},
	};
	int r = 0;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]) && !r; i++) {
		struct addr source = address(entries[i].source ?: HOST4);
		struct prefix prefix;

		r = prefix_parse(entries[i].prefix, &prefix);
		if (!r)
			r = masquerade_set(rig->maps, entries[i].uplink, &prefix, &source);
	}
	return r;
}

static int clear_map(int fd, size_t key_size)
{
	uint8_t key[64];
	int r = 0;

	if (key_size > sizeof(key))
		return -EINVAL;
	while (!r && !bpf_map_get_next_key(fd, NULL, key))
		r = bpf_map_delete_elem(fd, key);
	return r;
}

static int clear_metrics(int fd)
{
	int cpus = libbpf_num_possible_cpus(), r = 0;
	_cleanup_free_ struct metric *none = xcalloc(cpus, sizeof(*none));

	for (uint32_t i = 0; i < METRIC_COUNT && !r; i++)
		r = bpf_map_update_elem(fd, &i, none, BPF_ANY);
	return r;
}

/* What earlier tests have put among the endpoints and nodes. */
static int rig_clear_ids(const struct rig *rig)
{
	int r = 0;

	for (uint16_t id = 1; id < 32 && !r; id++) {
		r = endpoint_map_clear(rig->maps, id);
		if (!r)
			r = node_map_clear(rig->maps, id);
	}
	return r;
}

static int rig_clear(const struct rig *rig)
{
	int r = rig_clear_ids(rig);

	if (!r)
		r = clear_map(rig->maps->ipcache, sizeof(struct ipcache_key));
	if (!r)
		r = clear_map(rig->maps->local, sizeof(struct addr));
	if (!r)
		r = clear_map(rig->maps->masquerade, sizeof(struct masquerade_key));
	if (!r)
		r = clear_map(rig->maps->fragments, sizeof(struct fragment_key));
	if (!r)
		r = clear_map(rig->maps->policy, sizeof(struct policy_key));
	if (!r)
		r = clear_map(rig->maps->policy_cidrs, sizeof(struct policy_cidr_key));
	if (!r)
		r = flow_table_flush(rig->maps, NULL);
	if (!r)
		r = nat_table_flush(rig->maps, NULL);
	if (!r)
		r = clear_metrics(rig->maps->metrics);
	return r;
}

int rig_reset(const struct rig *rig)
{
	int r = rig_clear(rig);

	maps_listen(rig->maps, 0);
	if (!r)
		r = rig_set_endpoint(rig, ID_A, DEVICE_A, POD_A4, POD_A6);
	if (!r)
		r = rig_set_endpoint(rig, ID_B, DEVICE_B, POD_B4, POD_B6);
	if (!r)
		r = rig_set_node(rig);
	if (!r)
		r = rig_set_ipcache(rig);
	if (!r)
		r = rig_set_hosts(rig);
	if (!r)
		r = rig_set_masquerade(rig);
	maps_bump_epoch(rig->maps);
	return r;
}

int rig_run(const struct rig *rig, const struct rig_run *run, const struct frame *frame, struct outcome *ret)
{
	struct __sk_buff skb = {.ifindex = rig->ifindex[run->device],
	                        .ingress_ifindex = run->came_by,
	                        .mark = run->mark},
			 skb_out = {};
	struct outcome outcome = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = frame->size,
	            .data_out = outcome.frame.bytes, .data_size_out = sizeof(outcome.frame.bytes), .ctx_in = &skb,
	            .ctx_size_in = sizeof(skb), .ctx_out = &skb_out, .ctx_size_out = sizeof(skb_out),
	            .repeat = run->repeat ? run->repeat : 1,
	            .flags = run->checksum_complete ? BPF_F_TEST_SKB_CHECKSUM_COMPLETE : 0);
	int r, program = datapath_program(rig->datapath, run->program);

	if (program < 0)
		return program;
	r = bpf_prog_test_run_opts(program, &options);
	if (r)
		return r;
	outcome.verdict = (int)options.retval;
	outcome.duration = options.duration;
	outcome.mark = skb_out.mark;
	outcome.frame.size = options.data_size_out;
	*ret = outcome;
	return 0;
}
