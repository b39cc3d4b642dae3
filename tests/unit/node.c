/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test runs in a fresh network namespace: eth0 is the uplink, and far, in a second one, is where the other nodes
 * answer.
 */
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

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct prefix prefix(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return prefix;
}

static int enter(void **state)
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

static int leave(void **state)
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

static void on_changed(void *userdata, const struct node_info *node)
{
	assert_non_null(nodes_find(scene.nodes, node->name));
	assert_true(node->id);
	scene.changes++;
}

static void on_joined(void *userdata, const struct node_info *node)
{
	scene.joins++;
}

static void on_removed(void *userdata, const struct node_info *node)
{
	assert_null(nodes_find(scene.nodes, node->name));
	scene.removals++;
}

static void on_forgotten(void *userdata, const char *name)
{
	assert_null(nodes_find(scene.nodes, name));
	scene.forgotten++;
}

static void on_synced(void *userdata)
{
	scene.syncs++;
}

static void on_mtu_changed(void *userdata)
{
	scene.mtu_changes++;
}

static void open_nodes(void)
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

static void start(void)
{
	open_nodes();
	assert_eventually(scene.syncs);
}

static void stop(void)
{
	nodes_free(scene.nodes);
	store_close(scene.store);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static char *node_path(const char *name)
{
	return xasprintf("%s/nodes/%s.json", folder, name);
}

static void write_file(const char *kind, const char *name, const char *text)
{
	_cleanup_free_ char *below = xasprintf("%s/%s", folder, kind), *path = xasprintf("%s/%s.json", below, name);

	assert_int_equal(folder_make(below, 0700), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void write_text(const char *name, const char *text)
{
	write_file("nodes", name, text);
}

static void write_alive(const char *name)
{
	write_file("alive", name, "{}");
}

static void delete_alive(const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/alive/%s.json", folder, name);

	assert_int_equal(file_delete(path), 0);
}

/* Node `name` at 10.99.0.NUMBER with pods in 10.NUMBER.0.0/24. */
static void write_node(const char *name, int number)
{
	_cleanup_free_ char *text = xasprintf("{\"name\": \"%s\", \"ipv4\": \"10.99.0.%d\", \"ipv6\": null,"
	                                      "\"pod-cidrs\": [\"10.%d.0.0/24\", \"fd00:%d::/112\"],"
	                                      "\"router-ipv4\": \"10.%d.0.1\", \"router-ipv6\": \"fd00:%d::1\"}",
	                                      name, number, number, number, number, number);

	write_alive(name);
	write_text(name, text);
}

static void delete_node(const char *name)
{
	_cleanup_free_ char *path = node_path(name);

	assert_int_equal(file_delete(path), 0);
}

static struct node entry(uint32_t id)
{
	struct node entry = {};

	assert_int_equal(bpf_map_lookup_elem(scene.maps.nodes, &id, &entry), 0);
	return entry;
}

static uint32_t id_at(const char *address)
{
	struct addr key = addr(address);
	uint32_t id = 0;

	bpf_map_lookup_elem(scene.maps.node_ids, &key, &id);
	return id;
}

static bool routed(const char *destination, const char *source)
{
	struct addr to = addr(destination), from = addr(source);
	struct route route;

	return !route_lookup(scene.netlink, &to, &route, NULL) && route.ifindex == scene.underlay.overlay_ifindex &&
	       addr_equal(&route.source, &from);
}

static void this_node_is_published(void **state)
{
	_cleanup_free_ char *path = node_path("a"), *text = NULL;
	struct node_info info;
	json_t *value;

	if (!scene.netlink)
		skip();
	start();
	assert_eventually(!access(path, F_OK));
	value = json_load_file(path, 0, NULL);
	assert_int_equal(node_info_parse("a", value, &info, NULL), 0);
	assert_true(node_info_equal(&info, nodes_find(scene.nodes, "a")));
	text = json_dumps(value, JSON_COMPACT);
	assert_string_equal(text, "{\"name\":\"a\",\"ipv4\":\"10.99.0.1\",\"ipv6\":null,\"pod-cidrs\":[\"10.1.0.0/24\","
	                          "\"fd00:1::/112\"],\"router-ipv4\":\"10.1.0.1\",\"router-ipv6\":\"fd00:1::1\","
	                          "\"health-ipv4\":null,\"health-ipv6\":null,\"routing-mode\":\"tunnel\"}");
	delete_node("a");
	assert_int_equal(access(path, F_OK), -1);
	assert_eventually(!access(path, F_OK));
	free(info.name);
	json_decref(value);
	stop();
}

static struct node_info stored_node(const char *name)
{
	_cleanup_free_ char *path = node_path(name);
	json_t *value = json_load_file(path, 0, NULL);
	struct node_info info = {};

	if (value)
		node_info_parse(name, value, &info, NULL);
	json_decref(value);
	free(TAKE_PTR(info.name));
	return info;
}

static bool stored_health_is(const char *v4)
{
	struct node_info info = stored_node("a");
	struct addr wanted = addr(v4);

	return addr_equal(&info.health[FAMILY_V4], &wanted);
}

/* Its health endpoint comes and goes: said anew, and taken for no other node's words. */
static void a_health_endpoint_is_published(void **state)
{
	const struct addr first[FAMILIES] = {addr("10.1.0.2"), addr("fd00:1::2")};
	const struct addr second[FAMILIES] = {addr("10.1.0.3"), addr("fd00:1::3")};
	_cleanup_free_ char *path = node_path("a");

	if (!scene.netlink)
		skip();
	start();
	assert_eventually(!access(path, F_OK));
	nodes_set_health(scene.nodes, first);
	nodes_set_health(scene.nodes, second);
	assert_eventually(stored_health_is("10.1.0.3"));
	nodes_set_health(scene.nodes, first);
	assert_eventually(stored_health_is("10.1.0.2"));
	delete_node("a");
	assert_eventually(stored_health_is("10.1.0.2"));
	stop();
}

/* Two nodes of one name: said, and not fought over. */
static void a_twin_is_left_alone(void **state)
{
	static const char twin[] = "{\"name\": \"a\", \"ipv4\": \"10.99.0.9\", \"pod-cidrs\": []}";
	_cleanup_free_ char *path = node_path("a"), *text = NULL;

	if (!scene.netlink)
		skip();
	start();
	assert_eventually(!access(path, F_OK));
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	write_text("a", twin);
	write_node("b", 3);
	assert_eventually(scene.changes == 2);
	stop();
	assert_int_equal(file_read(path, 1000, &text, NULL), 0);
	assert_string_equal(text, twin);
}

static void others_get_an_id_a_next_hop_and_routes(void **state)
{
	static const uint8_t far_mac[] = {2, 0, 0, 0, 0, 2}, own_mac[] = {2, 0, 0, 0, 0, 1};
	struct node node;
	uint32_t id;

	if (!scene.netlink)
		skip();
	run("ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent");
	start();
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	id = nodes_find(scene.nodes, "b")->id;
	assert_int_equal(id_at("10.99.0.2"), id);
	node = entry(id);
	assert_true(node.flags & NODE_NEIGHBOUR_KNOWN);
	assert_memory_equal(node.next_hop_mac, far_mac, 6);
	assert_memory_equal(node.local_mac, own_mac, 6);
	assert_int_equal(node.ifindex, scene.underlay.uplinks[0].ifindex);
	assert_true(routed("10.2.0.7", "10.1.0.1"));
	assert_true(routed("fd00:2::7", "fd00:1::1"));

	write_node("b", 3); /* moved, and with other pods */
	assert_eventually(scene.changes == 2);
	assert_int_equal(scene.joins, 1);
	assert_int_equal(nodes_find(scene.nodes, "b")->id, id);
	assert_int_equal(id_at("10.99.0.2"), 0);
	assert_int_equal(id_at("10.99.0.3"), id);
	assert_false(routed("10.2.0.7", "10.1.0.1"));
	assert_true(routed("10.3.0.7", "10.1.0.1"));

	delete_node("b");
	assert_eventually(scene.removals == 1);
	assert_int_equal(id_at("10.99.0.3"), 0);
	assert_int_equal(entry(id).ifindex, 0);
	assert_false(routed("10.3.0.7", "10.1.0.1"));
	assert_false(routed("fd00:3::7", "fd00:1::1"));
	stop();
}

static void next_hops_follow_the_kernel(void **state)
{
	uint32_t id;

	if (!scene.netlink)
		skip();
	start();
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	id = nodes_find(scene.nodes, "b")->id;
	assert_false(entry(id).flags & NODE_NEIGHBOUR_KNOWN);
	assert_int_equal(entry(id).ifindex, scene.underlay.uplinks[0].ifindex);

	run("ip neigh replace 10.99.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud reachable");
	assert_eventually(entry(id).flags & NODE_NEIGHBOUR_KNOWN);
	assert_int_equal(entry(id).next_hop_mac[5], 2);
	run("ip neigh replace 10.99.0.2 lladdr 02:00:00:00:00:77 dev eth0 nud reachable");
	assert_eventually(entry(id).next_hop_mac[5] == 0x77);
	run("ip neigh replace 10.99.0.254 lladdr 02:00:00:00:00:fe dev eth0 nud permanent");
	run("ip route add 10.99.0.2/32 via 10.99.0.254");
	assert_eventually(entry(id).next_hop_mac[5] == 0xfe);
	run("ip link set eth0 address 02:00:00:00:00:99");
	assert_eventually(entry(id).local_mac[5] == 0x99);
	run("ip neigh del 10.99.0.254 dev eth0");
	assert_eventually(!(entry(id).flags & NODE_NEIGHBOUR_KNOWN));
	stop();
}

static uint32_t overlay_mtu(void)
{
	struct link link = {};

	link_get(scene.netlink, OVERLAY_DEVICE, &link, NULL);
	return link.mtu;
}

static void the_mtu_follows_the_uplink(void **state)
{
	uint32_t id;

	if (!scene.netlink)
		skip();
	run("ip link set eth0 mtu 1480"); /* since the underlay was prepared */
	start();
	assert_int_equal(scene.underlay.pod_mtu, 1430);
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	id = nodes_find(scene.nodes, "b")->id;
	assert_int_equal(entry(id).mtu, 1430);
	run("ip link set eth0 mtu 1400");
	assert_eventually(scene.mtu_changes == 1);
	assert_int_equal(scene.underlay.pod_mtu, 1350);
	assert_int_equal(entry(id).mtu, 1350);
	assert_int_equal(overlay_mtu(), 1350);
	run("ip link set eth0 mtu 9000");
	assert_eventually(scene.mtu_changes == 2);
	assert_int_equal(entry(id).mtu, 8950);
	assert_int_equal(overlay_mtu(), 8950);
	run("ip link set eth0 mtu 68"); /* less than IPv4 can do with the overlay's headers */
	assert_eventually(scene.mtu_changes == 3);
	assert_int_equal(scene.underlay.pod_mtu, 68);
	stop();
}

/* What is for no pod must not leave by the default route. */
static void the_own_pod_cidrs_are_closed(void **state)
{
	if (!scene.netlink)
		skip();
	run("ip addr add fd99::1/64 dev eth0 nodad && ip route add default via 10.99.0.254");
	run("ip -6 route add default via fd99::fe dev eth0");
	run("ip route add unreachable 10.55.0.0/24 proto 80 && ip -6 route add unreachable fd00:55::/112 proto 80");
	run("ip route add 10.1.0.7/32 dev eth0 proto 80"); /* a pod's */
	start();
	run("! ip route get 10.1.0.77 2>/dev/null && ! ip route get fd00:1::77 2>/dev/null");
	run("ip route get 10.1.0.7 >/dev/null");
	run("test $(ip route show type unreachable | wc -l) = 1"); /* an earlier life's block is gone */
	run("test $(ip -6 route show type unreachable proto 80 | wc -l) = 1");
	run("ip route del unreachable 10.1.0.0/24");
	assert_eventually(system("ip route get 10.1.0.77 >/dev/null 2>&1"));
	stop();
}

/* ── native routing ── */

static void switch_to(enum routing_mode mode, bool direct)
{
	config.routing_mode = mode;
	config.auto_direct_node_routes = direct;
	assert_int_equal(underlay_prepare(&config, scene.netlink, &scene.underlay, NULL), 0);
}

/* Node `name` at 10.99.0.NUMBER and fd99::NUMBER. */
static void write_native_node(const char *name, int number)
{
	_cleanup_free_ char *text = xasprintf("{\"name\": \"%s\", \"ipv4\": \"10.99.0.%d\", \"ipv6\": \"fd99::%d\","
	                                      "\"pod-cidrs\": [\"10.%d.0.0/24\", \"fd00:%d::/112\"],"
	                                      "\"routing-mode\": \"native\"}",
	                                      name, number, number, number, number);

	write_text(name, text);
}

static bool routed_by(const char *destination, const char *gateway)
{
	struct addr to = addr(destination), by = addr(gateway);
	struct route route;

	return !route_lookup(scene.netlink, &to, &route, NULL) && addr_equal(&route.gateway, &by);
}

static void neighbours_are_routed_to_directly(void **state)
{
	uint32_t id;

	if (!scene.netlink)
		skip();
	run("ip addr add fd99::1/64 dev eth0 nodad && ip route add default via 10.99.0.254");
	run("ip -6 route add default via fd99::fe dev eth0");
	switch_to(ROUTING_NATIVE, true);
	start();
	write_native_node("b", 2);
	assert_eventually(scene.changes == 1);
	id = nodes_find(scene.nodes, "b")->id;
	assert_true(entry(id).flags & NODE_DIRECT);
	assert_int_equal(entry(id).mtu, 1500);
	assert_true(routed_by("10.2.0.7", "10.99.0.2"));
	assert_true(routed_by("fd00:2::7", "fd99::2"));

	run("ip route del 10.2.0.0/24"); /* by somebody else */
	assert_eventually(routed_by("10.2.0.7", "10.99.0.2"));
	run("ip route add 10.99.0.2/32 via 10.99.0.254"); /* not on the link any more */
	assert_eventually(routed_by("10.2.0.7", "10.99.0.254"));
	assert_false(entry(id).flags & NODE_DIRECT);
	assert_true(routed_by("fd00:2::7", "fd99::2"));
	run("ip route del 10.99.0.2/32");
	assert_eventually(routed_by("10.2.0.7", "10.99.0.2"));
	assert_true(entry(id).flags & NODE_DIRECT);

	delete_node("b");
	assert_eventually(scene.removals == 1);
	assert_true(routed_by("10.2.0.7", "10.99.0.254"));
	assert_true(routed_by("fd00:2::7", "fd99::fe"));
	stop();
}

static void routes_may_be_left_to_the_host(void **state)
{
	uint32_t id;

	if (!scene.netlink)
		skip();
	run("ip route add 10.2.0.0/24 via 10.99.0.253");
	switch_to(ROUTING_NATIVE, false);
	start();
	write_native_node("b", 2);
	assert_eventually(scene.changes == 1);
	id = nodes_find(scene.nodes, "b")->id;
	assert_false(entry(id).flags & NODE_DIRECT);
	assert_true(routed_by("10.2.0.7", "10.99.0.253"));
	stop();
}

static void each_mode_removes_what_the_other_made(void **state)
{
	struct link overlay;
	json_t *list;

	if (!scene.netlink)
		skip();
	run("ip addr add fd99::1/64 dev eth0 nodad");
	run("ip route add 10.77.0.0/24 via 10.99.0.253 proto static");
	start();
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	assert_true(routed("10.2.0.7", "10.1.0.1"));
	stop();

	switch_to(ROUTING_NATIVE, true);
	assert_int_equal(link_get(scene.netlink, OVERLAY_DEVICE, &overlay, NULL), -ENODEV);
	write_native_node("b", 2);
	write_native_node("c", 3);
	start();
	assert_true(routed_by("10.2.0.7", "10.99.0.2"));
	assert_true(routed_by("fd00:3::7", "fd99::3"));
	list = nodes_to_json(scene.nodes);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "routing-mode")), "native");
	json_decref(list);
	stop();

	delete_node("c");
	write_node("b", 2);
	switch_to(ROUTING_TUNNEL, true);
	start();
	assert_true(routed("10.2.0.7", "10.1.0.1"));
	assert_true(routed("fd00:2::7", "fd00:1::1"));
	run("test -z \"$(ip route show 10.3.0.0/24)$(ip -6 route show fd00:3::/112)\"");
	run("test $(ip -6 route show fd00:2::/112 | wc -l) = 1");
	assert_true(routed_by("10.77.0.7", "10.99.0.253"));
	stop();
}

static void a_restart_keeps_ids_and_sweeps_the_rest(void **state)
{
	uint32_t b, c;

	if (!scene.netlink)
		skip();
	start();
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	write_node("c", 3);
	assert_eventually(scene.changes == 2);
	b = nodes_find(scene.nodes, "b")->id;
	c = nodes_find(scene.nodes, "c")->id;
	assert_int_not_equal(b, c);
	stop();
	assert_true(routed("10.2.0.7", "10.1.0.1"));

	delete_node("b");
	write_node("aa", 4);
	open_nodes();
	assert_int_equal(entry(b).remote.byte[15], 2); /* until the store has told all */
	assert_eventually(scene.syncs);
	assert_int_equal(nodes_find(scene.nodes, "c")->id, c);
	assert_int_not_equal(nodes_find(scene.nodes, "aa")->id, b);
	assert_int_equal(entry(b).ifindex, 0);
	assert_int_equal(id_at("10.99.0.2"), 0);
	assert_false(routed("10.2.0.7", "10.1.0.1"));
	assert_true(routed("10.3.0.7", "10.1.0.1"));
	stop();
}

static void the_overlay_is_kept_as_it_must_be(void **state)
{
	if (!scene.netlink)
		skip();
	run("ip addr add 10.7.0.1/32 dev pilus_vxlan && ip -6 addr add fd00:7::1/128 dev pilus_vxlan");
	run("ip route add 10.66.0.0/24 dev pilus_vxlan proto 80");
	start();
	write_node("b", 2);
	assert_eventually(scene.changes == 1);
	run("test \"$(ip -o addr show dev pilus_vxlan | awk '{print $4}' | sort | xargs)\" = '10.1.0.1/32 "
	    "fd00:1::1/128'");
	run("test -z \"$(ip route show 10.66.0.0/24)\"");

	run("ip link set pilus_vxlan down && ip link set pilus_vxlan up");
	assert_eventually(routed("10.2.0.7", "10.1.0.1") && routed("fd00:2::7", "fd00:1::1"));
	run("ip addr del 10.1.0.1/32 dev pilus_vxlan");
	assert_eventually(routed("10.2.0.7", "10.1.0.1"));
	stop();
}

static bool is_local(const char *text)
{
	struct addr key = addr(text);
	struct local_addr local;

	return !bpf_map_lookup_elem(scene.maps.local, &key, &local);
}

static void own_addresses_are_known(void **state)
{
	struct addr pod = addr("10.1.0.7");
	const struct local_addr local = {.endpoint = 7};
	uint32_t epoch;

	if (!scene.netlink)
		skip();
	run("ip addr add 10.98.0.1/24 dev eth0");
	assert_int_equal(bpf_map_update_elem(scene.maps.local, &pod, &local, BPF_ANY), 0);
	start();
	assert_true(is_local("10.99.0.1"));
	assert_true(is_local("10.98.0.1"));
	assert_true(is_local("10.1.0.1"));
	assert_true(is_local("fd00:1::1"));
	assert_false(is_local("127.0.0.1"));
	assert_true(is_local("10.1.0.7"));
	epoch = scene.maps.live->epoch;
	run("ip addr add 10.97.0.1/24 dev eth0 && ip addr del 10.98.0.1/24 dev eth0");
	assert_eventually(is_local("10.97.0.1") && !is_local("10.98.0.1"));
	assert_int_not_equal(scene.maps.live->epoch, epoch);
	assert_true(is_local("10.1.0.7")); /* an endpoint's, not ours to remove */
	stop();
}

static void what_cannot_be_is_ignored(void **state)
{
	if (!scene.netlink)
		skip();
	write_text("b", "{\"name\": \"c\", \"ipv4\": \"10.99.0.2\"}");
	write_text("c", "{\"name\": \"c\"}");
	write_text("d", "{\"name\": \"d\", \"ipv4\": \"fd00::1\"}");
	write_text("e", "{\"name\": \"e\", \"ipv4\": \"10.99.0.2\", \"pod-cidrs\": [\"10.2.0.1/24\"]}");
	write_text("f",
	           "{\"name\": \"f\", \"ipv4\": \"10.99.0.2\", \"pod-cidrs\": [\"10.2.0.0/24\", \"10.3.0.0/24\"]}");
	write_text("g", "{\"name\": \"g\", \"ipv4\": \"10.99.0.2\", \"router-ipv4\": \"10.2.0.1\"}");
	write_text("h", "nonsense");
	write_node("i", 1); /* where we are */
	write_text("j", "{\"name\": \"j\", \"ipv4\": \"10.99.0.2\", \"pod-cidrs\": [\"10.1.0.0/16\"]}");
	write_text("l", "{\"name\": \"l\", \"ipv4\": \"10.99.0.2\", \"routing-mode\": \"x\"}");
	write_text("k", "{\"name\": \"k\", \"ipv4\": \"10.99.0.5\"}");
	start();
	assert_int_equal(scene.changes, 1);
	assert_non_null(nodes_find(scene.nodes, "k"));
	assert_int_equal(id_at("10.99.0.2"), 0);
	stop();
}

/* A host that got a new name leaves its old object behind: neither's end may harm the other. */
static void two_names_for_one_address(void **state)
{
	if (!scene.netlink)
		skip();
	start();
	write_node("b", 2);
	write_node("c", 2);
	assert_eventually(scene.changes == 2);
	delete_node("b");
	assert_eventually(scene.removals == 1);
	assert_int_equal(id_at("10.99.0.2"), nodes_find(scene.nodes, "c")->id);
	assert_true(routed("10.2.0.7", "10.1.0.1"));
	stop();
}

static bool is_silent(const char *name)
{
	json_t *list = nodes_to_json(scene.nodes), *node;
	bool silent = false;
	size_t i;

	json_array_foreach (list, i, node) {
		if (!strcmp(json_string_value(json_object_get(node, "name")), name))
			silent = !strcmp(json_string_value(json_object_get(node, "agent")), "silent");
	}
	json_decref(list);
	return silent;
}

/* InEchos. */
static unsigned echoes_heard(void)
{
	FILE *pipe = popen("awk '/^Icmp: [0-9]/ {print $10}' /proc/net/snmp", "re");
	unsigned count = 0;

	assert_int_equal(fscanf(pipe, "%u", &count), 1);
	pclose(pipe);
	return count;
}

/* Node b's host is an address of our own: it answers pings, and no more when the address is gone. */
static void a_silent_node_is_there_while_its_host_is(void **state)
{
	if (!scene.netlink)
		skip();
	run("ip addr add 10.99.0.7/32 dev lo");
	start();
	write_node("b", 7);
	assert_eventually(scene.changes == 1 && !is_silent("b"));
	delete_alive("b");
	assert_eventually(is_silent("b"));
	assert_eventually(echoes_heard() > 2);
	assert_int_equal(scene.removals, 0);

	run("ip addr del 10.99.0.7/32 dev lo");
	assert_eventually(scene.removals == 1);
	assert_false(routed("10.7.0.9", "10.1.0.1"));
	run("ip addr add 10.99.0.7/32 dev lo");
	assert_eventually(scene.changes == 2);
	assert_true(routed("10.7.0.9", "10.1.0.1"));
	assert_true(is_silent("b"));

	write_alive("b");
	assert_eventually(!is_silent("b"));
	stop();
}

/* By one node only. */
static void the_first_node_forgets_those_gone_for_long(void **state)
{
	_cleanup_free_ char *path = node_path("b");

	if (!scene.netlink)
		skip();
	config.node_forget_after = 1;
	start();
	write_alive("Z");
	write_node("b", 7);
	write_node("c", 8);
	assert_eventually(scene.changes == 2);
	delete_alive("b");
	assert_eventually(scene.removals == 1);
	delete_alive("c");
	assert_eventually(scene.removals == 2); /* which takes longer than a node waits to forget */
	assert_int_equal(scene.forgotten, 0);
	delete_alive("Z");
	assert_eventually(scene.forgotten && access(path, F_OK));
	stop();
	config.node_forget_after = 0;
}

static void nodes_are_listed(void **state)
{
	json_t *list, *node;

	if (!scene.netlink)
		skip();
	start();
	write_node("z", 2);
	write_node("b", 3);
	assert_eventually(scene.changes == 2);
	list = nodes_to_json(scene.nodes);
	assert_int_equal(json_array_size(list), 3);
	assert_true(json_is_true(json_object_get(json_array_get(list, 0), "local")));
	node = json_array_get(list, 1);
	assert_string_equal(json_string_value(json_object_get(node, "name")), "b");
	assert_string_equal(json_string_value(json_object_get(node, "neighbour")), "unresolved");
	json_decref(list);
	stop();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(this_node_is_published),
		TEST(a_health_endpoint_is_published),
		TEST(a_twin_is_left_alone),
		TEST(others_get_an_id_a_next_hop_and_routes),
		TEST(next_hops_follow_the_kernel),
		TEST(the_mtu_follows_the_uplink),
		TEST(the_own_pod_cidrs_are_closed),
		TEST(neighbours_are_routed_to_directly),
		TEST(routes_may_be_left_to_the_host),
		TEST(each_mode_removes_what_the_other_made),
		TEST(a_restart_keeps_ids_and_sweeps_the_rest),
		TEST(the_overlay_is_kept_as_it_must_be),
		TEST(own_addresses_are_known),
		TEST(what_cannot_be_is_ignored),
		TEST(two_names_for_one_address),
		TEST(a_silent_node_is_there_while_its_host_is),
		TEST(the_first_node_forgets_those_gone_for_long),
		TEST(nodes_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
