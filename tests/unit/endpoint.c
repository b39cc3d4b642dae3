/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints from ADD to DEL, over restarts and with a fault at every step. Each test has a host and a pod's namespace
 * of its own, and the wires between them are real.
 */
#include "endpoint_host.h"

/* ── requests ── */

static void test_wrong_requests_say_which_member(void **state)
{
	static const struct {
		const char *member, *value, *words;
	} wrong[] = {
		{"container", "null", "\"container\" is missing"},
		{"container", "7", "\"container\" must be a string"},
		{"container", "\"\"", "no container id"},
		{"container", "\"../etc\"", "no container id"},
		{"interface", "\"eth0/1\"", "\"interface\""},
		{"interface", "\"a-name-far-too-long\"", "\"interface\""},
		{"netns", "\"run/netns/x\"", "absolute"},
		{"netns", "\"/nonexistent/netns\"", "/nonexistent/netns"},
		{"netns", "\"/etc/passwd\"", "no network namespace"},
		{"pod", "\"a b\"", "\"pod\""},
		{"labels", "{\"app\": 1}", "label \"app\" must have a string"},
		{"labels", "[]", "\"labels\" must be an object"},
		{"labels", "{\"io.kubernetes.pod.namespace\": \"kube-system\"}",
	         "is made of \"namespace\": leave it out"},
		{"ports", "{\"HTTP\": \"80/TCP\"}", "\"HTTP\" is no name of a port"},
		{"ports", "{\"http\": 80}", "port \"http\" must have a number and a protocol"},
		{"ports", "{\"http\": \"80\"}", "port \"http\" must have a number and a protocol"},
		{"ports", "{\"http\": \"0/TCP\"}", "port \"http\" must have a number and a protocol"},
		{"ports", "{\"http\": \"65536/TCP\"}", "port \"http\" must have a number and a protocol"},
		{"ports", "{\"http\": \"80/GRE\"}", "port \"http\" must have a number and a protocol"},
		{"port-mappings", "{}", "\"port-mappings\" must be a list"},
		{"port-mappings", "[{\"container-port\": 80}]", "host-port: is missing"},
		{"port-mappings", "[{\"host-port\": 80}]", "container-port: is missing"},
		{"port-mappings", "[{\"host-port\": 65536, \"container-port\": 80}]", "[0].host-port: must be"},
		{"port-mappings", "[{\"host-port\": 8080, \"container-port\": 80, \"protocol\": \"GRE\"}]",
	         "protocol: must be TCP, UDP or SCTP"},
		{"port-mappings", "[{\"host-port\": 8080, \"container-port\": 80, \"protocol\": \"SCTP\"}]",
	         "with SCTP it cannot be changed"},
		{"port-mappings", "[{\"host-port\": 8080, \"container-port\": 80, \"host-ip\": \"here\"}]", "host-ip"},
		{"port-mappings", "[{\"host-port\": 8080, \"container-port\": 80}]", "kube-proxy-replacement is off"},
		{"labels", "{\"a\\nb\": \"c\"}", "control characters"},
		{"ipv4", "\"yes\"", "\"ipv4\" must be true or false"},
		{"mtu", "-1", "\"mtu\""},
		{"mtu", "900", "\"mtu\": 900 must be"},
		{"mtu", "9000", "at most"},
		{"address", "\"10.0.0.1\"", "\"address\" is no member"},
	};

	need_root();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		json_t *value = json_loads(wrong[i].value, JSON_DECODE_ANY, NULL);

		assert_int_equal(put_with(wrong[i].member, value), -EINVAL);
		if (!strstr(answer.error.message, wrong[i].words))
			fail_msg("'%s' lacks '%s'", answer.error.message, wrong[i].words);
		assert_nothing_left(1);
	}
	assert_int_equal(put(json_array()), -EINVAL);
	assert_int_equal(put(json_pack("{}")), -EINVAL);
}

static void test_both_families_off_is_refused(void **state)
{
	json_t *request;

	need_root();
	request = request_for("c1");
	json_object_set_new(request, "ipv4", json_false());
	json_object_set_new(request, "ipv6", json_false());
	assert_int_equal(put(request), -EINVAL);
	assert_nothing_left(1);
}

static void test_family_the_node_lacks(void **state)
{
	need_root();
	fakes.cidr[FAMILY_V6] = (struct prefix){};
	assert_int_equal(put_with("ipv4", json_false()), -EINVAL);
	assert_nothing_left(1);
	must_put(request_for("c1"));
	assert_true(json_is_null(json_object_get(answer.endpoint, "ipv6")));
	assert_true(json_is_null(json_object_get(answer.endpoint, "gateway-ipv6")));
}

/* ── making ── */

static void test_create_makes_a_pod_that_is_wired(void **state)
{
	struct netlink *in_pod;
	struct route route;
	struct link link;
	struct addr v4, v6, world;
	uint8_t mac[6];

	need_root();
	must_put(request_for("c1"));
	assert_true(answer.created);
	assert_string_equal(text_of(answer.endpoint, "state"), "ready");
	assert_string_equal(text_of(answer.endpoint, "ipv4"), "10.1.0.2");
	assert_string_equal(text_of(answer.endpoint, "ipv6"), "fd00:1::2");
	assert_string_equal(text_of(answer.endpoint, "device"), "plx1");
	assert_string_equal(text_of(answer.endpoint, "gateway-ipv4"), "169.254.1.1");
	assert_int_equal(json_integer_value(json_object_get(answer.endpoint, "mtu")), 1450);
	assert_int_equal(json_integer_value(json_object_get(answer.endpoint, "identity")), 4711);
	assert_string_equal(fakes.events, "Endpoint created;");

	addr_parse("10.1.0.2", &v4);
	addr_parse("fd00:1::2", &v6);
	assert_int_equal(link_get(netlink, "plx1", &link, NULL), 0);
	assert_true(link.up);
	assert_int_equal(fakes.map[1].ifindex, link.ifindex);
	assert_int_equal(fakes.attached[1], link.ifindex);
	assert_memory_equal(fakes.map[1].host_mac, link.mac, 6);
	assert_int_equal(fakes.map[1].identity, 4711);
	assert_true(addr_equal(&fakes.map[1].v4, &v4) && addr_equal(&fakes.map[1].v6, &v6));
	assert_int_equal(neighbour_get(netlink, link.ifindex, &v6, mac), 0);
	assert_memory_equal(mac, fakes.map[1].pod_mac, 6);
	assert_int_equal(route_lookup(netlink, &v6, &route, NULL), 0);
	assert_int_equal(route.ifindex, link.ifindex);
	assert_true(addr_equal(&route.source, &fakes.router[FAMILY_V6]));
	assert_non_null(find_addr(fakes.published, &v4));

	in_pod = open_pod_netlink();
	assert_int_equal(link_get(in_pod, "eth0", &link, NULL), 0);
	assert_true(link.up);
	assert_memory_equal(link.mac, fakes.map[1].pod_mac, 6);
	addr_parse("192.0.2.1", &world);
	assert_int_equal(route_lookup(in_pod, &world, &route, NULL), 0);
	assert_true(addr_equal(&route.source, &v4));
	addr_parse("2001:db8::1", &world);
	assert_int_equal(route_lookup(in_pod, &world, &route, NULL), 0);
	assert_true(addr_equal(&route.source, &v6));
	netlink_free(in_pod);
}

static bool takes_short_cuts(enum short_cuts node, const char *label, const char *value)
{
	json_t *request = request_for("c1");
	json_int_t id;
	bool takes;

	config.short_cuts = node;
	if (label)
		json_object_set_new(json_object_get(request, "labels"), label, json_string(value));
	must_put(request);
	id = json_integer_value(json_object_get(answer.endpoint, "id"));
	takes = fakes.map[id].short_cut;
	assert_int_equal(!!fakes.namespace[id], node != SHORT_CUTS_OFF);
	assert_true(!endpoint_delete(endpoints, "c1", "eth0", NULL) && !fakes.namespace[id]);
	return takes;
}

static void test_node_and_labels_say_whose_sockets_take_short_cuts(void **state)
{
	static const char own[] = "pilus.io/socket-acceleration",
			  space[] = "io.cilium.k8s.namespace.labels.pilus.io/socket-acceleration";

	need_root();
	assert_false(takes_short_cuts(SHORT_CUTS_OFF, own, "on"));
	assert_false(takes_short_cuts(SHORT_CUTS_OPT_IN, NULL, NULL));
	assert_true(takes_short_cuts(SHORT_CUTS_OPT_IN, own, "on"));
	assert_true(takes_short_cuts(SHORT_CUTS_ON, NULL, NULL));
	assert_false(takes_short_cuts(SHORT_CUTS_ON, own, "off"));
	assert_false(takes_short_cuts(SHORT_CUTS_ON, space, "off"));
}

static void test_mtu_may_be_smaller(void **state)
{
	struct link link;

	need_root();
	assert_int_equal(put_with("mtu", json_integer(1400)), 0);
	assert_int_equal(link_get(netlink, "plx1", &link, NULL), 0);
	assert_int_equal(link.mtu, 1400);
}

static void restart_agent(void)
{
	stop_agent();
	memset(fakes.allocated, 0, sizeof(fakes.allocated));
	fakes.events[0] = '\0';
	start_agent();
}

static void test_namespaces_that_an_agent_left_are_swept(void **state)
{
	need_root();
	config.short_cuts = SHORT_CUTS_ON;
	must_put(request_for("c1"));
	fakes.namespace[7] = 4711;
	restart_agent();
	assert_true(fakes.namespace[1] && !fakes.namespace[7]);
}

static uint32_t mtu_of(struct netlink *where, const char *device)
{
	struct link link;

	assert_int_equal(link_get(where, device, &link, NULL), 0);
	return link.mtu;
}

static void assert_mtu(uint32_t mtu)
{
	struct netlink *in_pod = open_pod_netlink();
	json_t *endpoint = endpoint_to_json(endpoints, 1);

	assert_int_equal(mtu_of(in_pod, "eth0"), mtu);
	assert_int_equal(mtu_of(netlink, "plx1"), mtu);
	assert_int_equal(json_integer_value(json_object_get(endpoint, "mtu")), mtu);
	json_decref(endpoint);
	netlink_free(in_pod);
}

static void test_mtu_follows_the_nodes(void **state)
{
	need_root();
	must_put(request_for("c1"));
	assert_mtu(1450);
	endpoints_set_mtu(endpoints, 1300);
	assert_mtu(1300);
	endpoints_set_mtu(endpoints, 8950);
	assert_mtu(8950);
	restart_agent(); /* with 1450 */
	assert_mtu(1450);
}

static void test_mtu_that_was_asked_for_is_the_most(void **state)
{
	need_root();
	assert_int_equal(put_with("mtu", json_integer(1400)), 0);
	endpoints_set_mtu(endpoints, 9000);
	assert_mtu(1400);
	endpoints_set_mtu(endpoints, 1300);
	assert_mtu(1300);
	endpoints_set_mtu(endpoints, 1450);
	assert_mtu(1400);
}

/* The host's end stays as large as the pod's, so that its packets are answered and not lost. */
static void test_mtu_of_a_pod_that_cannot_be_entered_stays(void **state)
{
	struct netlink *in_pod;

	need_root();
	must_put(request_for("c1"));
	in_pod = open_pod_netlink();
	fakes.fault_at = fakes.step + 1;
	endpoints_set_mtu(endpoints, 1300);
	assert_int_equal(mtu_of(in_pod, "eth0"), 1450);
	assert_int_equal(mtu_of(netlink, "plx1"), 1450);
	netlink_free(in_pod);
	endpoints_set_mtu(endpoints, 1300);
	assert_mtu(1300);
}

static void test_one_family(void **state)
{
	need_root();
	assert_int_equal(put_with("ipv4", json_false()), 0);
	assert_true(json_is_null(json_object_get(answer.endpoint, "ipv4")));
	assert_string_equal(text_of(answer.endpoint, "ipv6"), "fd00:1::2");
}

static void test_without_labels_the_identity_is_init(void **state)
{
	json_t *request;

	need_root();
	request = request_for("c1");
	json_object_del(request, "labels");
	json_object_del(request, "namespace");
	must_put(request);
	assert_int_equal(fakes.asked, 0);
	assert_int_equal(json_integer_value(json_object_get(answer.endpoint, "identity")), IDENTITY_INIT);
}

static void test_the_health_endpoint_is_health_over_restarts(void **state)
{
	json_t *request;

	need_root();
	request = request_for("reserved:health");
	json_object_del(request, "labels");
	json_object_del(request, "namespace");
	must_put(request);
	assert_int_equal(json_integer_value(json_object_get(answer.endpoint, "identity")), IDENTITY_HEALTH);
	restart_agent();
	assert_int_equal(fakes.asked, 0);
	assert_int_equal(fakes.map[1].identity, IDENTITY_HEALTH);
	assert_int_equal(put_with("container", json_string("reserved:world")), -EINVAL);
}

static void test_the_same_again_is_200_and_another_409(void **state)
{
	need_root();
	must_put(request_for("c1"));
	must_put(request_for("c1"));
	assert_false(answer.created);
	assert_int_equal(count_addrs(fakes.allocated), 2);
	assert_int_equal(put_with("pod", json_string("web-2")), -EEXIST);
	assert_non_null(strstr(answer.error.message, "\"pod\""));
	assert_int_equal(count_addrs(fakes.allocated), 2);
	assert_string_equal(state_of(1), "ready");
}

static void test_a_taken_interface_is_409(void **state)
{
	need_root();
	must_put(request_for("c1"));
	assert_int_equal(put(request_for("c2")), -EEXIST);
	assert_non_null(strstr(answer.error.message, "eth0"));
	assert_int_equal(count_addrs(fakes.allocated), 2);
	assert_string_equal(state_of(2), "none");
}

static void test_a_pod_that_refuses_ipv6_is_left_without(void **state)
{
	json_t *log;

	need_root();
	fakes.refuse_ipv6 = true;
	must_put(request_for("c1"));
	assert_true(json_is_null(json_object_get(answer.endpoint, "ipv6")));
	assert_int_equal(count_addrs(fakes.allocated), 1);
	log = endpoint_log_to_json(endpoints, 1);
	assert_string_equal(text_of(json_array_get(log, 1), "status"), "Warning");
	assert_non_null(strstr(text_of(json_array_get(log, 1), "message"), "Left without IPv6"));
	json_decref(log);
}

static void test_every_step_that_fails_is_undone(void **state)
{
	unsigned fault_at = 0;

	need_root();
	do {
		memset(endpoints->released, 0, sizeof(endpoints->released));
		fakes.step = 0;
		fakes.fault_at = ++fault_at;
		put(request_for("c1"));
		fakes.fault_at = 0;
		if (!answer.result) /* IPv6 refused, or no fault any more */
			assert_int_equal(endpoint_delete(endpoints, "c1", "eth0", NULL), 0);
		assert_nothing_left(1);
	} while (fakes.step >= fault_at);
	assert_true(fault_at > 20);
}

/* ── waiting for the identity ── */

static void test_a_silent_store_is_asked_again(void **state)
{
	json_t *request;

	need_root();
	fakes.identity = 0;
	request = request_for("c1");
	endpoint_create(endpoints, request, answered, NULL);
	json_decref(request);
	fakes_answer();
	assert_string_equal(state_of(1), "waiting-for-identity");
	assert_int_equal(answer.count, 0);
	assert_false(device_there("plx1"));
	fakes.identity = 4711;
	assert_eventually(fakes_answer() + answer.count);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.result, 0);
	assert_string_equal(state_of(1), "ready");
}

static void test_no_identity_in_time_is_503_and_undone(void **state)
{
	json_t *request;

	need_root();
	endpoints->create_timeout = NS_PER_SECOND / 10;
	request = request_for("c1");
	endpoint_create(endpoints, request, answered, NULL);
	json_decref(request);
	assert_eventually(answer.count);
	assert_int_equal(answer.result, -EAGAIN);
	assert_nothing_left(1);
	assert_int_equal(fakes_answer(), 0);
}

static void test_delete_while_it_is_being_made(void **state)
{
	json_t *request;

	need_root();
	request = request_for("c1");
	endpoint_create(endpoints, request, answered, NULL);
	json_decref(request);
	assert_int_equal(endpoint_delete(endpoints, "c1", "eth0", NULL), 0);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.result, -EAGAIN);
	assert_nothing_left(1);
}

/* ── taking down ── */

static void test_delete_leaves_nothing(void **state)
{
	need_root();
	must_put(request_for("c1"));
	assert_int_equal(endpoint_delete(endpoints, "c1", "eth0", NULL), 0);
	assert_nothing_left(1);
	assert_string_equal(fakes.events, "Endpoint created;Endpoint deleted;");
	assert_int_equal(endpoint_delete(endpoints, "c1", "eth0", NULL), 0);
}

static void test_an_id_rests_after_use(void **state)
{
	need_root();
	must_put(request_for("c1"));
	endpoint_delete(endpoints, "c1", "eth0", NULL);
	must_put(request_for("c2"));
	assert_int_equal(json_integer_value(json_object_get(answer.endpoint, "id")), 2);
	for (unsigned id = 3; id <= ENDPOINT_ID_MAX; id++)
		endpoints->released[id] = endpoints->released[1];
	close(pod);
	pod = new_netns();
	must_put(request_for("c3"));
	assert_int_not_equal(json_integer_value(json_object_get(answer.endpoint, "id")), 2);
}

static void test_a_pod_that_vanishes_is_taken_down(void **state)
{
	need_root();
	must_put(request_for("c1"));
	close(pod); /* its last reference: the kernel removes the namespace, and both ends of the wire */
	pod = new_netns();
	assert_eventually(strstr(fakes.events, "Endpoint deleted"));
	assert_nothing_left(1);
}

static void test_collecting_garbage(void **state)
{
	json_t *request;

	need_root();
	must_put(request_for("c1"));
	close(pod);
	pod = new_netns();
	request = json_pack("{s:s, s:[{s:s}]}", "network", "pilus", "valid", "container", "c1");
	assert_int_equal(endpoints_collect(endpoints, request, NULL), -EINVAL);
	json_decref(request);
	request =
		json_pack("{s:s, s:[{s:s, s:s}]}", "network", "pilus", "valid", "container", "c1", "interface", "eth0");
	assert_int_equal(endpoints_collect(endpoints, request, NULL), 0);
	json_decref(request);
	request = json_pack("{s:s, s:[]}", "network", "other", "valid");
	assert_int_equal(endpoints_collect(endpoints, request, NULL), 0);
	json_object_set_new(request, "network", json_string("pilus"));
	assert_int_equal(endpoints_collect(endpoints, request, NULL), 1);
	json_decref(request);
	assert_nothing_left(1);
}

/* ── checking ── */

static int check(json_t *request, struct error *error)
{
	int result = endpoint_check(endpoints, request, error);

	json_decref(request);
	return result;
}

static void assert_health(const char *overall, const char *bpf, const char *policy, bool connected)
{
	json_t *health = endpoint_health_to_json(endpoints, 1);

	assert_string_equal(text_of(health, "overall-health"), overall);
	assert_string_equal(text_of(health, "bpf"), bpf);
	assert_string_equal(text_of(health, "policy"), policy);
	assert_int_equal(json_is_true(json_object_get(health, "connected")), connected);
	assert_int_equal(json_array_size(json_object_get(health, "problems")),
	                 !strcmp(bpf, "Failure") + !strcmp(policy, "Failure") + !connected);
	json_decref(health);
}

static void test_health_is_what_the_kernel_has(void **state)
{
	uint32_t ifindex;
	struct addr v6;

	need_root();
	assert_null(endpoint_health_to_json(endpoints, 1));
	must_put(request_for("c1"));
	assert_health("OK", "OK", "OK", true);
	ifindex = fakes.attached[1];
	fakes.attached[1] = 0;
	assert_health("Failure", "Failure", "OK", true);
	fakes.attached[1] = ifindex;
	fakes.map[1].identity++;
	assert_health("Failure", "Failure", "OK", true);
	fakes.map[1].identity--;
	addr_parse("fd00:1::2", &v6);
	remove_addr(fakes.published, &v6);
	assert_health("Failure", "OK", "Failure", true);
	add_addr(fakes.published, &v6);
	assert_int_equal(link_delete(netlink, ifindex, NULL), 0);
	assert_health("Failure", "OK", "OK", false);
}

static void test_check_finds_what_differs(void **state)
{
	struct netlink *in_pod;
	struct error error = {};
	json_t *request;
	struct link link;

	need_root();
	assert_int_equal(check(request_for("c1"), &error), -ENOENT);
	must_put(request_for("c1"));
	if (check(request_for("c1"), &error))
		fail_msg("%s", error.message);
	request = request_for("c1");
	json_object_set_new(request, "mtu", json_integer(1300));
	assert_int_equal(check(request, &error), -EEXIST);
	assert_non_null(strstr(error.message, "mtu"));

	in_pod = open_pod_netlink();
	assert_int_equal(link_get(in_pod, "eth0", &link, NULL), 0);
	assert_int_equal(link_set_mtu(in_pod, link.ifindex, 1280, NULL), 0);
	netlink_free(in_pod);
	assert_int_equal(check(request_for("c1"), &error), -EEXIST);
	assert_non_null(strstr(error.message, "1280"));
}

/* ── restarts ── */

static void test_a_restart_adopts(void **state)
{
	uint32_t ifindex;

	need_root();
	must_put(request_for("c1"));
	ifindex = fakes.map[1].ifindex;
	restart_agent();
	assert_string_equal(state_of(1), "waiting-for-identity");
	assert_int_equal(fakes.map[1].ifindex, ifindex);
	assert_int_equal(count_addrs(fakes.allocated), 2);
	fakes_answer();
	assert_string_equal(state_of(1), "ready");
	must_put(request_for("c1"));
	assert_false(answer.created);
	assert_int_equal(endpoint_delete(endpoints, "c1", "eth0", NULL), 0);
	assert_nothing_left(1);
}

static void test_a_restart_follows_a_changed_identity(void **state)
{
	need_root();
	must_put(request_for("c1"));
	restart_agent();
	assert_int_equal(fakes.map[1].identity, 4711);
	fakes.identity = 815;
	fakes_answer();
	assert_int_equal(fakes.map[1].identity, 815);
	assert_int_equal(fakes.published_identity, 815);
	restart_agent();
	assert_int_equal(fakes.map[1].identity, 815);
}

static void test_a_restart_with_a_silent_store_keeps_traffic(void **state)
{
	need_root();
	must_put(request_for("c1"));
	restart_agent();
	fakes.identity = 0;
	fakes_answer();
	assert_string_equal(state_of(1), "waiting-for-identity");
	assert_true(fakes.map[1].ifindex);
	assert_int_equal(count_addrs(fakes.published), 2);
	fakes.identity = 4711;
	assert_eventually(fakes_answer() + !strcmp(state_of(1), "ready"));
}

static void test_programs_attached_in_haste_are_settled_when_it_is_quiet(void **state)
{
	need_root();
	must_put(request_for("c1"));
	assert_int_equal(fakes.hasty, 1);
	assert_eventually(!fakes.hasty);
	stop_agent();
	memset(fakes.allocated, 0, sizeof(fakes.allocated));
	start_agent();
	assert_int_equal(fakes.hasty, 0);
}

static void test_a_restart_tries_again_what_the_datapath_refuses(void **state)
{
	need_root();
	must_put(request_for("c1"));
	stop_agent();
	memset(fakes.allocated, 0, sizeof(fakes.allocated));
	fakes.step = 0;
	fakes.fault_at = 1; /* the map */
	start_agent();
	assert_string_equal(state_of(1), "not-ready");
	assert_eventually(fakes_answer() + !strcmp(state_of(1), "ready"));
}

static void test_a_restart_undoes_the_half_made(void **state)
{
	char path[128];
	json_t *file;

	need_root();
	must_put(request_for("c1"));
	stop_agent();
	snprintf(path, sizeof(path), "%s/endpoints/1.json", folder);
	file = json_load_file(path, 0, NULL);
	json_object_set_new(file, "wired", json_false());
	assert_int_equal(json_dump_file(file, path, 0), 0);
	json_decref(file);
	memset(fakes.allocated, 0, sizeof(fakes.allocated));
	start_agent();
	assert_nothing_left(1);
}

static void test_a_restart_removes_what_a_killed_writer_left(void **state)
{
	_cleanup_free_ char *path = NULL;

	need_root();
	stop_agent();
	path = xasprintf("%s/endpoints/.1.json.abcdef", folder);
	assert_int_equal(__real_file_write_atomic(path, "{", 1, 0600), 0);
	start_agent();
	assert_int_equal(access(path, F_OK), -1);
}

static void test_a_restart_undoes_what_lost_its_device(void **state)
{
	struct link link;

	need_root();
	must_put(request_for("c1"));
	stop_agent();
	assert_int_equal(link_get(netlink, "plx1", &link, NULL), 0);
	assert_int_equal(link_delete(netlink, link.ifindex, NULL), 0);
	memset(fakes.allocated, 0, sizeof(fakes.allocated));
	start_agent();
	assert_nothing_left(1);
}

static void test_a_restart_sets_broken_files_aside(void **state)
{
	static const char *const broken[] = {"", "{", "[]", "{\"version\": 1}", "{\"version\": 99, \"wired\": true}"};
	char path[128];

	need_root();
	snprintf(path, sizeof(path), "%s/endpoints/1.json", folder);
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		memset(endpoints->released, 0, sizeof(endpoints->released));
		must_put(request_for("c1"));
		stop_agent();
		assert_int_equal(__real_file_write_atomic(path, broken[i], strlen(broken[i]), 0600), 0);
		memset(fakes.allocated, 0, sizeof(fakes.allocated));
		memset(fakes.published, 0, sizeof(fakes.published)); /* ipcache_restored's part */
		start_agent();
		assert_nothing_left(1);
		assert_true(file_there("1.json.broken"));
	}
}

static void test_a_second_file_for_the_same_pod_is_set_aside(void **state)
{
	char path[128];
	char *text;

	need_root();
	must_put(request_for("c1"));
	stop_agent();
	snprintf(path, sizeof(path), "%s/endpoints/1.json", folder);
	assert_int_equal(file_read(path, 65536, &text, NULL), 0);
	snprintf(path, sizeof(path), "%s/endpoints/9.json", folder);
	assert_int_equal(__real_file_write_atomic(path, text, strlen(text), 0600), 0);
	free(text);
	memset(fakes.allocated, 0, sizeof(fakes.allocated));
	start_agent();
	assert_int_not_equal(file_there("1.json"), file_there("9.json"));
	assert_int_not_equal(file_there("1.json.broken"), file_there("9.json.broken"));
}

static void test_the_end_of_the_agent_undoes_what_waits(void **state)
{
	json_t *request;

	need_root();
	request = request_for("c1");
	endpoint_create(endpoints, request, answered, NULL);
	json_decref(request);
	stop_agent();
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.result, -EAGAIN);
	start_agent();
	assert_nothing_left(1);
}

/* ── showing ── */

static void test_the_list_begins_with_the_host(void **state)
{
	json_t *list, *first;

	need_root();
	must_put(request_for("c1"));
	list = endpoints_to_json(endpoints);
	first = json_array_get(list, 0);
	assert_int_equal(json_array_size(list), 2);
	assert_int_equal(json_integer_value(json_object_get(first, "id")), 0);
	assert_int_equal(json_integer_value(json_object_get(first, "identity")), 1);
	assert_true(json_is_null(json_object_get(first, "device")));
	assert_string_equal(text_of(first, "ipv4"), "10.1.0.1");
	assert_int_equal(json_object_size(first), json_object_size(json_array_get(list, 1)));
	json_decref(list);
	list = endpoints_status(endpoints);
	assert_int_equal(json_integer_value(json_object_get(list, "ready")), 1);
	json_decref(list);
	list = endpoint_find(endpoints, "c1", "eth0");
	assert_non_null(list);
	json_decref(list);
	assert_null(endpoint_find(endpoints, "c1", "eth1"));
	assert_null(endpoint_to_json(endpoints, 77));
	assert_null(endpoint_log_to_json(endpoints, 77));
}

static void test_the_log_is_newest_first_and_bounded(void **state)
{
	struct endpoint_log log = {};
	json_t *list;

	for (int i = 0; i < ENDPOINT_LOG_ENTRIES + 5; i++)
		endpoint_log_add(&log, ENDPOINT_WARNING, "ready", xasprintf("message %d", i));
	list = endpoint_log_list(&log);
	assert_int_equal(json_array_size(list), ENDPOINT_LOG_ENTRIES);
	assert_string_equal(text_of(json_array_get(list, 0), "message"), "message 68");
	assert_string_equal(text_of(json_array_get(list, 63), "message"), "message 5");
	assert_string_equal(text_of(json_array_get(list, 0), "status"), "Warning");
	json_decref(list);
	endpoint_log_clear(&log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_requests_say_which_member),
		TEST(both_families_off_is_refused),
		TEST(family_the_node_lacks),
		TEST(create_makes_a_pod_that_is_wired),
		TEST(node_and_labels_say_whose_sockets_take_short_cuts),
		TEST(namespaces_that_an_agent_left_are_swept),
		TEST(mtu_may_be_smaller),
		TEST(mtu_follows_the_nodes),
		TEST(mtu_that_was_asked_for_is_the_most),
		TEST(mtu_of_a_pod_that_cannot_be_entered_stays),
		TEST(one_family),
		TEST(without_labels_the_identity_is_init),
		TEST(the_health_endpoint_is_health_over_restarts),
		TEST(the_same_again_is_200_and_another_409),
		TEST(a_taken_interface_is_409),
		TEST(a_pod_that_refuses_ipv6_is_left_without),
		TEST(every_step_that_fails_is_undone),
		TEST(a_silent_store_is_asked_again),
		TEST(no_identity_in_time_is_503_and_undone),
		TEST(delete_while_it_is_being_made),
		TEST(delete_leaves_nothing),
		TEST(an_id_rests_after_use),
		TEST(a_pod_that_vanishes_is_taken_down),
		TEST(collecting_garbage),
		TEST(check_finds_what_differs),
		TEST(health_is_what_the_kernel_has),
		TEST(a_restart_adopts),
		TEST(a_restart_follows_a_changed_identity),
		TEST(a_restart_with_a_silent_store_keeps_traffic),
		TEST(programs_attached_in_haste_are_settled_when_it_is_quiet),
		TEST(a_restart_tries_again_what_the_datapath_refuses),
		TEST(a_restart_undoes_the_half_made),
		TEST(a_restart_removes_what_a_killed_writer_left),
		TEST(a_restart_undoes_what_lost_its_device),
		TEST(a_restart_sets_broken_files_aside),
		TEST(a_second_file_for_the_same_pod_is_set_aside),
		TEST(the_end_of_the_agent_undoes_what_waits),
		TEST(the_list_begins_with_the_host),
		TEST(the_log_is_newest_first_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
