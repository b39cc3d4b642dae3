/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for sockets: real sockets in a cgroup of their own, on the loopback device of the rig's network namespace.
 */
#include "services.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "net/link.h"
#include "net/netlink.h"

#define VIP4 "10.96.0.1"
#define VIP6 "fd00:96::1"

/* The cgroup: where the test's process was before, and is now. */
static char cgroup[64], cgroup_before[512];

static void enter(const char *folder)
{
	_cleanup_free_ char *path = xasprintf("%s/cgroup.procs", folder);
	_cleanup_fclose_ FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fprintf(file, "%d\n", getpid()) > 0);
	assert_int_equal(fflush(file), 0);
}

static void find_cgroup(const char *root)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "0::/", 4)) {
			line[strcspn(line, "\n")] = 0;
			snprintf(cgroup_before, sizeof(cgroup_before), "%s%s", root, line + 3);
		}
}

static void bring_up_loopback(void)
{
	_cleanup_(netlink_freep) struct netlink *netlink = NULL;
	struct link lo;

	assert_int_equal(netlink_open(NULL, &netlink, NULL), 0);
	assert_int_equal(link_get(netlink, "lo", &lo, NULL), 0);
	assert_int_equal(link_set_up(netlink, lo.ifindex, NULL), 0);
}

/* Without cgroups v2 there is nothing to test. */
static int begin(void **state)
{
	const char *root = datapath_cgroup_default();
	struct error error = {};

	if (packet_test_begin(state))
		return -1;
	services_clear();
	if (cgroup[0] || !root)
		return 0;
	bring_up_loopback();
	find_cgroup(root);
	snprintf(cgroup, sizeof(cgroup), "%s/pilus-packet-%d", root, getpid());
	assert_int_equal(mkdir(cgroup, 0755), 0);
	enter(cgroup);
	if (datapath_attach_cgroup(rig.datapath, cgroup, &error))
		fail_msg("%s", error.message);
	return 0;
}

static void leave_cgroup(void)
{
	if (!cgroup[0])
		return;
	enter(cgroup_before);
	rmdir(cgroup);
}

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t size;
};

static struct address address(const char *text, uint16_t port)
{
	struct address address = {};

	if (strchr(text, ':')) {
		address.v6.sin6_family = AF_INET6;
		address.v6.sin6_port = htons(port);
		address.size = sizeof(address.v6);
		assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
	} else {
		address.v4.sin_family = AF_INET;
		address.v4.sin_port = htons(port);
		address.size = sizeof(address.v4);
		assert_int_equal(inet_pton(AF_INET, text, &address.v4.sin_addr), 1);
	}
	return address;
}

static void assert_address(const struct address *is, const char *text, uint16_t port)
{
	struct address expected = address(text, port);

	assert_int_equal(is->any.sa_family, expected.any.sa_family);
	assert_int_equal(is->v4.sin_port, expected.v4.sin_port);
	if (is->any.sa_family == AF_INET)
		assert_int_equal(is->v4.sin_addr.s_addr, expected.v4.sin_addr.s_addr);
	else
		assert_memory_equal(&is->v6.sin6_addr, &expected.v6.sin6_addr, sizeof(is->v6.sin6_addr));
}

static int open_socket(const char *text, int type)
{
	int fd = socket(strchr(text, ':') ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	return fd;
}

/* Returns 0 or −errno. */
static int try_bind(int fd, const char *text, uint16_t port)
{
	struct address at = address(text, port);

	return bind(fd, &at.any, at.size) < 0 ? -errno : 0;
}

static int try_connect(int fd, const char *text, uint16_t port)
{
	struct address to = address(text, port);

	return connect(fd, &to.any, to.size) < 0 ? -errno : 0;
}

static int listener(const char *text, uint16_t port)
{
	int fd = open_socket(text, SOCK_STREAM), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(try_bind(fd, text, port), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int receiver(const char *text, uint16_t port)
{
	int fd = open_socket(text, SOCK_DGRAM);

	assert_int_equal(try_bind(fd, text, port), 0);
	return fd;
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

	return poll(&poll_fd, 1, 0) == 1;
}

static int count_readable(const int *fds, int count)
{
	int readable = 0;

	for (int i = 0; i < count; i++)
		readable += is_readable(fds[i]);
	return readable;
}

static int count_peer(const struct socket_peer_key *key, const struct socket_peer *peer, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static int peer_count(void)
{
	int count = 0;

	assert_int_equal(socket_peer_each(rig.maps, count_peer, &count), 0);
	return count;
}

static void needs_cgroup(void)
{
	if (!cgroup[0])
		skip();
}

/* As asked for and reached; IPv4 also by an IPv6 socket. */
static const struct {
	const char *asked, *reached, *vip, *backend;
} families[] = {
	{VIP4, "127.0.0.1", VIP4, "127.0.0.1"},
	{VIP6, "::1", VIP6, "::1"},
	{"::ffff:" VIP4, "127.0.0.1", VIP4, "127.0.0.1"},
};

static void test_who_connects_to_a_service_reaches_its_backend(void **state)
{
	needs_cgroup();
	EVERY (i, families) {
		_cleanup_close_ int server = listener(families[i].reached, 9001),
				    client = open_socket(families[i].asked, SOCK_STREAM);
		struct address peer = {.size = sizeof(peer.v6)};

		services_clear();
		SERVICE(.addr = families[i].vip, .port = 80, .backends = {{families[i].backend, 9001}});
		assert_int_equal(try_connect(client, families[i].asked, 80), 0);
		assert_true(is_readable(server));
		assert_int_equal(getpeername(client, &peer.any, &peer.size), 0);
		assert_address(&peer, families[i].asked, 80);
	}
}

static void test_other_ports_and_protocols_are_no_service(void **state)
{
	_cleanup_close_ int client = -1, other = -1;
	struct address peer = {.size = sizeof(peer.v6)};

	needs_cgroup();
	SERVICE(.addr = VIP4, .port = 80, .backends = {{"127.0.0.1", 9001}});
	client = open_socket(VIP4, SOCK_DGRAM);
	other = open_socket("127.0.0.1", SOCK_DGRAM);
	assert_int_equal(try_connect(client, VIP4, 80), -ENETUNREACH);
	assert_int_equal(try_connect(other, "127.0.0.1", 80), 0);
	assert_int_equal(getpeername(other, &peer.any, &peer.size), 0);
	assert_address(&peer, "127.0.0.1", 80);
	assert_int_equal(peer_count(), 0);
}

static void test_connections_go_to_all_backends(void **state)
{
	int servers[2];

	needs_cgroup();
	servers[0] = listener("127.0.0.1", 9001);
	servers[1] = listener("127.0.0.2", 9002);
	SERVICE(.addr = VIP4, .port = 80, .backends = {{"127.0.0.1", 9001}, {"127.0.0.2", 9002}});
	/* That all of 40 go to one happens once in 10^12. */
	for (int i = 0; i < 40; i++) {
		_cleanup_close_ int client = open_socket(VIP4, SOCK_STREAM);

		assert_int_equal(try_connect(client, VIP4, 80), 0);
	}
	EVERY (i, servers) {
		assert_true(is_readable(servers[i]));
		close(servers[i]);
	}
}

static void test_every_slot_of_a_long_row_is_found(void **state)
{
	struct service_key key = {.port = htons(80), .protocol = PROTOCOL_UDP};
	struct service service = {.number = 7, .side = {{.set = 9, .count = 100}}};
	struct backend backend = {.service = 7, .port = htons(9), .serves = 1};
	uint32_t slots[100];
	bool found[100] = {};
	int missing = 100;

	needs_cgroup();
	for (int i = 0; i < 100; i++) {
		slots[i] = 1000 + i;
		backend.addr = addr_from_v4(htonl(INADDR_LOOPBACK + i));
		assert_int_equal(backend_map_set(rig.maps, slots[i], &backend), 0);
	}
	assert_int_equal(addr_parse(VIP4, &key.addr), 0);
	assert_int_equal(service_slots_set(rig.maps, 9, slots, 100), 0);
	assert_int_equal(service_map_set(rig.maps, &key, &service), 0);
	/* One of 100 is missed in 10,000 once in 10^41. */
	for (int i = 0; i < 10000 && missing; i++) {
		_cleanup_close_ int client = open_socket(VIP4, SOCK_DGRAM);
		struct address to = address(VIP4, 80);
		struct socket_peer_key peer_key;
		struct socket_peer peer;

		assert_int_equal(sendto(client, "x", 1, 0, &to.any, to.size), 1);
		while (!bpf_map_get_next_key(rig.maps->socket_peers, NULL, &peer_key)) {
			assert_int_equal(bpf_map_lookup_elem(rig.maps->socket_peers, &peer_key, &peer), 0);
			missing -= !found[peer.backend - 1000];
			found[peer.backend - 1000] = true;
			bpf_map_delete_elem(rig.maps->socket_peers, &peer_key);
		}
	}
	assert_int_equal(missing, 0);
}

static void test_without_backends_connecting_is_refused_at_once(void **state)
{
	_cleanup_close_ int client = -1, dropped = -1, sender = -1;
	struct address to;

	needs_cgroup();
	SERVICE(.addr = VIP4, .port = 80);
	SERVICE(.addr = VIP4, .port = 81, .flags = SERVICE_DROPS);
	SERVICE(.addr = VIP6, .port = 53, .protocol = PROTOCOL_UDP);
	client = open_socket(VIP4, SOCK_STREAM);
	dropped = open_socket(VIP4, SOCK_STREAM);
	sender = open_socket(VIP6, SOCK_DGRAM);
	assert_int_equal(try_connect(client, VIP4, 80), -ECONNREFUSED);
	assert_int_equal(try_connect(dropped, VIP4, 81), -EHOSTUNREACH);
	to = address(VIP6, 53);
	assert_int_equal(sendto(sender, "x", 1, 0, &to.any, to.size), -1);
	assert_int_equal(errno, ECONNREFUSED);
}

/* The server answers whom it heard. */
static void answer(int server)
{
	struct address from = {.size = sizeof(from.v6)};
	char text[16];
	ssize_t size = recvfrom(server, text, sizeof(text), 0, &from.any, &from.size);

	assert_true(size > 0);
	assert_int_equal(sendto(server, text, size, 0, &from.any, from.size), size);
}

static void test_datagrams_come_from_the_service(void **state)
{
	needs_cgroup();
	EVERY (i, families) {
		_cleanup_close_ int server = receiver(families[i].reached, 9053),
				    client = open_socket(families[i].asked, SOCK_DGRAM);
		struct address to = address(families[i].asked, 53), from = {.size = sizeof(from.v6)};
		char text[16];

		services_clear();
		SERVICE(.addr = families[i].vip, .port = 53, .protocol = PROTOCOL_UDP,
		        .backends = {{families[i].backend, 9053}});
		assert_int_equal(sendto(client, "hello", 5, 0, &to.any, to.size), 5);
		answer(server);
		assert_int_equal(recvfrom(client, text, sizeof(text), 0, &from.any, &from.size), 5);
		assert_address(&from, families[i].asked, 53);
	}
}

static void test_connected_datagrams_come_from_the_service(void **state)
{
	needs_cgroup();
	EVERY (i, families) {
		_cleanup_close_ int server = receiver(families[i].reached, 9053),
				    client = open_socket(families[i].asked, SOCK_DGRAM);
		struct address from = {.size = sizeof(from.v6)};
		char text[16];

		services_clear();
		SERVICE(.addr = families[i].vip, .port = 53, .protocol = PROTOCOL_UDP,
		        .backends = {{families[i].backend, 9053}});
		assert_int_equal(try_connect(client, families[i].asked, 53), 0);
		assert_int_equal(send(client, "hello", 5, 0), 5);
		answer(server);
		assert_int_equal(recvfrom(client, text, sizeof(text), 0, &from.any, &from.size), 5);
		assert_address(&from, families[i].asked, 53);
	}
}

static uint32_t asked_backend(void)
{
	struct socket_peer_key key, *before = NULL;
	struct socket_peer peer;

	while (!bpf_map_get_next_key(rig.maps->socket_peers, before, &key)) {
		before = &key;
		assert_int_equal(bpf_map_lookup_elem(rig.maps->socket_peers, &key, &peer), 0);
		if (key.side == SOCKET_ASKED)
			return peer.backend;
	}
	return 0;
}

static void test_a_sender_keeps_to_one_backend_while_it_is_there(void **state)
{
	_cleanup_close_ int client = -1;
	struct address to = address(VIP4, 53);
	uint32_t number, first = 0, others[SCENE_BACKENDS], count = 0;
	struct service service = {};
	struct service_key key = {.port = htons(53), .protocol = PROTOCOL_UDP};

	needs_cgroup();
	client = open_socket(VIP4, SOCK_DGRAM);
	number = SERVICE(.addr = VIP4, .port = 53, .protocol = PROTOCOL_UDP,
	                 .backends = {{"127.0.0.1", 1}, {"127.0.0.2", 2}, {"127.0.0.3", 3}, {"127.0.0.4", 4}});
	for (int i = 0; i < 30; i++) {
		assert_int_equal(sendto(client, "x", 1, 0, &to.any, to.size), 1);
		if (i == 0)
			first = asked_backend();
		assert_int_equal(asked_backend(), first);
	}
	for (int i = 0; i < 4; i++)
		if (SCENE_ID(number, i) != first)
			others[count++] = SCENE_ID(number, i);
	assert_int_equal(addr_parse(VIP4, &key.addr), 0);
	assert_int_equal(service_slots_set(rig.maps, 50, others, count), 0);
	service.number = number;
	service.side[SERVICE_INSIDE] = (struct service_set){50, count};
	assert_int_equal(service_map_set(rig.maps, &key, &service), 0);
	assert_int_equal(sendto(client, "x", 1, 0, &to.any, to.size), 1);
	assert_int_equal(asked_backend(), first); /* terminating */
	assert_int_equal(backend_map_delete(rig.maps, first), 0);
	assert_int_equal(sendto(client, "x", 1, 0, &to.any, to.size), 1);
	assert_int_not_equal(asked_backend(), first);
	assert_int_not_equal(asked_backend(), 0);
}

static int read_affinity(const struct affinity_key *key, const struct affinity *affinity, void *userdata)
{
	*(struct affinity *)userdata = *affinity;
	return 0;
}

static void test_affinity_keeps_a_client_at_its_backend(void **state)
{
	int servers[3];
	struct affinity affinity = {};
	struct backend backend;
	uint32_t number, chosen;
	int busy;

	needs_cgroup();
	for (int i = 0; i < 3; i++)
		servers[i] = listener("127.0.0.1", 9001 + i);
	number = SERVICE(.addr = VIP4, .port = 80, .affinity = 100,
	                 .backends = {{"127.0.0.1", 9001}, {"127.0.0.1", 9002}, {"127.0.0.1", 9003}});
	for (int i = 0; i < 30; i++) {
		_cleanup_close_ int client = open_socket(VIP4, SOCK_STREAM);

		assert_int_equal(try_connect(client, VIP4, 80), 0);
	}
	busy = count_readable(servers, 3);
	assert_int_equal(busy, 1);
	assert_int_equal(affinity_each(rig.maps, read_affinity, &affinity), 0);
	chosen = affinity.backend;
	assert_true(is_readable(servers[chosen - SCENE_ID(number, 0)]));

	/* Who no longer takes new connections gets none. */
	assert_int_equal(backend_map_get(rig.maps, chosen, &backend), 0);
	backend.serves = 0;
	assert_int_equal(backend_map_set(rig.maps, chosen, &backend), 0);
	for (int i = 0; i < 40 && busy == 1; i++) {
		_cleanup_close_ int client = open_socket(VIP4, SOCK_STREAM);

		assert_int_equal(try_connect(client, VIP4, 80), 0);
		busy = count_readable(servers, 3);
	}
	assert_true(busy > 1);
	EVERY (i, servers)
		close(servers[i]);
}

static void test_a_node_port_is_at_every_address_of_the_nodes(void **state)
{
	static const struct {
		const char *asked, *frontend, *backend;
		uint16_t port, flags;
		int result;
	} cases[] = {
		{"127.0.0.1", "0.0.0.0", "127.0.0.1", 30080, 0, 0},
		{"0.0.0.0", "0.0.0.0", "127.0.0.1", 30080, 0, 0},
		{"::1", "::", "::1", 30080, 0, 0},
		{HOST4, "0.0.0.0", "127.0.0.1", 30080, 0, 0},
		{HOST6, "::", "::1", 30080, 0, 0},
		{"::ffff:" HOST4, "0.0.0.0", "127.0.0.1", 30080, 0, 0},
		{PEER4, "0.0.0.0", "127.0.0.1", 30080, 0, 0},
		/* A host port is its node's. */
		{HOST4, "0.0.0.0", "127.0.0.1", 8080, SERVICE_HERE, 0},
		{PEER4, "0.0.0.0", "127.0.0.1", 8080, SERVICE_HERE, -ENETUNREACH},
		{PEER4, "0.0.0.0", "127.0.0.1", 30080, SERVICE_HERE, -ENETUNREACH},
		{PEER4, "0.0.0.0", "127.0.0.1", 8080, 0, -ENETUNREACH},
		{WORLD4, "0.0.0.0", "127.0.0.1", 30080, 0, -ENETUNREACH},
		{POD_C4, "0.0.0.0", "127.0.0.1", 30080, 0, -ENETUNREACH},
	};

	needs_cgroup();
	EVERY (i, cases) {
		_cleanup_close_ int server = listener(cases[i].backend, 9001),
				    client = open_socket(cases[i].asked, SOCK_STREAM);

		services_clear();
		SERVICE(.addr = cases[i].frontend, .port = cases[i].port, .flags = cases[i].flags,
		        .backends = {{cases[i].backend, 9001}});
		if (try_connect(client, cases[i].asked, cases[i].port) != cases[i].result)
			fail_msg("%s:%u is %s", cases[i].asked, cases[i].port,
			         cases[i].result ? "reached" : "not reached");
		assert_int_equal(is_readable(server), !cases[i].result);
	}
}

static void test_a_node_port_is_nobody_elses(void **state)
{
	_cleanup_close_ int v4 = -1, v6 = -1, other = -1, udp = -1, free_now = -1;
	struct service_key key = {.addr = addr_from_v4(0), .port = htons(30080), .protocol = PROTOCOL_TCP};

	needs_cgroup();
	SERVICE(.addr = "0.0.0.0", .port = 30080);
	v4 = open_socket("0.0.0.0", SOCK_STREAM);
	v6 = open_socket("::", SOCK_STREAM);
	other = open_socket("0.0.0.0", SOCK_STREAM);
	udp = open_socket("0.0.0.0", SOCK_DGRAM);
	assert_int_equal(try_bind(v4, "127.0.0.1", 30080), -EADDRINUSE);
	assert_int_equal(try_bind(v6, "::", 30080), -EADDRINUSE);
	assert_int_equal(try_bind(other, "0.0.0.0", 30081), 0);
	assert_int_equal(try_bind(udp, "0.0.0.0", 30080), 0);
	assert_int_equal(service_map_delete(rig.maps, &key), 0);
	free_now = open_socket("0.0.0.0", SOCK_STREAM);
	assert_int_equal(try_bind(free_now, "0.0.0.0", 30080), 0);
}

static void test_a_closed_socket_leaves_nothing(void **state)
{
	_cleanup_close_ int server = -1;
	int client, datagrams;

	needs_cgroup();
	server = listener("::1", 9001);
	SERVICE(.addr = VIP6, .port = 80, .backends = {{"::1", 9001}});
	SERVICE(.addr = VIP4, .port = 53, .protocol = PROTOCOL_UDP, .backends = {{"127.0.0.1", 53}});
	client = open_socket(VIP6, SOCK_STREAM);
	datagrams = open_socket(VIP4, SOCK_DGRAM);
	assert_int_equal(try_connect(client, VIP6, 80), 0);
	assert_int_equal(try_connect(datagrams, VIP4, 53), 0);
	assert_int_equal(peer_count(), 2);
	close(client);
	close(datagrams);
	assert_int_equal(peer_count(), 0);
}

static int find_connect(const struct attachment *attachment, void *userdata)
{
	if (!strcmp(attachment->program, "connect4")) {
		assert_string_equal(attachment->hook, "cgroup/connect4");
		assert_string_equal(attachment->device, cgroup);
		++*(int *)userdata;
	}
	return 0;
}

static void test_the_attachment_is_told_and_checked(void **state)
{
	_cleanup_free_ char *pin = xasprintf("%s/pilus/cgroup/recvmsg6", rig.folder);
	struct error error = {};
	int found = 0;

	needs_cgroup();
	assert_int_equal(datapath_each_attachment(rig.datapath, find_connect, &found), 0);
	assert_int_equal(found, 1);
	assert_int_equal(datapath_check_cgroup(rig.datapath, &error), 0);
	assert_int_equal(datapath_attach_cgroup(rig.datapath, cgroup, &error), 0);
	assert_int_equal(datapath_check_cgroup(rig.datapath, &error), 0);
	assert_int_equal(unlink(pin), 0);
	assert_int_equal(datapath_check_cgroup(rig.datapath, &error), -ENOENT);
	assert_non_null(strstr(error.message, "recvmsg6"));
	assert_int_equal(datapath_attach_cgroup(rig.datapath, cgroup, &error), 0);
	assert_int_equal(datapath_check_cgroup(rig.datapath, &error), 0);
}

/* The kernel lets go of a link a little after its pin is gone. */
static int wait_for_connect(int fd, const char *text, uint16_t port, int result)
{
	int r = try_connect(fd, text, port);

	for (int i = 0; r != result && i < 10000; i++) {
		usleep(1000);
		r = try_connect(fd, text, port);
	}
	return r;
}

static void test_another_cgroup_takes_over(void **state)
{
	_cleanup_free_ char *below = xasprintf("%s/below", cgroup);
	_cleanup_close_ int client = -1;
	struct error error = {};

	needs_cgroup();
	SERVICE(.addr = VIP4, .port = 80);
	client = open_socket(VIP4, SOCK_STREAM);
	assert_int_equal(mkdir(below, 0755), 0);
	assert_int_equal(datapath_attach_cgroup(rig.datapath, below, &error), 0);
	assert_int_equal(datapath_check_cgroup(rig.datapath, &error), 0);
	assert_int_equal(wait_for_connect(client, VIP4, 80, -ENETUNREACH), -ENETUNREACH);
	assert_int_equal(datapath_attach_cgroup(rig.datapath, cgroup, &error), 0);
	assert_int_equal(try_connect(client, VIP4, 80), -ECONNREFUSED);
	assert_int_equal(rmdir(below), 0);
	assert_int_equal(datapath_attach_cgroup(rig.datapath, NULL, &error), 0);
	assert_int_equal(datapath_take_over(rig.datapath, &error), 0);
	assert_int_equal(wait_for_connect(client, VIP4, 80, -ENETUNREACH), -ENETUNREACH);
	assert_int_equal(datapath_attach_cgroup(rig.datapath, cgroup, &error), 0);
}

#define SOCKET_TEST(function) cmocka_unit_test_setup(function, begin)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SOCKET_TEST(test_who_connects_to_a_service_reaches_its_backend),
		SOCKET_TEST(test_other_ports_and_protocols_are_no_service),
		SOCKET_TEST(test_connections_go_to_all_backends),
		SOCKET_TEST(test_every_slot_of_a_long_row_is_found),
		SOCKET_TEST(test_without_backends_connecting_is_refused_at_once),
		SOCKET_TEST(test_datagrams_come_from_the_service),
		SOCKET_TEST(test_connected_datagrams_come_from_the_service),
		SOCKET_TEST(test_a_sender_keeps_to_one_backend_while_it_is_there),
		SOCKET_TEST(test_affinity_keeps_a_client_at_its_backend),
		SOCKET_TEST(test_a_node_port_is_at_every_address_of_the_nodes),
		SOCKET_TEST(test_a_node_port_is_nobody_elses),
		SOCKET_TEST(test_a_closed_socket_leaves_nothing),
		SOCKET_TEST(test_the_attachment_is_told_and_checked),
		SOCKET_TEST(test_another_cgroup_takes_over),
	};
	int r;

	r = PACKET_TESTS("socket", tests);
	leave_cgroup();
	return r;
}
