/* SPDX-License-Identifier: Apache-2.0 */
#include "packet_test.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "datapath/flow_table.h"

#define EXIT_SKIPPED 77

struct rig rig;
struct event events[EVENTS_MAX];
size_t event_sizes[EVENTS_MAX];

static size_t event_count;
static struct datapath_events *reader;
static struct node_config configured;

static void take_event(const struct event *event, size_t size, void *userdata)
{
	if (event_count < EVENTS_MAX) {
		memcpy(&events[event_count], event, size);
		event_sizes[event_count] = size;
	}
	event_count++;
}

static int open_rig(void **state)
{
	struct error error = {};
	int r;

	configured.decap_v6 = configured.decap_v6 && datapath_probe_decap_v6();
	r = rig_open(&configured, &rig, &error);
	if (!r)
		r = datapath_events_open(rig.maps, take_event, NULL, &reader);
	if (r)
		print_error("%s\n", error.code ? error.message : strerror(-r));
	return r;
}

static int close_rig(void **state)
{
	datapath_events_free(reader);
	rig_close(&rig);
	return 0;
}

int packet_tests_run(const char *name, const struct CMUnitTest *tests, size_t count, const struct node_config *config)
{
	if (geteuid()) {
		puts("packet tests load BPF programs: run them as root");
		return EXIT_SKIPPED;
	}
	configured = *config;
	return _cmocka_run_group_tests(name, tests, count, open_rig, close_rig);
}

int packet_test_begin(void **state)
{
	events_take();
	return rig_reset(&rig);
}

struct spec from_a(const char *destination, const struct spec *more)
{
	struct spec spec = *more;

	spec.source_mac = rig.pod_mac[DEVICE_A];
	spec.destination_mac = rig.mac[DEVICE_A];
	spec.source = strchr(destination, ':') ? POD_A6 : POD_A4;
	spec.destination = destination;
	spec.source_port = 40000;
	spec.destination_port = 80;
	spec.id = 77;
	spec.payload = 32;
	return spec;
}

int forget_address(const char *text)
{
	struct addr addr;
	int r = addr_parse(text, &addr);

	return r ? r : local_map_delete(rig.maps, &addr);
}

int forget_prefix(const char *text)
{
	struct prefix prefix;
	int r = prefix_parse(text, &prefix);

	return r ? r : ipcache_delete(rig.maps, &prefix);
}

void read_node(uint32_t id, struct node *ret)
{
	assert_int_equal(bpf_map_lookup_elem(rig.maps->nodes, &id, ret), 0);
}

void read_endpoint(uint32_t id, struct endpoint *ret)
{
	assert_int_equal(bpf_map_lookup_elem(rig.maps->endpoints, &id, ret), 0);
}

struct outcome run_as(const struct rig_run *how, const struct frame *frame)
{
	struct outcome outcome = {};
	int r = rig_run(&rig, how, frame, &outcome);

	if (r)
		fail_msg("%s cannot run on %zu bytes: %s", how->program, frame->size, strerror(-r));
	return outcome;
}

struct outcome run(const char *program, enum rig_device device, const struct frame *frame)
{
	return run_as(&(struct rig_run){.program = program, .device = device}, frame);
}

void run_with_sum(const char *program, enum rig_device device, const struct frame *frame)
{
	struct rig_run how = {.program = program, .device = device, .checksum_complete = true};
	struct outcome outcome = {};
	int r = rig_run(&rig, &how, frame, &outcome);

	if (r == -EINVAL)
		skip();
	assert_int_equal(r, 0);
	assert_verdict(outcome, TC_ACT_REDIRECT);
}

bool flow_exists(const struct spec *spec)
{
	int direction;
	struct flow_key key = spec_key(spec, &direction);
	struct flow flow;

	return !bpf_map_lookup_elem(rig.maps->flows, &key, &flow);
}

struct flow flow_of(const struct spec *spec)
{
	int direction;
	struct flow_key key = spec_key(spec, &direction);
	struct flow flow = {};

	bpf_map_lookup_elem(rig.maps->flows, &key, &flow);
	return flow;
}

struct flow_decision decision_of(const struct spec *spec)
{
	int direction;
	struct flow flow = flow_of(spec);

	spec_key(spec, &direction);
	return flow.decision[direction];
}

struct flow_traffic traffic_of(const struct spec *spec)
{
	int direction;
	struct flow flow = flow_of(spec);

	spec_key(spec, &direction);
	return flow.traffic[direction];
}

static int count_flow(const struct flow_key *key, const struct flow *flow, void *userdata)
{
	++*(uint32_t *)userdata;
	return 0;
}

uint32_t flow_count(void)
{
	uint32_t count = 0;

	assert_int_equal(flow_table_each(rig.maps, count_flow, &count), 0);
	return count;
}

struct wanted {
	int reason; /* -1: every one that is a drop */
	enum metric_direction direction;
	struct metric sum;
};

static int add_metric(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	struct wanted *wanted = userdata;
	if (wanted->reason < 0 ? metric_is_drop(reason) : wanted->reason == reason && wanted->direction == direction) {
		wanted->sum.packets += metric->packets;
		wanted->sum.bytes += metric->bytes;
	}
	return 0;
}

static struct metric metric_sum(int reason, enum metric_direction direction)
{
	struct wanted wanted = {.reason = reason, .direction = direction};

	assert_int_equal(metrics_each(rig.maps, add_metric, &wanted), 0);
	return wanted.sum;
}

uint64_t metric_packets(uint8_t reason, enum metric_direction direction)
{
	return metric_sum(reason, direction).packets;
}

uint64_t metric_bytes(uint8_t reason, enum metric_direction direction)
{
	return metric_sum(reason, direction).bytes;
}

uint64_t metric_drops(void)
{
	return metric_sum(-1, 0).packets;
}

void events_listen(uint32_t types)
{
	maps_listen(rig.maps, types);
}

size_t events_take(void)
{
	event_count = 0;
	assert_true(datapath_events_read(reader) >= 0);
	return event_count;
}

static int print_metric(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	print_error("  counted, %s: %s, %llu packets\n", direction == METRIC_EGRESS ? "egress" : "ingress",
	            drop_reason_text(reason) ?: "an unknown reason", (unsigned long long)metric->packets);
	return 0;
}

void check_dropped(int verdict, uint8_t reason, enum metric_direction direction, const char *file, int line)
{
	if (verdict == TC_ACT_SHOT && metric_packets(reason, direction) == 1 && metric_drops() == 1)
		return;
	print_error("expected one drop, %s: %s; the verdict is %d\n", direction == METRIC_EGRESS ? "egress" : "ingress",
	            drop_reason_text(reason), verdict);
	metrics_each(rig.maps, print_metric, NULL);
	_fail(file, line);
}
