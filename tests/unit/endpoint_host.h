/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The place endpoints are tested in: an agent on a host and a pod's namespace, both the test's own, and how to ask it.
 */
#ifndef PILUS_TESTS_ENDPOINT_HOST_H
#define PILUS_TESTS_ENDPOINT_HOST_H

#include "endpoint_fakes.h"

static struct config config;
static struct netlink *netlink;
static struct endpoints *endpoints;
static int home = -1, host = -1, pod = -1;

static struct answer {
	unsigned count;
	int result;
	bool created;
	json_t *endpoint;
	struct error error;
} answer;

/* ── a host and a pod ── */

static int own_netns(void)
{
	return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int new_netns(void)
{
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = own_netns();
	if (host >= 0)
		assert_int_equal(setns(host, CLONE_NEWNET), 0);
	return fd;
}

static void start_agent(void)
{
	const struct endpoint_services services = {
		.loop = &loop, .config = &config, .netlink = netlink, .pod_mtu = 1450};
	struct error error = {};

	endpoints = endpoints_new(&services);
	if (endpoints_restore(endpoints, &error))
		fail_msg("%s", error.message);
}

static inline void stop_agent(void)
{
	endpoints_free(endpoints);
	endpoints = NULL;
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void give_host_its_addresses(void)
{
	struct link lo;

	assert_int_equal(link_get(netlink, "lo", &lo, NULL), 0);
	assert_int_equal(link_set_up(netlink, lo.ifindex, NULL), 0);
	assert_int_equal(link_add_address(netlink, lo.ifindex, &fakes.router[FAMILY_V4], 128, NULL), 0);
	assert_int_equal(link_add_address(netlink, lo.ifindex, &fakes.router[FAMILY_V6], 128, NULL), 0);
}

static int setup(void **state)
{
	fakes = (struct fakes){.identity = 4711};
	answer = (struct answer){};
	memset(questions, 0, sizeof(questions));
	prefix_parse("10.1.0.0/24", &fakes.cidr[FAMILY_V4]);
	prefix_parse("fd00:1::/112", &fakes.cidr[FAMILY_V6]);
	addr_parse("10.1.0.1", &fakes.router[FAMILY_V4]);
	addr_parse("fd00:1::1", &fakes.router[FAMILY_V6]);
	if (loop_setup(state))
		return -1;
	config.state_dir = folder;
	config.short_cuts = SHORT_CUTS_OFF;
	if (geteuid() != 0)
		return 0;
	home = own_netns();
	host = new_netns();
	pod = new_netns();
	if (netlink_open(NULL, &netlink, NULL))
		return -1;
	give_host_its_addresses();
	start_agent();
	return 0;
}

static int teardown(void **state)
{
	json_decref(answer.endpoint);
	if (endpoints)
		stop_agent();
	netlink_free(netlink);
	netlink = NULL;
	if (host >= 0) {
		setns(home, CLONE_NEWNET);
		close(pod);
		close(host);
		close(home);
		host = pod = home = -1;
	}
	return loop_teardown(state);
}

#define need_root()             \
	do {                    \
		if (host < 0)   \
			skip(); \
	} while (0)

/* ── asking ── */

static void answered(void *userdata, json_t *endpoint, bool created, int result, const struct error *error)
{
	json_decref(answer.endpoint);
	answer.count++;
	answer.result = result;
	answer.created = created;
	answer.endpoint = json_incref(endpoint);
	answer.error = error ? *error : (struct error){};
}

static json_t *request_for(const char *container)
{
	char netns[32];

	snprintf(netns, sizeof(netns), "/proc/self/fd/%d", pod);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s}}", "container", container, "interface", "eth0",
	                 "netns", netns, "network", "pilus", "pod", "web-1", "namespace", "default", "labels", "app",
	                 "web");
}

/* PUT; the store answers at once. */
static int put(json_t *request)
{
	answer.count = 0;
	endpoint_create(endpoints, request, answered, NULL);
	fakes_answer();
	json_decref(request);
	assert_int_equal(answer.count, 1);
	return answer.result;
}

static inline void must_put(json_t *request)
{
	if (put(request))
		fail_msg("%s", answer.error.message);
}

static inline int put_with(const char *member, json_t *value)
{
	json_t *request = request_for("c1");

	json_object_set_new(request, member, value);
	return put(request);
}

static const char *text_of(json_t *json, const char *member)
{
	return json_string_value(json_object_get(json, member)) ?: "";
}

static const char *state_of(uint16_t id)
{
	static char state[32];
	json_t *json = endpoint_to_json(endpoints, id);

	snprintf(state, sizeof(state), "%s", json ? text_of(json, "state") : "none");
	json_decref(json);
	return state;
}

static inline bool device_there(const char *name)
{
	struct link link;

	return !link_get(netlink, name, &link, NULL);
}

static inline struct netlink *open_pod_netlink(void)
{
	struct netlink *in_pod;
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", pod);
	assert_int_equal(__real_netlink_open(path, &in_pod, NULL), 0);
	return in_pod;
}

static inline bool file_there(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/endpoints/%s", folder, name);
	return access(path, F_OK) == 0;
}

static inline void assert_nothing_left(uint16_t id)
{
	char device[IFNAMSIZ], file[16];
	struct netlink *in_pod = open_pod_netlink();
	struct link link;

	snprintf(device, sizeof(device), "plx%u", id);
	snprintf(file, sizeof(file), "%u.json", id);
	assert_string_equal(state_of(id), "none");
	assert_false(device_there(device));
	assert_int_equal(link_get(in_pod, "eth0", &link, NULL), -ENODEV);
	netlink_free(in_pod);
	assert_false(file_there(file));
	assert_int_equal(count_addrs(fakes.allocated), 0);
	assert_int_equal(count_addrs(fakes.published), 0);
	assert_int_equal(fakes.map[id].ifindex, 0);
	assert_int_equal(fakes.attached[id], 0);
}

#endif
