/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node and the others: node_scene.h says where.
 */
#include "node_scene.h"

static bool stored_is_whole(const char *path, json_t *wanted)
{
	json_t *stored = json_load_file(path, 0, NULL);
	bool whole = json_equal(stored, wanted);

	json_decref(stored);
	return whole;
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
	assert_int_equal(strlen(json_string_value(json_object_get(value, "instance"))), 16);
	json_object_del(value, "instance");
	text = json_dumps(value, JSON_COMPACT);
	json_decref(value);
	value = json_load_file(path, 0, NULL);
	assert_string_equal(text, "{\"name\":\"a\",\"ipv4\":\"10.99.0.1\",\"ipv6\":null,\"pod-cidrs\":[\"10.1.0.0/24\","
	                          "\"fd00:1::/112\"],\"router-ipv4\":\"10.1.0.1\",\"router-ipv6\":\"fd00:1::1\","
	                          "\"health-ipv4\":null,\"health-ipv6\":null,\"routing-mode\":\"tunnel\"}");
	delete_node("a");
	assert_int_equal(access(path, F_OK), -1);
	assert_eventually(!access(path, F_OK));
	write_text("a", "nonsense");
	assert_eventually(stored_is_whole(path, value));
	write_text("a", "{\"name\": \"a\", \"ipv4\": 7}");
	assert_eventually(stored_is_whole(path, value));
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

static bool stored_by_this_one(void)
{
	_cleanup_free_ char *path = node_path("a");
	json_t *value = json_load_file(path, 0, NULL);
	bool ours = json_object_get(value, "instance");

	json_decref(value);
	return ours;
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

/* By the number of this start it is known from what another node of the name says. */
static void what_an_earlier_life_said_is_said_anew(void **state)
{
	const struct addr health[FAMILIES] = {addr("10.1.0.2"), addr("fd00:1::2")};

	if (!scene.netlink)
		skip();
	write_text("a", "{\"name\":\"a\",\"ipv4\":\"10.99.0.1\",\"ipv6\":null,\"pod-cidrs\":[\"10.1.0.0/24\","
	                "\"fd00:1::/112\"],\"router-ipv4\":\"10.1.0.1\",\"router-ipv6\":\"fd00:1::1\","
	                "\"health-ipv4\":\"10.1.0.2\",\"health-ipv6\":\"fd00:1::2\",\"routing-mode\":\"tunnel\"}");
	start();
	nodes_set_health(scene.nodes, health);
	assert_eventually(stored_by_this_one());
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
	config.forget_after = 1;
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
	config.forget_after = 0;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(this_node_is_published),
		TEST(a_health_endpoint_is_published),
		TEST(what_an_earlier_life_said_is_said_anew),
		TEST(a_twin_is_left_alone),
		TEST(others_get_an_id_a_next_hop_and_routes),
		TEST(next_hops_follow_the_kernel),
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
