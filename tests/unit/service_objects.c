/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What objects of Kubernetes and frontends given by hand mean, and how they are refused.
 */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "abi/flow.h"
#include "service/parse.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct service_viewer viewer = {.node = "node-1", .zone = "north"};

static json_t *json(const char *text)
{
	json_error_t why;
	json_t *value = json_loads(text, 0, &why);

	if (!value)
		fail_msg("%s: %s", text, why.text);
	return value;
}

static struct service_spec *service_of(const char *text)
{
	struct service_spec *service = NULL;
	struct error error = {};
	json_t *object = json(text);

	if (service_spec_parse(object, "shop/web", &service, &error))
		fail_msg("%s", error.message);
	json_decref(object);
	return service;
}

#define SERVICE(spec)                                                                       \
	"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\"," \
	" \"namespace\": \"shop\"}, \"spec\": {" spec "}}"

static void assert_frontend(const struct service_frontend *frontend, enum service_type type, const char *text,
                            unsigned port, size_t of)
{
	char found[ADDR_TEXT_MAX];

	assert_int_equal(frontend->type, type);
	assert_string_equal(addr_format(&frontend->addr, found), text);
	assert_int_equal(frontend->port, port);
	assert_int_equal(frontend->of, of);
}

static void test_all_types(void **state)
{
	_cleanup_(service_spec_freep) struct service_spec *service = service_of(
		"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\", \"namespace\": "
		"\"shop\","
		"\"creationTimestamp\": \"2026-11-22T11:09:06Z\","
		"\"annotations\": {\"service.cilium.io/lb-algorithm\": \"maglev\"}},"
		"\"spec\": {\"type\": \"LoadBalancer\", \"clusterIP\": \"10.96.0.7\","
		"\"clusterIPs\": [\"10.96.0.7\", \"fd96::7\"], \"externalIPs\": [\"192.0.2.9\"],"
		"\"ports\": [{\"name\": \"http\", \"port\": 80, \"nodePort\": 30080},"
		"{\"name\": \"dns\", \"port\": 80, \"protocol\": \"UDP\"}],"
		"\"sessionAffinity\": \"ClientIP\", \"externalTrafficPolicy\": \"Local\","
		"\"healthCheckNodePort\": 32100, \"loadBalancerSourceRanges\": [\"203.0.113.0/24\"],"
		"\"trafficDistribution\": \"PreferClose\"},"
		"\"status\": {\"loadBalancer\": {\"ingress\": [{\"ip\": \"198.51.100.1\", \"ipMode\": \"VIP\"},"
		"{\"ip\": \"198.51.100.2\", \"ipMode\": \"Proxy\"}, {\"hostname\": \"lb.example\"}]}}}");

	assert_int_equal(service->port_count, 2);
	assert_int_equal(service->ports[1].protocol, PROTOCOL_UDP);
	assert_int_equal(service->frontend_count, 10);
	assert_frontend(&service->frontends[0], SERVICE_CLUSTER_IP, "10.96.0.7", 80, 0);
	assert_frontend(&service->frontends[3], SERVICE_CLUSTER_IP, "fd96::7", 80, 1);
	assert_frontend(&service->frontends[4], SERVICE_NODE_PORT, "0.0.0.0", 30080, 0);
	assert_frontend(&service->frontends[5], SERVICE_NODE_PORT, "::", 30080, 0);
	assert_frontend(&service->frontends[6], SERVICE_LOAD_BALANCER, "198.51.100.1", 80, 0);
	assert_frontend(&service->frontends[9], SERVICE_EXTERNAL_IP, "192.0.2.9", 80, 1);
	assert_int_equal(service->algorithm, ALGORITHM_MAGLEV);
	assert_int_equal(service->affinity, AFFINITY_SECONDS_DEFAULT);
	assert_true(service->external_local);
	assert_false(service->internal_local);
	assert_int_equal(service->range_count, 1);
	assert_int_equal(service->health_port, 32100);
	assert_int_equal(service->preference, PREFER_ZONE);
	assert_string_equal(service->created, "2026-11-22T11:09:06Z");
}

/* Nothing to serve, and nothing wrong either. */
static void test_not_ours(void **state)
{
	static const char *const objects[] = {
		SERVICE("\"clusterIP\": \"None\", \"ports\": [{\"port\": 80}]"),
		SERVICE("\"type\": \"ExternalName\", \"externalName\": \"example.com\""),
		"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\", \"labels\":"
		"{\"service.kubernetes.io/service-proxy-name\": \"other\"}}, \"spec\": {\"clusterIP\": \"10.96.0.1\","
		"\"ports\": [{\"port\": 80}]}}",
	};

	for (size_t i = 0; i < COUNT(objects); i++) {
		_cleanup_(service_spec_freep) struct service_spec *service = service_of(objects[i]);

		assert_int_equal(service->frontend_count, 0);
	}
}

static void test_no_node_ports_without_numbers(void **state)
{
	_cleanup_(service_spec_freep) struct service_spec *service =
		service_of(SERVICE("\"type\": \"LoadBalancer\", \"allocateLoadBalancerNodePorts\": false,"
	                           "\"clusterIP\": \"10.96.0.7\", \"ports\": [{\"port\": 80}]"));

	assert_int_equal(service->frontend_count, 1);
}

static void test_service_refused(void **state)
{
	static const struct {
		const char *object, *words;
	} cases[] = {
		{"{}", "apiVersion: is missing: it must be v1"},
		{"{\"apiVersion\": \"v1\", \"kind\": \"Pod\"}", "kind: must be Service, not Pod"},
		{"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"db\"}}",
	         "metadata.name: must be web, as the key says, not db"},
		{"{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": []}", "metadata: must be an object"},
		{"{\"apiVersion\": \"v1\", \"kind\": \"Service\"}", "spec: is missing"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 0}]"),
	         "spec.ports[0].port: must be a number from 1 to 65535"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 1}, {\"port\": 65536}]"),
	         "spec.ports[1].port: must be a number from 1 to 65535"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"ports\": [{}]"), "spec.ports[0].port: is missing"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}, {\"port\": 80}]"),
	         "spec.ports[1].port: is there twice for the same protocol"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"ports\": {}"), "spec.ports: must be a list"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80, \"protocol\": \"ICMP\"}]"),
	         "spec.ports[0].protocol: must be TCP, UDP or SCTP, not 'ICMP'"},
		{SERVICE("\"ports\": [{\"port\": 80}]"), "spec.clusterIP: is missing: give the service an address"},
		{SERVICE("\"clusterIP\": \"10.96.0.300\", \"ports\": [{\"port\": 80}]"),
	         "spec.clusterIP: '10.96.0.300' is no address"},
		{SERVICE("\"clusterIP\": \"0.0.0.0\", \"ports\": [{\"port\": 80}]"),
	         "spec.clusterIP: must be an address that somebody can have"},
		{SERVICE("\"clusterIP\": \"10.96.0.1\", \"sessionAffinity\": 5"), "spec.sessionAffinity: must be text"},
		{SERVICE("\"type\": \"LoadBalancer\", \"clusterIP\": \"10.96.0.1\","
	                 "\"loadBalancerSourceRanges\": [\"10.0.0.1/8\"]"),
	         "spec.loadBalancerSourceRanges[0]: '10.0.0.1/8' is no CIDR, or has bits beyond its length"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct service_spec *service = NULL;
		struct error error = {};
		json_t *object = json(cases[i].object);

		assert_int_equal(service_spec_parse(object, "shop/web", &service, &error), -EINVAL);
		assert_string_equal(error.message, cases[i].words);
		assert_null(service);
		json_decref(object);
	}
}

/* A short object that would be large ones: each of so many addresses at each of so many ports. */
static void test_service_too_large(void **state)
{
	json_t *object = json(SERVICE("\"clusterIP\": \"10.96.0.1\""));
	json_t *spec = json_object_get(object, "spec"), *ports = json_array(), *addresses = json_array();
	struct service_spec *service = NULL;
	struct error error = {};

	for (int i = 0; i < 4097; i++)
		json_array_append_new(ports, json_pack("{s:i}", "port", i + 1));
	json_object_set_new(spec, "ports", ports);
	assert_int_equal(service_spec_parse(object, "shop/web", &service, &error), -EINVAL);
	assert_string_equal(error.message, "spec.ports: has 4097 elements, and may have 4096");
	json_array_remove(ports, 4096);
	for (int i = 0; i < 9; i++)
		json_array_append_new(addresses, json_sprintf("192.0.2.%d", i + 1));
	json_object_set_new(spec, "externalIPs", addresses);
	error = (struct error){};
	assert_int_equal(service_spec_parse(object, "shop/web", &service, &error), -EINVAL);
	assert_string_equal(error.message, "spec.externalIPs: has 9 elements, and may have 8");
	json_decref(object);
}

/* ── slices ── */

#define SLICE(rest)                                                                                       \
	"{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\", \"metadata\": {\"name\":" \
	"\"web-x7\", \"labels\": {\"kubernetes.io/service-name\": \"web\"}}," rest "}"

static int slice_of(const char *text, struct service_slice **ret, struct error *error)
{
	json_t *object = json(text);
	int r = service_slice_parse(object, "shop/web-x7", &viewer, ret, error);

	json_decref(object);
	return r;
}

static void test_slice(void **state)
{
	static const struct slice_endpoint wanted[] = {
		{.state = BACKEND_ACTIVE, .place = BACKEND_ON_NODE | BACKEND_IN_ZONE},
		{.state = BACKEND_TERMINATING, .place = BACKEND_HINTED | BACKEND_FOR_ZONE},
		{.state = BACKEND_QUARANTINED, .place = BACKEND_HINTED | BACKEND_FOR_NODE},
		{.state = BACKEND_QUARANTINED},
	};
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;
	struct error error = {};

	if (slice_of(SLICE("\"addressType\": \"IPv4\", \"ports\": [{\"name\": \"http\", \"port\": 8080},"
	                   "{\"name\": \"any\"}], \"endpoints\": ["
	                   "{\"addresses\": [\"10.1.0.7\"], \"nodeName\": \"node-1\", \"zone\": \"north\"},"
	                   "{\"addresses\": [\"10.1.0.8\"], \"conditions\": {\"ready\": false, \"serving\": true,"
	                   "\"terminating\": true}, \"hints\": {\"forZones\": [{\"name\": \"north\"}]}},"
	                   "{\"addresses\": [\"10.1.0.9\"], \"conditions\": {\"ready\": false, \"serving\": false,"
	                   "\"terminating\": true}, \"hints\": {\"forNodes\": [{\"name\": \"node-1\"}]}},"
	                   "{\"addresses\": [\"10.1.0.10\"], \"nodeName\": \"node-2\","
	                   "\"conditions\": {\"ready\": false}}]"),
	             &slice, &error))
		fail_msg("%s", error.message);
	assert_string_equal(slice->service, "shop/web");
	assert_int_equal(slice->port_count, 1);
	assert_int_equal(slice->ports[0].port, 8080);
	assert_int_equal(slice->endpoint_count, COUNT(wanted));
	for (size_t i = 0; i < COUNT(wanted); i++) {
		assert_int_equal(slice->endpoints[i].state, wanted[i].state);
		assert_int_equal(slice->endpoints[i].place, wanted[i].place);
	}
}

static void test_slice_refused(void **state)
{
	static const struct {
		const char *object, *words;
	} cases[] = {
		{"{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\"}",
	         "metadata.labels.kubernetes.io/service-name: is missing: it says whose slice this is"},
		{SLICE("\"endpoints\": []"), "addressType: is missing"},
		{SLICE("\"addressType\": \"IPv4\", \"endpoints\": [{\"addresses\": [\"fd00::1\"]}]"),
	         "endpoints[0].addresses[0]: is not of the slice's addressType"},
		{SLICE("\"addressType\": \"IPv4\", \"endpoints\": [{\"addresses\": []}]"),
	         "endpoints[0].addresses: is empty"},
		{SLICE("\"addressType\": \"IPv4\", \"endpoints\": [{\"addresses\": [\"10.0.0.1\"],"
	               "\"conditions\": {\"ready\": \"yes\"}}]"),
	         "endpoints[0].conditions.ready: must be true or false"},
		{SLICE("\"addressType\": \"IPv4\", \"ports\": [{\"port\": -1}]"),
	         "ports[0].port: must be a number from 1 to 65535"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct service_slice *slice = NULL;
		struct error error = {};

		assert_int_equal(slice_of(cases[i].object, &slice, &error), -EINVAL);
		assert_string_equal(error.message, cases[i].words);
	}
}

static void test_slice_too_large(void **state)
{
	json_t *object = json(SLICE("\"addressType\": \"IPv4\"")), *endpoints = json_array();
	struct service_slice *slice = NULL;
	struct error error = {};

	for (int i = 0; i < 1001; i++)
		json_array_append_new(endpoints,
		                      json_pack("{s:[o]}", "addresses", json_sprintf("10.1.%d.%d", i / 256, i % 256)));
	json_object_set_new(object, "endpoints", endpoints);
	assert_int_equal(service_slice_parse(object, "shop/web-x7", &viewer, &slice, &error), -EINVAL);
	assert_string_equal(error.message, "endpoints: has 1001 elements, and may have 1000");
	json_decref(object);
}

/* ── by hand ── */

static int frontend_of(const char *text, struct service_spec **ret_service, struct service_slice **ret_slice,
                       struct error *error)
{
	json_t *object = json(text);
	int r = service_frontend_parse(object, &viewer, ret_service, ret_slice, error);

	json_decref(object);
	return r;
}

static void test_frontend(void **state)
{
	_cleanup_(service_spec_freep) struct service_spec *service = NULL;
	_cleanup_(service_slice_freep) struct service_slice *slice = NULL;

	assert_int_equal(
		frontend_of("{\"address\": \"10.111.0.10\", \"port\": 53, \"protocol\": \"UDP\", \"affinity\": 60,"
	                    "\"type\": \"LoadBalancer\", \"external-policy\": \"Local\", \"backends\": ["
	                    "{\"address\": \"10.1.0.7\", \"port\": 5353, \"weight\": 3, \"node\": \"node-1\"},"
	                    "{\"address\": \"10.1.0.8\", \"port\": 5353, \"state\": \"maintenance\"}]}",
	                    &service, &slice, NULL),
		0);
	assert_frontend(&service->frontends[0], SERVICE_LOAD_BALANCER, "10.111.0.10", 53, 0);
	assert_int_equal(service->affinity, 60);
	assert_true(service->external_local);
	assert_int_equal(slice->ports[0].protocol, PROTOCOL_UDP);
	assert_int_equal(slice->endpoint_count, 2);
	assert_int_equal(slice->endpoints[0].weight, 3);
	assert_int_equal(slice->endpoints[0].place, BACKEND_ON_NODE);
	assert_int_equal(slice->endpoints[1].state, BACKEND_MAINTENANCE);
}

static void test_frontend_refused(void **state)
{
	static const struct {
		const char *object, *words;
	} cases[] = {
		{"{\"port\": 80}", "address: is missing"},
		{"{\"address\": \"10.0.0.1\"}", "port: is missing"},
		{"{\"address\": \"0.0.0.0\", \"port\": 80}",
	         "address: 0.0.0.0 and :: are for the types NodePort and HostPort"},
		{"{\"address\": \"10.0.0.1\", \"port\": 80, \"type\": \"NodePort\"}",
	         "address: must be 0.0.0.0 or ::, as a NodePort is on every address of the nodes"},
		{"{\"address\": \"10.0.0.1\", \"port\": 80, \"backends\": [{\"address\": \"fd00::1\", \"port\": 1}]}",
	         "backends[0].address: must be of the frontend's family"},
		{"{\"address\": \"10.0.0.1\", \"port\": 80, \"backends\": [{\"address\": \"10.0.0.2\", \"port\": 1},"
	         "{\"address\": \"10.0.0.2\", \"port\": 1}]}",
	         "backends[1].address: is there twice with this port"},
		{"{\"address\": \"10.0.0.1\", \"port\": 80, \"type\": \"Headless\"}",
	         "type: must be ClusterIP, NodePort, ExternalIPs, LoadBalancer or HostPort, not 'Headless'"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct service_spec *service = NULL;
		struct service_slice *slice = NULL;
		struct error error = {};

		assert_int_equal(frontend_of(cases[i].object, &service, &slice, &error), -EINVAL);
		assert_string_equal(error.message, cases[i].words);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_no_node_ports_without_numbers),
		cmocka_unit_test(test_service_refused),
		cmocka_unit_test(test_service_too_large),
		cmocka_unit_test(test_slice),
		cmocka_unit_test(test_slice_refused),
		cmocka_unit_test(test_slice_too_large),
		cmocka_unit_test(test_frontend),
		cmocka_unit_test(test_frontend_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
