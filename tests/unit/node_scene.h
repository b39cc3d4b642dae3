/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where nodes are tested. Each test runs in a fresh network namespace: eth0 is the uplink, and far, in a second one, is
 * where the other nodes answer.
 */
#ifndef PILUS_TESTS_NODE_SCENE_H
#define PILUS_TESTS_NODE_SCENE_H

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "agent/node/json.h"
#include "agent/node/node.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "map_fakes.h"
#include "net/link.h"
#include "net/route.h"

static int home = -1;

static struct config config = {.node_name = (char *)"a", .vxlan_port = 8472, .uplinks = {(char *)"eth0"}};

struct scene {
	struct maps maps;
	struct netlink *netlink;
	struct underlay underlay;
	struct store *store;
	struct nodes *nodes;
	int changes, joins, removals, syncs, mtu_changes, forgotten;
};

static struct scene scene;

static inline void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static inline struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static inline struct prefix prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static inline int enter(void **state)
{
	scene = (struct scene){};
	config.routing_mode = ROUTING_TUNNEL;
	if (loop_setup(state))
		return -1;
	if (geteuid() != 0)
		return 0;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	run("ip link add eth0 address 02:00:00:00:00:01 type veth peer far address 02:00:00:00:00:02");
	run("ip addr add 10.99.0.1/24 dev eth0 && ip link set lo up && ip link set eth0 up && ip link set far up");
	run("echo 1 >/proc/sys/net/ipv4/conf/far/arp_ignore"); /* answers for its own addresses only */
	scene.maps = maps_fake();
	return netlink_open(NULL, &scene.netlink, NULL) ||
	       underlay_prepare(&config, scene.netlink, &scene.underlay, NULL);
}

static inline int leave(void **state)
{
	maps_close(&scene.maps);
	netlink_free(scene.netlink);
	if (home >= 0) {
		setns(home, CLONE_NEWNET);
		close(home);
	}
	home = -1;
	return loop_teardown(state);
}

static inline void on_changed(void *userdata, const struct node_info *node)
{
	assert_non_null(nodes_find(scene.nodes, node->name));
	assert_true(node->id);
	scene.changes++;
}

static inline void on_joined(void *userdata, const struct node_info *node)
{
	scene.joins++;
}

static inline void on_removed(void *userdata, const struct node_info *node)
{
	assert_null(nodes_find(scene.nodes, node->name));
	scene.removals++;
}

static inline void on_forgotten(void *userdata, const char *name)
{
	assert_null(nodes_find(scene.nodes, name));
	scene.forgotten++;
}

static inline void on_synced(void *userdata)
{
	scene.syncs++;
}

static inline void on_mtu_changed(void *userdata)
{
	scene.mtu_changes++;
}

static inline void open_nodes(void)
{
	static const struct node_events events = {on_changed,   on_joined, on_removed,
	                                          on_forgotten, on_synced, on_mtu_changed};
	_cleanup_free_ char *url = xasprintf("dir:%s", folder);
	struct node_info local = {
		.name = (char *)"a",
		.address = {addr("10.99.0.1")},
		.pod_cidr = {prefix("10.1.0.0/24"), prefix("fd00:1::/112")},
		.routing_mode = config.routing_mode,
	};

	if (scene.underlay.overlay_ifindex) {
		local.router[FAMILY_V4] = addr("10.1.0.1");
		local.router[FAMILY_V6] = addr("fd00:1::1");
	}
	scene.changes = scene.joins = scene.removals = scene.syncs = scene.mtu_changes = scene.forgotten = 0;
	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &scene.store, NULL), 0);
	scene.nodes = nodes_new(
		&(struct node_services){&loop, &config, &scene.underlay, &scene.maps, scene.netlink, scene.store},
		&local, &events, NULL);
}

static inline void start(void)
{
	open_nodes();
	assert_eventually(scene.syncs);
}

static inline void stop(void)
{
	nodes_free(scene.nodes);
	store_close(scene.store);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static inline char *node_path(const char *name)
{
	return xasprintf("%s/nodes/%s.json", folder, name);
}

static inline void write_file(const char *kind, const char *name, const char *text)
{
	_cleanup_free_ char *below = xasprintf("%s/%s", folder, kind), *path = xasprintf("%s/%s.json", below, name);

	assert_int_equal(folder_make(below, 0700), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static inline void write_text(const char *name, const char *text)
{
	write_file("nodes", name, text);
}

static inline void write_alive(const char *name)
{
	write_file("alive", name, "{}");
}

static inline void delete_alive(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/alive/%s.json", folder, name);

	assert_int_equal(file_delete(path), 0);
}

/* Node `name` at 10.99.0.NUMBER with pods in 10.NUMBER.0.0/24. */
static inline void write_node(const char *name, int number)
{
	_cleanup_free_ char *text = xasprintf("{\"name\": \"%s\", \"ipv4\": \"10.99.0.%d\", \"ipv6\": null,"
	                                      "\"pod-cidrs\": [\"10.%d.0.0/24\", \"fd00:%d::/112\"],"
	                                      "\"router-ipv4\": \"10.%d.0.1\", \"router-ipv6\": \"fd00:%d::1\"}",
	                                      name, number, number, number, number, number);

	write_alive(name);
	write_text(name, text);
}

static inline void delete_node(const char *name)
{
	_cleanup_free_ char *path = node_path(name);

	assert_int_equal(file_delete(path), 0);
}

static inline struct node entry(uint32_t id)
{
	struct node entry = {};

	assert_int_equal(bpf_map_lookup_elem(scene.maps.nodes, &id, &entry), 0);
	return entry;
}

static inline uint32_t id_at(const char *address)
{
	struct addr key = addr(address);
	uint32_t id = 0;

	bpf_map_lookup_elem(scene.maps.node_ids, &key, &id);
	return id;
}

static inline bool routed(const char *destination, const char *source)
{
	struct addr to = addr(destination), from = addr(source);
	struct route route;

	return !route_lookup(scene.netlink, &to, &route, NULL) && route.ifindex == scene.underlay.overlay_ifindex &&
	       addr_equal(&route.source, &from);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

#endif
