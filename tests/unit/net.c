/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each test runs in a fresh network namespace, with a second one for the pod.
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "net/link.h"
#include "net/netns.h"
#include "net/route.h"

static const uint8_t host_mac[6] = {2, 0, 0, 0, 0, 1}, pod_mac[6] = {2, 0, 0, 0, 0, 2};

struct place {
	int home, pod_netns;
	struct netlink *host, *pod;
};

static int netns_own(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int enter(void **state)
{
	struct place *place = xnew(struct place);
	char path[64];

	*state = place;
	if (geteuid() != 0)
		return 0;
	place->home = netns_own();
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	place->pod_netns = netns_own();
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", place->pod_netns);
	return netlink_open(NULL, &place->host, NULL) || netlink_open(path, &place->pod, NULL);
}

static int leave(void **state)
{
	struct place *place = *state;

	netlink_free(place->host);
	netlink_free(place->pod);
	if (place->host) {
		setns(place->home, CLONE_NEWNET);
		close(place->home);
		close(place->pod_netns);
	}
	free(place);
	return 0;
}

static struct place *place_of(void **state)
{
	struct place *place = *state;

	if (!place->host)
		skip();
	return place;
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

static struct link device(struct netlink *netlink, const char *name)
{
	struct error error = {};
	struct link link;

	if (link_get(netlink, name, &link, &error) < 0)
		fail_msg("%s", error.message);
	return link;
}

static int add_pair(struct place *place, const char *name, const char *peer_name, struct error *error)
{
	struct veth veth = {.name = name, .peer_name = peer_name, .peer_netns_fd = place->pod_netns, .mtu = 1450};

	memcpy(veth.mac, host_mac, sizeof(host_mac));
	memcpy(veth.peer_mac, pod_mac, sizeof(pod_mac));
	return link_add_veth(place->host, &veth, error);
}

/* The pair every test of routes stands on: plx7 here, eth0 in the pod, both up. */
static void add_pod(struct place *place, struct link *ret_host, struct link *ret_pod)
{
	assert_int_equal(add_pair(place, "plx7", "eth0", NULL), 0);
	*ret_host = device(place->host, "plx7");
	*ret_pod = device(place->pod, "eth0");
	assert_int_equal(link_set_up(place->host, ret_host->ifindex, NULL), 0);
	assert_int_equal(link_set_up(place->pod, ret_pod->ifindex, NULL), 0);
}

static void a_veth_pair_spans_namespaces(void **state)
{
	struct place *place = place_of(state);
	struct error error = {};
	struct link host, pod, none;

	assert_int_equal(add_pair(place, "plx7", "eth0", NULL), 0);
	host = device(place->host, "plx7");
	pod = device(place->pod, "eth0");
	assert_int_equal(host.mtu, 1450);
	assert_int_equal(pod.mtu, 1450);
	assert_memory_equal(host.mac, host_mac, 6);
	assert_memory_equal(pod.mac, pod_mac, 6);
	assert_int_equal(host.peer_ifindex, pod.ifindex);
	assert_int_equal(pod.peer_ifindex, host.ifindex);
	assert_string_equal(host.kind, "veth");
	assert_false(host.up);
	assert_int_equal(link_get(place->host, "eth0", &none, &error), -ENODEV);
	assert_string_equal(error.message, "there is no network device eth0");

	assert_int_equal(add_pair(place, "plx7", "eth1", &error), -EEXIST);
	assert_string_equal(error.message, "there is a network device plx7, or eth1 in the pod, already");
	assert_int_equal(add_pair(place, "plx8", "eth0", &error), -EEXIST);
	assert_int_equal(link_get(place->host, "plx8", &none, NULL), -ENODEV);
}

static void bad_device_names_are_refused(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a b", "a/b", "a:b", "sixteen-letters-"};
	struct place *place = place_of(state);
	struct error error = {};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(add_pair(place, bad[i], "eth0", &error), -EINVAL);
		assert_int_equal(add_pair(place, "plx7", bad[i], &error), -EINVAL);
		assert_non_null(strstr(error.message, "is no name for a network device"));
	}
}

static void devices_change_and_go(void **state)
{
	struct place *place = place_of(state);
	struct error error = {};
	struct link host, pod, gone;

	add_pod(place, &host, &pod);
	assert_int_equal(link_set_mtu(place->host, host.ifindex, 1300, NULL), 0);
	assert_int_equal(link_get_by_index(place->host, host.ifindex, &host, NULL), 0);
	assert_int_equal(host.mtu, 1300);
	assert_true(host.up);
	assert_string_equal(host.name, "plx7");

	assert_int_equal(link_set_mtu(place->host, host.ifindex, 1, &error), -EINVAL);
	assert_non_null(strstr(error.message, "MTU"));
	assert_int_equal(link_delete(place->host, host.ifindex, NULL), 0);
	assert_int_equal(link_delete(place->host, host.ifindex, NULL), 0);
	assert_int_equal(link_delete(place->host, 0, NULL), 0);
	assert_int_equal(link_get_by_index(place->host, host.ifindex, &gone, &error), -ENODEV);
	assert_int_equal(link_get(place->pod, "eth0", &gone, NULL), -ENODEV);
	assert_int_equal(link_set_up(place->host, host.ifindex, &error), -ENODEV);
	assert_int_equal(error.code, -ENODEV);
}

static int count_and_stop_at_vxlan(const struct link *link, void *userdata)
{
	++*(unsigned *)userdata;
	return strcmp(link->kind, "vxlan") ? 0 : 77;
}

static int count_only(const struct link *link, void *userdata)
{
	++*(unsigned *)userdata;
	return 0;
}

static void a_vxlan_device_is_made_once(void **state)
{
	struct place *place = place_of(state);
	struct error error = {};
	unsigned count = 0;
	struct link vxlan;

	assert_int_equal(link_add_vxlan(place->host, "pilus_vxlan", 8472, 1450, NULL), 0);
	vxlan = device(place->host, "pilus_vxlan");
	assert_int_equal(vxlan.mtu, 1450);
	assert_int_equal(vxlan.peer_ifindex, 0);
	assert_int_equal(vxlan.vxlan_port, 8472);
	assert_int_equal(link_set_up(place->host, vxlan.ifindex, NULL), 0);
	assert_int_equal(link_add_vxlan(place->host, "pilus_vxlan", 8472, 1450, &error), -EEXIST);
	assert_non_null(strstr(error.message, "cannot make the vxlan device pilus_vxlan on port 8472"));
	assert_int_equal(link_each(place->host, count_and_stop_at_vxlan, &count), 77);
	count = 0;
	assert_int_equal(link_each(place->host, count_only, &count), 0);
	assert_int_equal(count, 2); /* and lo */
}

static void many_devices_are_all_seen(void **state)
{
	enum { PAIRS = 60 };
	struct place *place = place_of(state);
	unsigned count = 0;

	for (unsigned i = 0; i < PAIRS; i++) {
		char name[IFNAMSIZ], peer_name[IFNAMSIZ];

		snprintf(name, sizeof(name), "plx%u", i);
		snprintf(peer_name, sizeof(peer_name), "eth%u", i);
		assert_int_equal(add_pair(place, name, peer_name, NULL), 0);
	}
	assert_int_equal(link_each(place->host, count_only, &count), 0);
	assert_int_equal(count, PAIRS + 1);
}

struct seen {
	uint32_t ifindex;
	struct addr wanted;
	uint8_t bits;
};

static int look_for(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata)
{
	struct seen *seen = userdata;

	if (addr_equal(addr, &seen->wanted)) {
		seen->ifindex = ifindex;
		seen->bits = prefix_bits;
	}
	return 0;
}

static void assert_address(struct netlink *netlink, uint32_t ifindex, const char *text, uint8_t bits)
{
	struct seen seen = {.wanted = addr(text)};

	assert_int_equal(link_each_address(netlink, ifindex, look_for, &seen), 0);
	assert_int_equal(seen.ifindex, ifindex);
	assert_int_equal(seen.bits, bits);
	assert_int_equal(link_each_address(netlink, ifindex + 1000, look_for, &seen), 0);
	assert_int_equal(seen.ifindex, ifindex);
}

static int bind_v6(void *userdata)
{
	struct sockaddr_in6 own = {.sin6_family = AF_INET6};
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(&own.sin6_addr, userdata, sizeof(own.sin6_addr));
	return fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ? -errno : 0;
}

static void addresses_are_there_at_once(void **state)
{
	struct place *place = place_of(state);
	struct addr v4 = addr("10.1.0.7"), v6 = addr("fd00:1::7");
	struct error error = {};
	struct link host, pod;

	add_pod(place, &host, &pod);
	for (unsigned twice = 0; twice < 2; twice++) {
		assert_int_equal(link_add_address(place->pod, pod.ifindex, &v4, 128, NULL), 0);
		assert_int_equal(link_add_address(place->pod, pod.ifindex, &v6, 112, NULL), 0);
	}
	assert_address(place->pod, pod.ifindex, "10.1.0.7", 128);
	assert_address(place->pod, pod.ifindex, "fd00:1::7", 112);

	/* A tentative address cannot be bound to. */
	assert_int_equal(netns_call(place->pod_netns, bind_v6, &v6, NULL), 0);

	assert_int_equal(link_add_address(place->pod, 4711, &v4, 128, &error), -ENODEV);
	assert_non_null(strstr(error.message, "cannot add the address 10.1.0.7"));
}

static void host_routes_are_followed_and_replaced(void **state)
{
	struct place *place = place_of(state);
	struct route route = {.destination = prefix("10.1.0.7"), .mtu = 1400}, found;
	struct addr router = addr("10.1.0.1"), other = addr("10.1.0.2");
	struct link host, pod;

	add_pod(place, &host, &pod);
	route.ifindex = host.ifindex;
	assert_int_equal(link_add_address(place->host, host.ifindex, &router, 128, NULL), 0);
	assert_int_equal(link_add_address(place->host, host.ifindex, &other, 128, NULL), 0);
	route.source = router;
	assert_int_equal(route_set(place->host, &route, NULL), 0);
	assert_int_equal(route_lookup(place->host, &route.destination.addr, &found, NULL), 0);
	assert_int_equal(found.ifindex, host.ifindex);
	assert_int_equal(found.mtu, 1400);
	assert_true(addr_is_zero(&found.gateway));
	assert_true(addr_equal(&found.source, &router));

	route.source = other;
	assert_int_equal(route_set(place->host, &route, NULL), 0);
	assert_int_equal(route_lookup(place->host, &route.destination.addr, &found, NULL), 0);
	assert_true(addr_equal(&found.source, &other));

	assert_int_equal(route_delete(place->host, &route, NULL), 0);
	assert_int_equal(route_delete(place->host, &route, NULL), 0);
	assert_true(route_lookup(place->host, &route.destination.addr, &found, NULL) < 0);
}

static void v6_host_routes_too(void **state)
{
	struct place *place = place_of(state);
	struct route route = {.destination = prefix("fd00:1::7")}, found;
	struct link host, pod;

	add_pod(place, &host, &pod);
	route.ifindex = host.ifindex;
	for (unsigned twice = 0; twice < 2; twice++)
		assert_int_equal(route_set(place->host, &route, NULL), 0);
	assert_int_equal(route_lookup(place->host, &route.destination.addr, &found, NULL), 0);
	assert_int_equal(found.ifindex, host.ifindex);
	assert_int_equal(route_delete(place->host, &route, NULL), 0);
	assert_int_equal(route_delete(place->host, &route, NULL), 0);
	assert_true(route_lookup(place->host, &route.destination.addr, &found, NULL) < 0);
}

static void default_routes_lead_to_link_local_gateways(void **state)
{
	static const char *const ways[][4] = {
		{"10.1.0.7", "0.0.0.0/0", "169.254.1.1", "192.0.2.9"},
		{"fd00:1::7", "::/0", "fe80::1", "2001:db8::9"},
	};
	struct place *place = place_of(state);
	struct link host, pod;

	add_pod(place, &host, &pod);
	for (size_t i = 0; i < 2; i++) {
		struct addr own = addr(ways[i][0]), gateway = addr(ways[i][2]), far = addr(ways[i][3]);
		struct route route = {.destination = prefix(ways[i][1]),
		                      .gateway = gateway,
		                      .ifindex = pod.ifindex,
		                      .onlink = true},
			     found;

		assert_int_equal(link_add_address(place->pod, pod.ifindex, &own, 128, NULL), 0);
		for (unsigned twice = 0; twice < 2; twice++)
			assert_int_equal(route_set(place->pod, &route, NULL), 0);
		assert_int_equal(route_lookup(place->pod, &far, &found, NULL), 0);
		assert_int_equal(found.ifindex, pod.ifindex);
		assert_true(addr_equal(&found.gateway, &gateway));
		assert_true(addr_equal(&found.source, &own));
	}
}

struct routes_seen {
	struct prefix wanted;
	unsigned count, with_gateway, ours;
	uint32_t ifindex;
};

static int count_route(const struct route *route, void *userdata)
{
	struct routes_seen *seen = userdata;

	if (!addr_equal(&route->destination.addr, &seen->wanted.addr) || route->destination.bits != seen->wanted.bits)
		return 0;
	seen->count++;
	seen->with_gateway += !addr_is_zero(&route->gateway);
	seen->ours += route->ours;
	seen->ifindex = route->ifindex;
	return 0;
}

static struct routes_seen routes_to(struct place *place, const char *destination)
{
	struct routes_seen seen = {.wanted = prefix(destination)};

	assert_int_equal(route_each(place->host, count_route, &seen), 0);
	return seen;
}

static void a_route_may_lead_nowhere(void **state)
{
	static const char *const destinations[] = {"10.7.0.0/16", "fd00:7::/32"};
	struct place *place = place_of(state);

	for (size_t i = 0; i < 2; i++) {
		struct route nowhere = {.destination = prefix(destinations[i])}, found;

		assert_int_equal(route_set(place->host, &nowhere, NULL), 0);
		assert_int_equal(route_set(place->host, &nowhere, NULL), 0);
		assert_int_equal(routes_to(place, destinations[i]).count, 1);
		assert_int_equal(routes_to(place, destinations[i]).ifindex, 0);
		assert_true(route_lookup(place->host, &nowhere.destination.addr, &found, NULL) < 0);
		assert_int_equal(route_delete(place->host, &nowhere, NULL), 0);
		assert_int_equal(routes_to(place, destinations[i]).count, 0);
	}
}

static void all_routes_are_seen(void **state)
{
	struct place *place = place_of(state);
	struct route way = {.destination = prefix("0.0.0.0/0"), .gateway = addr("169.254.1.1"), .onlink = true};
	struct addr own = addr("10.1.0.1");
	struct link host, pod;

	add_pod(place, &host, &pod);
	assert_int_equal(link_add_address(place->host, host.ifindex, &own, 120, NULL), 0);
	way.ifindex = host.ifindex;
	assert_int_equal(route_set(place->host, &way, NULL), 0);
	way = (struct route){.destination = prefix("fd00:1::/64"), .ifindex = host.ifindex};
	assert_int_equal(route_set(place->host, &way, NULL), 0);

	assert_int_equal(routes_to(place, "0.0.0.0/0").with_gateway, 1);
	assert_int_equal(routes_to(place, "0.0.0.0/0").ifindex, host.ifindex);
	assert_int_equal(routes_to(place, "fd00:1::/64").ours, 1);
	assert_int_equal(routes_to(place, "10.1.0.0/24").count, 1);
	assert_int_equal(routes_to(place, "10.1.0.0/24").ours, 0); /* the kernel's own */
	assert_int_equal(routes_to(place, "::/0").count, 0);
	assert_int_equal(system("ip route replace default nexthop via 10.1.0.2 nexthop via 10.1.0.3"), 0);
	assert_int_equal(routes_to(place, "0.0.0.0/0").with_gateway, 2);
	assert_int_equal(routes_to(place, "0.0.0.0/0").ifindex, host.ifindex);
}

static void addresses_go_again(void **state)
{
	struct place *place = place_of(state);
	struct addr v4 = addr("10.1.0.7"), v6 = addr("fd00:1::7");
	struct seen seen = {.wanted = v6};
	struct link host, pod;

	add_pod(place, &host, &pod);
	assert_int_equal(link_add_address(place->host, host.ifindex, &v4, 128, NULL), 0);
	assert_int_equal(link_add_address(place->host, host.ifindex, &v6, 128, NULL), 0);
	for (unsigned twice = 0; twice < 2; twice++) {
		assert_int_equal(link_delete_address(place->host, host.ifindex, &v4, 128, NULL), 0);
		assert_int_equal(link_delete_address(place->host, host.ifindex, &v6, 128, NULL), 0);
	}
	assert_int_equal(link_each_address(place->host, host.ifindex, look_for, &seen), 0);
	assert_int_equal(seen.ifindex, 0);
}

static void refused_routes_say_which(void **state)
{
	struct place *place = place_of(state);
	struct route route = {.destination = prefix("10.0.0.0/8"), .gateway = addr("fe80::1"), .ifindex = 1};
	struct addr far = addr("192.0.2.9");
	struct error error = {};

	assert_int_equal(route_set(place->host, &route, &error), -EINVAL);
	assert_non_null(strstr(error.message, "cannot mix IPv4 and IPv6"));
	route.gateway = addr("192.0.2.1");
	assert_true(route_set(place->host, &route, &error) < 0);
	assert_non_null(strstr(error.message, "cannot set the route to 10.0.0.0/8 by 192.0.2.1"));
	assert_int_equal(route_lookup(place->host, &far, &route, &error), -ENETUNREACH);
	assert_string_equal(error.message, "there is no route to 192.0.2.9: Network is unreachable");
}

static void permanent_neighbours_stand(void **state)
{
	static const char *const addresses[] = {"169.254.1.1", "fe80::1"};
	struct place *place = place_of(state);
	struct error error = {};
	struct link host, pod;
	uint8_t mac[6];

	add_pod(place, &host, &pod);
	for (size_t i = 0; i < 2; i++) {
		struct addr gateway = addr(addresses[i]);

		assert_int_equal(neighbour_get(place->pod, pod.ifindex, &gateway, mac), -ENOENT);
		assert_int_equal(neighbour_set(place->pod, pod.ifindex, &gateway, pod_mac, NULL), 0);
		assert_int_equal(neighbour_set(place->pod, pod.ifindex, &gateway, host_mac, NULL), 0);
		assert_int_equal(neighbour_get(place->pod, pod.ifindex, &gateway, mac), 0);
		assert_memory_equal(mac, host_mac, 6);
		assert_int_equal(neighbour_set(place->pod, 4711, &gateway, host_mac, &error), -ENODEV);
		assert_non_null(strstr(error.message, "cannot set the neighbour"));
	}
}

/* Reads what comes until `wanted` is true of it; no event within the deadline fails the test. */
static void await(struct netlink_watch *watch, bool (*wanted)(const struct netlink_changes *changes))
{
	struct netlink_changes all = {};

	while (!wanted(&all)) {
		struct pollfd wait = {.fd = netlink_watch_fd(watch), .events = POLLIN};
		struct netlink_changes changes;

		assert_int_equal(poll(&wait, 1, 5000), 1);
		assert_int_equal(netlink_watch_read(watch, &changes), 0);
		all.links |= changes.links;
		all.addresses |= changes.addresses;
		all.routes |= changes.routes;
		all.neighbours |= changes.neighbours;
	}
}

static bool pod_came(const struct netlink_changes *changes)
{
	return changes->links && changes->addresses && changes->routes;
}

static bool neighbour_came(const struct netlink_changes *changes)
{
	return changes->neighbours;
}

static void changes_are_reported_as_they_come(void **state)
{
	struct place *place = place_of(state);
	struct addr router = addr("10.1.0.1");
	struct netlink_watch *watch;
	struct netlink_changes changes;
	struct link host, pod;

	assert_int_equal(netlink_watch_open(&watch, NULL), 0);
	assert_int_equal(netlink_watch_read(watch, &changes), 0);
	assert_false(changes.links || changes.addresses || changes.routes || changes.neighbours);
	add_pod(place, &host, &pod);
	assert_int_equal(link_add_address(place->host, host.ifindex, &router, 120, NULL), 0);
	await(watch, pod_came);
	assert_int_equal(neighbour_set(place->host, host.ifindex, &router, pod_mac, NULL), 0);
	await(watch, neighbour_came);
	netlink_watch_free(watch);
}

static void an_overrun_means_everything(void **state)
{
	struct place *place = place_of(state);
	struct netlink_watch *watch;
	struct netlink_changes changes;
	struct link host, pod;
	int small = 1;

	add_pod(place, &host, &pod);
	assert_int_equal(netlink_watch_open(&watch, NULL), 0);
	assert_int_equal(setsockopt(netlink_watch_fd(watch), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	for (uint32_t mtu = 1000; mtu < 1064; mtu++)
		assert_int_equal(link_set_mtu(place->host, host.ifindex, mtu, NULL), 0);
	assert_int_equal(netlink_watch_read(watch, &changes), 0);
	assert_true(changes.links && changes.addresses && changes.routes && changes.neighbours);
	netlink_watch_free(watch);
}

/* Asking for a neighbour that answers makes it valid, and the watch says so. */
static void probing_resolves(void **state)
{
	struct place *place = place_of(state);
	struct addr own = addr("10.1.0.1"), other = addr("10.1.0.7");
	struct netlink_watch *watch;
	struct link host, pod;
	uint8_t mac[6];

	add_pod(place, &host, &pod);
	assert_int_equal(link_add_address(place->host, host.ifindex, &own, 120, NULL), 0);
	assert_int_equal(link_add_address(place->pod, pod.ifindex, &other, 120, NULL), 0);
	assert_int_equal(netlink_watch_open(&watch, NULL), 0);
	assert_int_equal(neighbour_probe(place->host, host.ifindex, &other), 0);
	while (neighbour_get(place->host, host.ifindex, &other, mac) < 0)
		await(watch, neighbour_came);
	assert_memory_equal(mac, pod_mac, 6);
	netlink_watch_free(watch);
}

static void only_network_namespaces_are_opened(void **state)
{
	struct error error = {};
	struct netlink *netlink;
	int fd = -1;

	assert_int_equal(netns_open("/proc/self/ns/mnt", &fd, &error), -EINVAL);
	assert_string_equal(error.message, "/proc/self/ns/mnt is no network namespace");
	assert_int_equal(netns_open("/etc/passwd", &fd, &error), -EINVAL);
	assert_int_equal(netlink_open("/run/netns/no-such", &netlink, &error), -ENOENT);
	assert_string_equal(error.message,
	                    "cannot open the network namespace /run/netns/no-such: No such file or directory");
	assert_int_equal(fd, -1);
}

static int own_inode(void *userdata)
{
	struct stat status;

	assert_int_equal(stat("/proc/thread-self/ns/net", &status), 0);
	*(ino_t *)userdata = status.st_ino;
	return -77;
}

static void calls_come_back_from_the_namespace(void **state)
{
	struct place *place = place_of(state);
	struct stat pod;
	ino_t before, inside, after;

	own_inode(&before);
	assert_int_equal(netns_call(place->pod_netns, own_inode, &inside, NULL), -77);
	own_inode(&after);
	assert_int_equal(fstat(place->pod_netns, &pod), 0);
	assert_int_equal(inside, pod.st_ino);
	assert_int_equal(before, after);
	assert_int_not_equal(before, inside);
}

#define IN_NAMESPACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_NAMESPACE(a_veth_pair_spans_namespaces),
		IN_NAMESPACE(bad_device_names_are_refused),
		IN_NAMESPACE(devices_change_and_go),
		IN_NAMESPACE(a_vxlan_device_is_made_once),
		IN_NAMESPACE(many_devices_are_all_seen),
		IN_NAMESPACE(addresses_are_there_at_once),
		IN_NAMESPACE(host_routes_are_followed_and_replaced),
		IN_NAMESPACE(v6_host_routes_too),
		IN_NAMESPACE(default_routes_lead_to_link_local_gateways),
		IN_NAMESPACE(a_route_may_lead_nowhere),
		IN_NAMESPACE(all_routes_are_seen),
		IN_NAMESPACE(addresses_go_again),
		IN_NAMESPACE(refused_routes_say_which),
		IN_NAMESPACE(permanent_neighbours_stand),
		IN_NAMESPACE(changes_are_reported_as_they_come),
		IN_NAMESPACE(an_overrun_means_everything),
		IN_NAMESPACE(probing_resolves),
		cmocka_unit_test(only_network_namespaces_are_opened),
		IN_NAMESPACE(calls_come_back_from_the_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
