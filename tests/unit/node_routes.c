/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host needs to reach the nodes' pods: MTU, routes, with an overlay and without. node_scene.h says where.
 */
#include "node_scene.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_mtu_follows_the_uplink),
		TEST(the_own_pod_cidrs_are_closed),
		TEST(neighbours_are_routed_to_directly),
		TEST(routes_may_be_left_to_the_host),
		TEST(each_mode_removes_what_the_other_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
