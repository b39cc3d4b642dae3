/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node for the shipped programs to run on: this process alone in a network and a mount namespace of its own, with
 * devices, a BPF file system and the datapath loaded by src/datapath, as the agent loads it. Frames go through a
 * program by BPF_PROG_TEST_RUN: its verdict and the frame it leaves are real, what the kernel would do after a redirect
 * is not.
 *
 * What the kernel does not let a test run say: the tunnel key (from_overlay knows no sender here), VLAN tags in the
 * skb, pages outside the linear part, kinds of segmentation. The end-to-end tests have those.
 */
#ifndef PILUS_TESTS_PACKET_RIG_H
#define PILUS_TESTS_PACKET_RIG_H

#include "base/error.h"
#include "datapath/datapath.h"
#include "frame.h"

/* Everybody there is. On the wire, pods are masqueraded as the host. Pods a and b live here; c lives behind the peer
 * node, d behind none that is known. */
#define POD_A4       "10.1.0.1"
#define POD_A6       "fd00:1::1"
#define POD_B4       "10.1.0.2"
#define POD_B6       "fd00:1::2"
#define POD_C4       "10.2.0.9"
#define POD_C6       "fd00:2::9"
#define POD_D4       "10.3.0.9"
#define POD_D6       "fd00:3::9"
#define HOST4        "192.0.2.1"
#define HOST6        "2001:db8:0:2::1"
#define PEER4        "192.0.2.2"
#define OVERLAY4     "10.1.0.254" /* this node in the overlay */
#define OVERLAY6     "fd00:1::fe"
#define GATEWAY4     "192.0.2.254" /* next hop towards the peer */
#define STRANGER4    "192.0.2.66"
#define WORLD4       "198.51.100.1"
#define WORLD6       "2001:db8:ffff::1"
#define ID_A         1
#define ID_B         2
#define NODE_PEER    7
#define NODE_MISSING 9 /* d's: in the ipcache, not among the nodes */
#define IDENTITY_A   1001
#define IDENTITY_B   1002
#define IDENTITY_C   2001
#define IDENTITY_D   2002
#define POD_MTU      1450
#define VXLAN_PORT   8472

/* The range of node ports. */
#define NODE_PORT_FIRST 30000
#define NODE_PORT_LAST  32767

#define FLOWS_MAX 4096
#define NAT_MAX   131072
#define KEPT4     "203.0.113.0/24" /* destinations that pods reach with their own addresses */
#define KEPT6     "2001:db8:1234::/48"

/* Devices, by what is attached to them in a real node. */
enum rig_device { DEVICE_A, DEVICE_B, DEVICE_NOBODY, DEVICE_WIRE, DEVICE_TUNNEL, RIG_DEVICES };

struct rig {
	struct datapath *datapath;
	const struct maps *maps;
	struct node_config config; /* as the programs were told */
	uint32_t ifindex[RIG_DEVICES];
	uint8_t mac[RIG_DEVICES][ETH_ALEN];     /* of the device: the host's side */
	uint8_t pod_mac[RIG_DEVICES][ETH_ALEN]; /* of its other end */
	char folder[32];
};

/* Leaves the namespaces that the process was in: there is no way back. The programs are told the configuration, but for
 * what the rig knows itself. */
int rig_open(const struct node_config *config, struct rig *ret, struct error *error);
void rig_close(struct rig *rig);

/* The maps as everybody above stands in them, no flow, no fragment, no metric, nobody listening, a new epoch. */
int rig_reset(const struct rig *rig);

/* An endpoint on the device, with identity 1000 + id and the device's MACs. Bumps no epoch. */
int rig_set_endpoint(const struct rig *rig, uint16_t id, enum rig_device device, const char *v4, const char *v6);

struct rig_run {
	const char *program;
	enum rig_device device;
	bool checksum_complete; /* the skb carries a sum over the packet, which must stay right */
	uint32_t mark;          /* of the skb */
	uint32_t came_by;       /* ifindex; 0: made by the host */
	uint32_t repeat;        /* 0: once */
};

struct outcome {
	int verdict;       /* TC_ACT_… */
	uint32_t duration; /* ns of one run */
	uint32_t mark;
	struct frame frame;
};

int rig_run(const struct rig *rig, const struct rig_run *run, const struct frame *frame, struct outcome *ret);

#endif
