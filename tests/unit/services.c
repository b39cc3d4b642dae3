/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the store to the maps, on real ones: what they hold is read as the programs would, and what is gone has to be
 * gone from all of them.
 */
#include "loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "abi/flow.h"
#include "agent/services/services.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "map_fakes.h"
#include "service/slots.h"

#define ROOM 64

static struct scene {
	struct maps maps;
	struct config config;
	struct store *store;
	struct services *services;
	int settled, upserted, deleted, gone;
	int answer;
	char words[512];
} scene;

/* ── the scene ── */

static int open_maps(uint32_t room)
{
	uint32_t flags = BPF_F_NO_PREALLOC;

	scene.maps.services =
		map_fake(BPF_MAP_TYPE_HASH, sizeof(struct service_key), sizeof(struct service), room, flags);
	scene.maps.service_slots = map_fake(BPF_MAP_TYPE_HASH, sizeof(struct service_slot_key),
	                                    sizeof(struct service_slots), room * 8, flags);
	scene.maps.backends = map_fake(BPF_MAP_TYPE_HASH, 4, sizeof(struct backend), room * 10, flags);
	scene.maps.local = map_fake(BPF_MAP_TYPE_HASH, sizeof(struct addr), sizeof(struct local_addr), room, flags);
	scene.maps.source_ranges = map_fake(BPF_MAP_TYPE_LPM_TRIE, sizeof(struct source_range_key), 1, room, flags);
	return 0;
}

static int enter(void **state)
{
	scene = (struct scene){
		.config = {.node_name = (char *)"node-1", .zone = (char *)"north", .maglev_table_size = 251}};
	if (loop_setup(state))
		return -1;
	return geteuid() == 0 ? open_maps(ROOM) : 0;
}

static int leave(void **state)
{
	maps_close(&scene.maps);
	return loop_teardown(state);
}

static void on_upserted(void *userdata, const struct service_key *frontend, const struct service *service)
{
	scene.upserted++;
}

static void on_deleted(void *userdata, const struct service_key *frontend)
{
	scene.deleted++;
}

static void on_gone(void *userdata, uint32_t backend)
{
	scene.gone++;
}

static void on_settled(void *userdata)
{
	scene.settled++;
}

static void begin(void)
{
	static const struct services_events events = {on_upserted, on_deleted, on_gone, on_settled};
	_cleanup_free_ char *url = xasprintf("dir:%s", folder);
	struct services_needs needs = {.loop = &loop, .config = &scene.config, .maps = &scene.maps};

	scene.settled = scene.upserted = scene.deleted = scene.gone = 0;
	assert_int_equal(store_open(&loop, url, &(struct store_access){}, &scene.store, NULL), 0);
	needs.store = scene.store;
	assert_int_equal(prefix_parse("10.1.0.0/24", &needs.pods[FAMILY_V4]), 0);
	scene.services = services_new(&needs, &events, NULL);
}

static void start(void)
{
	begin();
	assert_eventually(scene.settled);
}

static void stop(void)
{
	services_free(scene.services);
	store_close(scene.store);
	uv_run(&loop, UV_RUN_DEFAULT);
}

static void write_key(const char *key, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.json", folder, key), *below = xstrdup(path);

	*strrchr(below, '/') = '\0';
	assert_int_equal(folder_make(below, 0700), 0);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600), 0);
}

static void delete_key(const char *key)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.json", folder, key);

	assert_int_equal(file_delete(path), 0);
}

static void write_service(const char *name, const char *spec)
{
	_cleanup_free_ char *key = xasprintf("services/shop/%s", name),
			    *text = xasprintf(
				    "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": "
				    "\"%s\", \"namespace\": \"shop\"}, \"spec\": {%s}}",
				    name, spec);

	write_key(key, text);
}

static void write_slice(const char *name, const char *service, const char *rest)
{
	_cleanup_free_ char *
		key = xasprintf("endpointslices/shop/%s", name),
	       *text = xasprintf("{\"apiVersion\": \"discovery.k8s.io/v1\", \"kind\": \"EndpointSlice\", \"metadata\": "
	                         "{\"name\": \"%s\", \"namespace\": \"shop\", \"labels\": "
	                         "{\"kubernetes.io/service-name\": \"%s\"}}, \"addressType\": \"IPv4\", %s}",
	                         name, service, rest);

	write_key(key, text);
}

#define PORT_5001 "\"ports\": [{\"port\": 5001}], "

/* ── what the maps hold ── */

static struct service_key key_of(const char *addr, uint16_t port)
{
	struct service_key key = {.port = htons(port), .protocol = PROTOCOL_TCP};

	assert_int_equal(addr_parse(addr, &key.addr), 0);
	return key;
}

/* "10.1.0.7:5001 10.2.0.8:5001", in the order of slots; "": no backends; NULL: no service. */
static const char *slots_at(const char *addr, uint16_t port, enum service_side side)
{
	static char text[1024];
	struct service_key key = key_of(addr, port);
	uint32_t slots[16] = {};
	struct service service;
	size_t length = 0;

	if (service_map_get(&scene.maps, &key, &service))
		return NULL;
	*text = '\0';
	assert_in_range(service.side[side].count, 0, 16);
	assert_int_equal(service_slots_get(&scene.maps, service.side[side].set, slots, service.side[side].count), 0);
	for (uint32_t i = 0; i < service.side[side].count; i++) {
		struct backend backend;
		char address[ADDR_TEXT_MAX];

		assert_int_equal(backend_map_get(&scene.maps, slots[i], &backend), 0);
		assert_int_equal(backend.service, service.number);
		assert_true(backend.serves);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s:%u", i ? " " : "",
		                           addr_format(&backend.addr, address), ntohs(backend.port));
	}
	return text;
}

static bool serves(const char *addr, uint16_t port, enum service_side side, const char *slots)
{
	const char *found = slots_at(addr, port, side);

	return found && !strcmp(found, slots);
}

static struct service service_at(const char *addr, uint16_t port)
{
	struct service_key key = key_of(addr, port);
	struct service service = {};

	service_map_get(&scene.maps, &key, &service);
	return service;
}

static int count_service(const struct service_key *key, const struct service *service, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static int count_backend(uint32_t id, const struct backend *backend, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static int count_slots(const struct service_slot_key *key, const struct service_slots *slots, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static int count_range(uint32_t service, const struct prefix *prefix, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

static bool maps_hold(int services, int slots, int backends, int ranges)
{
	int found[4] = {};

	service_map_each(&scene.maps, count_service, &found[0]);
	service_slots_each(&scene.maps, count_slots, &found[1]);
	backend_map_each(&scene.maps, count_backend, &found[2]);
	source_range_each(&scene.maps, count_range, &found[3]);
	return found[0] == services && found[1] == slots && found[2] == backends && found[3] == ranges;
}

static bool has_warning(const char *words)
{
	json_auto_t *warnings = services_warnings(scene.services);
	json_t *warning;
	bool found = false;
	size_t i;

	json_array_foreach (warnings, i, warning)
		found |= !strncmp(json_string_value(warning), words, strlen(words));
	return found;
}

#define NEEDS_ROOT()            \
	do {                    \
		if (geteuid())  \
			skip(); \
	} while (0)

/* ── tests ── */

static void test_life_of_a_service(void **state)
{
	NEEDS_ROOT();
	start();
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	assert_eventually(serves("10.96.0.1", 80, SERVICE_INSIDE, ""));
	write_slice("web-1", "web",
	            PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"]},"
	                      "{\"addresses\": [\"10.1.0.7\"]}]");
	assert_eventually(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.1.0.7:5001 10.2.0.8:5001"));
	assert_int_equal(service_at("10.96.0.1", 80).side[SERVICE_OUTSIDE].count, 0);
	assert_int_equal(service_at("10.96.0.1", 80).flags, 0);

	write_slice("web-2", "web", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.3.0.9\"]}]");
	assert_eventually(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.1.0.7:5001 10.2.0.8:5001 10.3.0.9:5001"));
	assert_eventually(maps_hold(1, 1, 3, 0));

	delete_key("endpointslices/shop/web-1");
	assert_eventually(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.3.0.9:5001"));
	assert_eventually(maps_hold(1, 1, 1, 0));
	assert_int_equal(scene.gone, 2);

	delete_key("services/shop/web");
	assert_eventually(maps_hold(0, 0, 0, 0));
	delete_key("endpointslices/shop/web-2");
	stop();
}

/* Who leaves keeps its entry, for its connections; who is ready again gets new ones. */
static void test_states(void **state)
{
	static const char *const leaving =
		"\"conditions\": {\"ready\": false, \"serving\": true, \"terminating\": true}";
	_cleanup_free_ char *slice = xasprintf(
		PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"]}, {\"addresses\": [\"10.2.0.9\"], %s}]",
		leaving);
	uint32_t number;

	NEEDS_ROOT();
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	write_slice("web-1", "web",
	            PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"]},"
	                      "{\"addresses\": [\"10.2.0.9\"]}]");
	start();
	assert_true(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.2.0.8:5001 10.2.0.9:5001"));
	number = service_at("10.96.0.1", 80).number;
	write_slice("web-1", "web", slice);
	assert_eventually(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.2.0.8:5001"));
	assert_eventually(maps_hold(1, 1, 2, 0));
	assert_int_equal(scene.gone, 0);
	assert_int_equal(service_at("10.96.0.1", 80).number, number);
	stop();
}

static void test_load_balancer(void **state)
{
	NEEDS_ROOT();
	write_key("services/shop/web",
	          "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"web\"}, \"spec\": {"
	          "\"type\": \"LoadBalancer\", \"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80, \"nodePort\": "
	          "30080}], \"externalTrafficPolicy\": \"Local\", \"loadBalancerSourceRanges\": [\"203.0.113.0/24\", "
	          "\"198.51.100.0/24\"], \"sessionAffinity\": \"ClientIP\"}, \"status\": {\"loadBalancer\": "
	          "{\"ingress\": [{\"ip\": \"192.0.2.1\"}]}}}");
	write_slice("web-1", "web",
	            PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"], \"nodeName\": \"node-2\"},"
	                      "{\"addresses\": [\"10.1.0.7\"], \"nodeName\": \"node-1\"}]");
	start();
	assert_true(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.1.0.7:5001 10.2.0.8:5001"));
	assert_true(serves("192.0.2.1", 80, SERVICE_INSIDE, "10.1.0.7:5001 10.2.0.8:5001"));
	assert_true(serves("192.0.2.1", 80, SERVICE_OUTSIDE, "10.1.0.7:5001"));
	assert_true(serves("0.0.0.0", 30080, SERVICE_OUTSIDE, "10.1.0.7:5001"));
	assert_int_equal(service_at("192.0.2.1", 80).flags, SERVICE_EXTERNAL | SERVICE_SOURCE_RANGES);
	assert_int_equal(service_at("0.0.0.0", 30080).flags, SERVICE_EXTERNAL);
	assert_int_equal(service_at("0.0.0.0", 30080).number, service_at("10.96.0.1", 80).number);
	assert_int_equal(service_at("10.96.0.1", 80).affinity, AFFINITY_SECONDS_DEFAULT);
	assert_true(maps_hold(3, 2, 2, 2));
	delete_key("services/shop/web");
	assert_eventually(maps_hold(0, 0, 0, 0));
	stop();
}

/* Of two that want the same, the older has it, on every node; the other gets it when that goes. */
static void test_conflict(void **state)
{
	NEEDS_ROOT();
	write_service("b",
	              "\"clusterIP\": \"10.96.0.2\", \"externalIPs\": [\"192.0.2.1\"], \"ports\": [{\"port\": 80}]");
	write_slice("b-1", "b", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.2\"]}]");
	start();
	assert_true(serves("192.0.2.1", 80, SERVICE_OUTSIDE, "10.2.0.2:5001"));
	write_slice("a-1", "a", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.1\"]}]");
	write_service("a",
	              "\"clusterIP\": \"10.96.0.1\", \"externalIPs\": [\"192.0.2.1\"], \"ports\": [{\"port\": 80}]");
	assert_eventually(serves("192.0.2.1", 80, SERVICE_OUTSIDE, "10.2.0.1:5001"));
	assert_true(serves("10.96.0.2", 80, SERVICE_INSIDE, "10.2.0.2:5001"));
	assert_int_not_equal(service_at("192.0.2.1", 80).number, service_at("10.96.0.2", 80).number);
	assert_true(has_warning("service shop/b: 192.0.2.1:80/TCP is served for shop/a already"));
	delete_key("services/shop/a");
	assert_eventually(serves("192.0.2.1", 80, SERVICE_OUTSIDE, "10.2.0.2:5001"));
	assert_eventually(maps_hold(2, 1, 1, 0));
	stop();
}

/* A cluster address cannot be taken away by somebody's external one, however old. */
static void test_cluster_address_first(void **state)
{
	NEEDS_ROOT();
	write_service("a",
	              "\"clusterIP\": \"10.96.0.1\", \"externalIPs\": [\"10.96.0.2\"], \"ports\": [{\"port\": 80}]");
	write_slice("a-1", "a", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.1\"]}]");
	write_service("b", "\"clusterIP\": \"10.96.0.2\", \"ports\": [{\"port\": 80}]");
	write_slice("b-1", "b", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.2\"]}]");
	start();
	assert_true(serves("10.96.0.2", 80, SERVICE_INSIDE, "10.2.0.2:5001"));
	stop();
}

static void test_refused_object_changes_nothing(void **state)
{
	NEEDS_ROOT();
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	write_service("end", "\"clusterIP\": \"10.96.0.9\", \"ports\": [{\"port\": 80}]");
	start();
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 0}]");
	delete_key("services/shop/end");
	assert_eventually(maps_hold(1, 0, 0, 0));
	assert_true(serves("10.96.0.1", 80, SERVICE_INSIDE, ""));
	stop();
}

/* The numbers stay, for what the programs have learnt speaks of them; what nobody wants any more goes. */
static void test_restart(void **state)
{
	struct service before, after;

	NEEDS_ROOT();
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	write_slice("web-1", "web",
	            PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"]},"
	                      "{\"addresses\": [\"10.2.0.9\"]}]");
	write_service("old", "\"type\": \"LoadBalancer\", \"clusterIP\": \"10.96.0.2\", \"ports\": [{\"port\": 80}],"
	                     "\"loadBalancerSourceRanges\": [\"203.0.113.0/24\"]");
	write_slice("old-1", "old", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"]}]");
	start();
	before = service_at("10.96.0.1", 80);
	stop();
	delete_key("services/shop/old");
	delete_key("endpointslices/shop/old-1");
	begin();
	assert_true(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.2.0.8:5001 10.2.0.9:5001"));
	assert_true(serves("10.96.0.2", 80, SERVICE_INSIDE, "10.2.0.8:5001"));
	assert_eventually(scene.settled);
	after = service_at("10.96.0.1", 80);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(scene.upserted, 0);
	assert_eventually(maps_hold(1, 1, 2, 0));
	assert_int_equal(scene.gone, 1);
	stop();
}

static void test_maglev(void **state)
{
	uint32_t slots[251];
	struct service service;

	NEEDS_ROOT();
	scene.config.lb_algorithm = ALGORITHM_MAGLEV;
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	write_slice("web-1", "web",
	            PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.8\"]},"
	                      "{\"addresses\": [\"10.2.0.9\"]}]");
	start();
	service = service_at("10.96.0.1", 80);
	assert_int_equal(service.flags, SERVICE_MAGLEV);
	assert_int_equal(service.side[SERVICE_INSIDE].count, 251);
	assert_int_equal(service_slots_get(&scene.maps, service.side[SERVICE_INSIDE].set, slots, 251), 0);
	assert_true(maps_hold(1, 8, 2, 0));
	delete_key("services/shop/web");
	assert_eventually(maps_hold(0, 0, 0, 0));
	stop();
}

/* ── by hand ── */

static void on_answered(void *userdata, int result, json_t *frontends, const struct error *error)
{
	scene.answer = result ? result : 1;
	snprintf(scene.words, sizeof(scene.words), "%s", result ? error->message : "");
	if (!result && json_array_size(frontends))
		*(uint32_t *)userdata =
			(uint32_t)json_integer_value(json_object_get(json_array_get(frontends, 0), "id"));
}

static int update(const char *text, uint32_t *ret_number)
{
	json_t *body = json_loads(text, 0, NULL);

	scene.answer = 0;
	services_update(scene.services, body, on_answered, ret_number);
	assert_eventually(scene.answer);
	json_decref(body);
	return scene.answer;
}

static int delete_numbered(uint32_t number)
{
	scene.answer = 0;
	services_delete(scene.services, number, on_answered, NULL);
	assert_eventually(scene.answer);
	return scene.answer;
}

static void test_by_hand(void **state)
{
	uint32_t number = 0;

	NEEDS_ROOT();
	start();
	assert_int_equal(update("{\"address\": \"10.111.0.10\", \"port\": 80, \"backends\": [{\"address\": "
	                        "\"10.1.0.7\", \"port\": 5001, \"weight\": 2}, {\"address\": \"10.2.0.8\", \"port\": "
	                        "5001}, {\"address\": \"10.2.0.9\", \"port\": 5001, \"state\": \"maintenance\"}]}",
	                        &number),
	                 1);
	assert_true(serves("10.111.0.10", 80, SERVICE_INSIDE, "10.1.0.7:5001 10.1.0.7:5001 10.2.0.8:5001"));
	assert_true(maps_hold(1, 1, 3, 0));
	assert_int_not_equal(number, 0);
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	assert_eventually(serves("10.96.0.1", 80, SERVICE_INSIDE, ""));
	assert_int_equal(update("{\"address\": \"10.96.0.1\", \"port\": 80}", &number), -EEXIST);
	assert_string_equal(scene.words, "10.96.0.1:80/TCP is served for the service shop/web: change that one, or "
	                                 "choose another address");
	assert_int_equal(update("{\"address\": \"10.96.0.2\", \"port\": 0}", &number), -EINVAL);
	assert_int_equal(delete_numbered(service_at("10.96.0.1", 80).number), -EEXIST);
	assert_int_equal(delete_numbered(12345), -ENOENT);
	assert_int_equal(delete_numbered(number), 1);
	assert_null(slots_at("10.111.0.10", 80, SERVICE_INSIDE));
	assert_eventually(maps_hold(1, 0, 0, 0));
	stop();
}

static void test_sctp_keeps_its_port(void **state)
{
	uint32_t number = 0;

	NEEDS_ROOT();
	start();
	assert_int_equal(update("{\"address\": \"10.111.0.10\", \"port\": 80, \"protocol\": \"SCTP\", \"backends\": "
	                        "[{\"address\": \"10.1.0.7\", \"port\": 5001}]}",
	                        &number),
	                 -EINVAL);
	assert_string_equal(scene.words, "backends[0].port: must be 80, as the frontend's: with SCTP it cannot be "
	                                 "changed");
	assert_int_equal(update("{\"address\": \"10.111.0.10\", \"port\": 80, \"protocol\": \"SCTP\", \"backends\": "
	                        "[{\"address\": \"10.1.0.7\", \"port\": 80}]}",
	                        &number),
	                 1);
	assert_true(maps_hold(1, 1, 1, 0));
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80, \"protocol\": \"SCTP\"}]");
	write_slice("web-1", "web",
	            "\"ports\": [{\"port\": 5001, \"protocol\": \"SCTP\"}], "
	            "\"endpoints\": [{\"addresses\": [\"10.2.0.1\"]}]");
	assert_eventually(has_warning("service shop/web: 10.96.0.1:80/SCTP is not served: SCTP keeps its port, and "
	                              "a backend has port 5001"));
	assert_eventually(maps_hold(1, 1, 1, 0));
	stop();
}

static struct services_pod pod_with(uint16_t endpoint, json_t *mappings)
{
	struct services_pod pod = {.endpoint = endpoint, .name = "shop/web-1", .mappings = mappings};

	assert_int_equal(addr_parse("10.1.0.7", &pod.addr[FAMILY_V4]), 0);
	return pod;
}

static int take(uint16_t endpoint, const char *mappings)
{
	json_auto_t *list = json_loads(mappings, 0, NULL);
	struct services_pod pod = pod_with(endpoint, list);
	struct error error = {};
	int r = services_take_host_ports(scene.services, &pod, &error);

	snprintf(scene.words, sizeof(scene.words), "%s", error.message);
	return r;
}

#define MAPPING(host) "[{\"host-port\": " #host ", \"container-port\": 5001}]"

static bool is_told(const char *key)
{
	_cleanup_free_ char *path = xasprintf("%s/%s.json", folder, key);

	return !access(path, F_OK);
}

static void test_host_ports(void **state)
{
	NEEDS_ROOT();
	begin();
	assert_int_equal(take(7, MAPPING(8080)), -EAGAIN);
	assert_eventually(scene.settled);
	assert_int_equal(take(7, MAPPING(8080)), 0);
	assert_true(serves("0.0.0.0", 8080, SERVICE_OUTSIDE, "10.1.0.7:5001"));
	assert_int_equal(service_at("0.0.0.0", 8080).flags, SERVICE_EXTERNAL | SERVICE_HERE);
	assert_true(maps_hold(1, 1, 1, 0));
	assert_eventually(is_told("hostports/node-1/7"));
	assert_int_equal(delete_numbered(service_at("0.0.0.0", 8080).number), -EEXIST);
	assert_non_null(strstr(scene.words, "is of the pod shop/web-1: delete that"));
	assert_int_equal(take(7, MAPPING(8081)), 0); /* another one in its place */
	assert_null(slots_at("0.0.0.0", 8080, SERVICE_OUTSIDE));
	assert_eventually(maps_hold(1, 1, 1, 0));
	services_release_host_ports(scene.services, 7);
	services_release_host_ports(scene.services, 7);
	assert_null(slots_at("0.0.0.0", 8081, SERVICE_OUTSIDE));
	assert_eventually(maps_hold(0, 0, 0, 0));
	assert_eventually(!is_told("hostports/node-1/7"));
	stop();
}

static void test_host_ports_that_are_refused(void **state)
{
	static const struct {
		const char *mappings;
		int code;
		const char *words;
	} cases[] = {
		{MAPPING(8080), -EEXIST, "host port 0.0.0.0:8080/TCP is served for the pod shop/web-1 already"},
		{MAPPING(30080), -EEXIST, "host port 0.0.0.0:30080/TCP is served for the service shop/web already"},
		{"[{\"host-port\": 9, \"container-port\": 9}, {\"host-port\": 9, \"container-port\": 8}]", -EINVAL,
	         "host port 0.0.0.0:9/TCP is there twice"},
		{"[{\"host-port\": 9, \"container-port\": 9, \"host-ip\": \"203.0.113.1\"}]", -EINVAL,
	         "203.0.113.1, which is no address of this node"},
		{"[{\"host-port\": 9, \"container-port\": 9, \"host-ip\": \"::\"}]", -EINVAL,
	         "[0].host-ip: is of a family of which the pod has no address"},
	};

	NEEDS_ROOT();
	write_service("web", "\"clusterIP\": \"10.96.0.1\", \"type\": \"NodePort\", \"ports\": [{\"port\": 80, "
	                     "\"nodePort\": 30080}]");
	start();
	assert_int_equal(take(7, MAPPING(8080)), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(take(8, cases[i].mappings), cases[i].code);
		if (!strstr(scene.words, cases[i].words))
			fail_msg("'%s' lacks '%s'", scene.words, cases[i].words);
		assert_true(maps_hold(3, 1, 1, 0));
	}
	assert_int_equal(take(8, "[{\"host-port\": 8080, \"container-port\": 53, \"protocol\": \"UDP\"}]"), 0);
	assert_int_equal(take(9, "[{\"host-port\": 9, \"container-port\": 9, \"host-ip\": \"127.0.0.1\"}]"), 0);
	stop();
}

static void test_host_ports_outlive_the_agent(void **state)
{
	json_auto_t *mappings = json_loads(MAPPING(8080), 0, NULL);
	struct services_pod pod = pod_with(7, mappings);
	uint32_t number;

	NEEDS_ROOT();
	start();
	assert_int_equal(take(7, MAPPING(8080)), 0);
	assert_int_equal(take(8, MAPPING(8081)), 0);
	assert_eventually(is_told("hostports/node-1/8"));
	number = service_at("0.0.0.0", 8080).number;
	stop();
	begin();
	assert_int_equal(services_restore_host_ports(scene.services, &pod, NULL), 0);
	services_restored(scene.services);
	assert_true(serves("0.0.0.0", 8080, SERVICE_OUTSIDE, "10.1.0.7:5001"));
	assert_eventually(scene.settled);
	assert_true(serves("0.0.0.0", 8080, SERVICE_OUTSIDE, "10.1.0.7:5001"));
	assert_int_equal(service_at("0.0.0.0", 8080).number, number);
	assert_null(slots_at("0.0.0.0", 8081, SERVICE_OUTSIDE));
	assert_eventually(maps_hold(1, 1, 1, 0));
	assert_eventually(!is_told("hostports/node-1/8"));
	assert_true(is_told("hostports/node-1/7"));
	stop();
}

/* Of another node's pod: at its node's address, and only from inside; not where only that node itself asks. */
static void test_host_ports_of_another_node(void **state)
{
	NEEDS_ROOT();
	write_key("hostports/node-2/7",
	          "{\"node\": \"node-2\", \"pod\": \"shop/far-1\", \"node-addresses\": [\"10.99.0.2\"], \"addresses\": "
	          "[\"10.2.0.7\"], \"port-mappings\": [{\"host-port\": 8080, \"container-port\": 5001}, "
	          "{\"host-port\": 9, \"container-port\": 9, \"host-ip\": \"127.0.0.1\"}]}");
	start();
	assert_true(serves("10.99.0.2", 8080, SERVICE_INSIDE, "10.2.0.7:5001"));
	assert_int_equal(service_at("10.99.0.2", 8080).flags, 0);
	assert_true(maps_hold(1, 1, 1, 0));
	assert_int_equal(take(7, MAPPING(8080)), 0); /* the same port of this node's is free */
	write_service("web",
	              "\"clusterIP\": \"10.96.0.1\", \"externalIPs\": [\"10.99.0.2\"], \"ports\": [{\"port\": 8080}]");
	assert_eventually(service_at("10.99.0.2", 8080).type == SERVICE_EXTERNAL_IP);
	services_forget_node(scene.services, "node-2");
	assert_eventually(!is_told("hostports/node-2/7"));
	stop();
}

/* No room: said, and nothing of it is there. */
static void test_full_maps(void **state)
{
	NEEDS_ROOT();
	maps_close(&scene.maps);
	open_maps(1);
	write_service("a", "\"clusterIP\": \"10.96.0.1\", \"ports\": [{\"port\": 80}]");
	write_slice("a-1", "a", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.1\"]}]");
	start();
	assert_true(maps_hold(1, 1, 1, 0));
	write_slice("b-1", "b", PORT_5001 "\"endpoints\": [{\"addresses\": [\"10.2.0.2\"]}]");
	write_service("b", "\"clusterIP\": \"10.96.0.2\", \"ports\": [{\"port\": 80}]");
	assert_eventually(has_warning("service shop/b: 10.96.0.2:80/TCP cannot be served"));
	assert_true(serves("10.96.0.1", 80, SERVICE_INSIDE, "10.2.0.1:5001"));
	delete_key("services/shop/a");
	assert_eventually(serves("10.96.0.2", 80, SERVICE_INSIDE, "10.2.0.2:5001"));
	stop();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life_of_a_service, enter, leave),
		cmocka_unit_test_setup_teardown(test_states, enter, leave),
		cmocka_unit_test_setup_teardown(test_load_balancer, enter, leave),
		cmocka_unit_test_setup_teardown(test_conflict, enter, leave),
		cmocka_unit_test_setup_teardown(test_cluster_address_first, enter, leave),
		cmocka_unit_test_setup_teardown(test_refused_object_changes_nothing, enter, leave),
		cmocka_unit_test_setup_teardown(test_restart, enter, leave),
		cmocka_unit_test_setup_teardown(test_maglev, enter, leave),
		cmocka_unit_test_setup_teardown(test_by_hand, enter, leave),
		cmocka_unit_test_setup_teardown(test_sctp_keeps_its_port, enter, leave),
		cmocka_unit_test_setup_teardown(test_host_ports, enter, leave),
		cmocka_unit_test_setup_teardown(test_host_ports_that_are_refused, enter, leave),
		cmocka_unit_test_setup_teardown(test_host_ports_outlive_the_agent, enter, leave),
		cmocka_unit_test_setup_teardown(test_host_ports_of_another_node, enter, leave),
		cmocka_unit_test_setup_teardown(test_full_maps, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
