/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test runs in a fresh network namespace with two devices, eth0 and eth1.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/node/node.h"
#include "base/file.h"
#include "base/memory.h"
#include "net/link.h"

static int home = -1;
static struct netlink *host;

static void run(const char *command)
{
	if (system(command))
		fail_msg("%s", command);
}

static int enter(void **state)
{
	if (geteuid() != 0)
		return 0;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	run("ip link add eth0 mtu 1500 type veth peer far0 && ip link add eth1 mtu 1400 type veth peer far1");
	run("for device in lo eth0 eth1 far0 far1; do ip link set $device up; done");
	run("ip addr add 10.99.0.1/24 dev eth0 && ip addr add fd99::1/64 dev eth0 nodad");
	run("ip addr add 10.98.0.1/24 dev eth1");
	return netlink_open(NULL, &host, NULL);
}

static int leave(void **state)
{
	netlink_free(host);
	host = NULL;
	if (home >= 0) {
		setns(home, CLONE_NEWNET);
		close(home);
	}
	home = -1;
	return 0;
}

static struct addr addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct underlay prepare(const struct config *config)
{
	struct underlay underlay;
	struct error error = {};

	if (underlay_prepare(config, host, &underlay, &error) < 0)
		fail_msg("%s", error.message);
	return underlay;
}

static void refused(const struct config *config, const char *words)
{
	struct error error = {};
	struct underlay underlay;
	struct link overlay;

	assert_true(underlay_prepare(config, host, &underlay, &error) < 0);
	if (!strstr(error.message, words))
		fail_msg("\"%s\" does not say \"%s\"", error.message, words);
	assert_int_equal(link_get(host, OVERLAY_DEVICE, &overlay, NULL), -ENODEV);
}

static void assert_address(const struct underlay *underlay, enum family family, const char *text)
{
	char actual[ADDR_TEXT_MAX];

	assert_string_equal(addr_format(&underlay->address[family], actual), text);
}

static void assert_sysctl(const char *path, const char *value)
{
	_cleanup_free_ char *text = NULL;

	assert_int_equal(file_read(path, 64, &text, NULL), 0);
	text[strcspn(text, "\n")] = 0;
	assert_string_equal(text, value);
}

static const struct config defaults = {.vxlan_port = 8472};

static void default_routes_name_the_uplinks(void **state)
{
	struct underlay underlay;

	if (!host)
		skip();
	run("ip route add default via 10.99.0.254");
	underlay = prepare(&defaults);
	assert_int_equal(underlay.uplink_count, 1);
	assert_string_equal(underlay.uplinks[0].name, "eth0");
	assert_int_equal(underlay.mtu, 1500);
	assert_address(&underlay, FAMILY_V4, "10.99.0.1");
	assert_address(&underlay, FAMILY_V6, "fd99::1");

	run("ip route add default via 10.98.0.254 metric 50");
	underlay = prepare(&defaults);
	assert_int_equal(underlay.uplink_count, 2);
	assert_int_equal(underlay.mtu, 1400);
	run("ip -6 route add default via fd99::fe dev eth0");
	assert_int_equal(prepare(&defaults).uplink_count, 2);
}

static void addresses_name_them_else(void **state)
{
	struct config config = defaults;
	struct underlay underlay;

	if (!host)
		skip();
	refused(&config, "set uplinks");
	config.node_address[FAMILY_V4] = addr("10.98.0.1");
	underlay = prepare(&config);
	assert_int_equal(underlay.uplink_count, 1);
	assert_string_equal(underlay.uplinks[0].name, "eth1");
	assert_address(&underlay, FAMILY_V4, "10.98.0.1");
	assert_true(addr_is_zero(&underlay.address[FAMILY_V6]));
}

static void the_configuration_wins(void **state)
{
	struct config config = defaults;
	struct underlay underlay;

	if (!host)
		skip();
	run("ip route add default via 10.98.0.254");
	config.uplinks[0] = (char *)"eth0";
	config.node_address[FAMILY_V4] = addr("10.98.0.1");
	config.mtu = 1340;
	underlay = prepare(&config);
	assert_int_equal(underlay.uplink_count, 1);
	assert_string_equal(underlay.uplinks[0].name, "eth0");
	assert_int_equal(underlay.mtu, 1340);
	assert_address(&underlay, FAMILY_V4, "10.98.0.1");
	assert_address(&underlay, FAMILY_V6, "fd99::1");
}

static void what_cannot_work_is_refused(void **state)
{
	struct config config = defaults;

	if (!host)
		skip();
	config.uplinks[0] = (char *)"eth7";
	refused(&config, "uplinks: there is no network device eth7");
	config.uplinks[0] = (char *)"eth0";
	config.mtu = 1501;
	refused(&config, "more than the uplinks' 1500");
	config.mtu = 1329;
	config.pod_cidr[FAMILY_V6].bits = 112;
	refused(&config, "at least 1330");
	config.mtu = 0;
	config.node_address[FAMILY_V4] = addr("10.99.0.7");
	refused(&config, "node-addresses: no device of this host has 10.99.0.7");
	config.node_address[FAMILY_V4] = (struct addr){};
	run("ip addr flush dev eth0 && ip addr add 169.254.7.7/16 dev eth0");
	refused(&config, "eth0 has no IPv4 address");
	run("ip link add other type vxlan external dstport 8472 && ip link set other up");
	config.uplinks[0] = (char *)"eth1";
	refused(&config, "another vxlan device uses UDP port 8472");
	run("ip link del other && ip link add pilus_vxlan type veth peer far2");
	assert_int_equal(underlay_prepare(&config, host, &(struct underlay){}, NULL), -EEXIST);
}

static void the_overlay_is_made_once(void **state)
{
	struct config config = defaults;
	struct link link;
	uint32_t ifindex;

	if (!host)
		skip();
	config.uplinks[0] = (char *)"eth0";
	ifindex = prepare(&config).overlay_ifindex;
	assert_int_equal(link_get(host, OVERLAY_DEVICE, &link, NULL), 0);
	assert_int_equal(link.ifindex, ifindex);
	assert_int_equal(link.mtu, 1450);
	assert_true(link.up);
	assert_sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	assert_sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	assert_sysctl("/proc/sys/net/ipv4/conf/pilus_vxlan/rp_filter", "0");

	config.mtu = 1400;
	assert_int_equal(prepare(&config).overlay_ifindex, ifindex);
	assert_int_equal(link_get(host, OVERLAY_DEVICE, &link, NULL), 0);
	assert_int_equal(link.mtu, 1350);
	config.vxlan_port = 4789;
	assert_int_not_equal(prepare(&config).overlay_ifindex, ifindex);
	assert_int_equal(link_get(host, OVERLAY_DEVICE, &link, NULL), 0);
	assert_int_equal(link.vxlan_port, 4789);
}

/* Sent at once, in both families, without asking for neighbours that nobody would answer for. */
static void the_overlay_needs_no_neighbours(void **state)
{
	struct config config = defaults;

	if (!host)
		skip();
	config.uplinks[0] = (char *)"eth0";
	prepare(&config);
	run("ip addr add 10.1.0.1/32 dev pilus_vxlan && ip addr add fd00:1::1/128 dev pilus_vxlan nodad");
	run("ip route add 10.2.0.0/24 dev pilus_vxlan src 10.1.0.1");
	run("ip -6 route add fd00:2::/64 dev pilus_vxlan src fd00:1::1");
	run("ping -c1 -W0.2 -q 10.2.0.7 >/dev/null; ping -c1 -W0.2 -q fd00:2::7 >/dev/null; true");
	run("test $(ip -4 neigh show dev pilus_vxlan nud noarp | grep -c 10.2.0.7) = 1");
	run("test $(ip -6 neigh show dev pilus_vxlan nud noarp | grep -c fd00:2::7) = 1");
	run("test -z \"$(ip -6 addr show dev pilus_vxlan scope link)\"");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(default_routes_name_the_uplinks), TEST(addresses_name_them_else),
		TEST(the_configuration_wins),          TEST(what_cannot_work_is_refused),
		TEST(the_overlay_is_made_once),        TEST(the_overlay_needs_no_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
