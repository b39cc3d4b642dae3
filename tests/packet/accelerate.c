/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services for clients outside, by XDP: what from_netdev has recorded becomes the same bytes, and all else passes.
 */
#include "services.h"
#include "world.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "base/cleanup.h"
#include "datapath/prefilter.h"
#include "net/link.h"
#include "net/netlink.h"
#include "net/route.h"
#include "net/sysctl.h"

#define BACK     8080
#define BACK4    "203.0.113.9" /* a backend that is no pod */
#define BACK6    "2001:db8:aaaa::9"
#define GATEWAY6 "2001:db8:0:2::fe"

static struct prefilter *loaded;

/* ── the scene ── */

static const struct spec requests[] = {
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_TCP, .payload = 100},
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_UDP, .payload = 33},
	{.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_UDP},
	{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_TCP, .payload = 1},
	{.source = WORLD6, .destination = HOST6, .protocol = PROTOCOL_UDP, .payload = 33},
};

static void serve(const struct spec *spec, const char *v4, const char *v6, uint16_t flags)
{
	SERVICE(.addr = is_v6(spec) ? "::" : "0.0.0.0", .port = NODE_PORT, .protocol = spec->protocol,
	        .flags = SERVICE_EXTERNAL | flags, .backends = {{is_v6(spec) ? v6 : v4, BACK}});
}

/* The answer to what the backend got as it stands in `asked`. */
static struct spec answer_to(const struct spec *asked, const char *backend4, const char *backend6, const char *own4,
                             const char *own6)
{
	struct spec at_backend = *asked, answer;

	at_backend.source = is_v6(asked) ? own6 : own4;
	at_backend.destination = is_v6(asked) ? backend6 : backend4;
	at_backend.destination_port = BACK;
	answer = spec_reply(&at_backend);
	answer.source_mac = rig.pod_mac[DEVICE_WIRE];
	answer.destination_mac = rig.mac[DEVICE_WIRE];
	return answer;
}

static struct frame by_overlay(const struct frame *inner, const char *node)
{
	return frame_encapsulate(inner, &(struct tunnel){.source_mac = rig.pod_mac[DEVICE_WIRE],
	                                                 .destination_mac = rig.mac[DEVICE_WIRE],
	                                                 .source = node,
	                                                 .destination = HOST4,
	                                                 .port = VXLAN_PORT,
	                                                 .vni = IDENTITY_C});
}

/* How the uplink leads to the world. */
static void connect_uplink(void)
{
	_cleanup_(netlink_freep) struct netlink *netlink = NULL;
	static const char *const own[] = {HOST4, HOST6}, *const gateways[] = {GATEWAY4, GATEWAY6};
	static const uint8_t bits[] = {ADDR_V4_PREFIX_BITS + 24, 64}, everywhere[] = {ADDR_V4_PREFIX_BITS, 0};
	uint32_t uplink = rig.ifindex[DEVICE_WIRE];
	struct link link;

	assert_int_equal(sysctl_set("net/ipv4/ip_forward", "1", NULL), 0);
	assert_int_equal(sysctl_set("net/ipv6/conf/all/forwarding", "1", NULL), 0);
	assert_int_equal(netlink_open(NULL, &netlink, NULL), 0);
	assert_int_equal(link_get_by_index(netlink, uplink, &link, NULL), 0);
	assert_int_equal(link_set_up(netlink, uplink, NULL), 0);
	assert_int_equal(link_set_up(netlink, link.peer_ifindex, NULL), 0);
	EVERY (i, own) {
		struct route route = {.destination = {.bits = everywhere[i]}, .ifindex = uplink, .onlink = true};
		struct addr addr;

		assert_int_equal(addr_parse(own[i], &addr), 0);
		assert_int_equal(link_add_address(netlink, uplink, &addr, bits[i], NULL), 0);
		assert_int_equal(addr_parse(gateways[i], &route.gateway), 0);
		if (addr_is_v4(&route.gateway))
			route.destination.addr = addr_from_v4(0);
		assert_int_equal(route_set(netlink, &route, NULL), 0);
		assert_int_equal(neighbour_set(netlink, uplink, &route.gateway, rig.pod_mac[DEVICE_WIRE], NULL), 0);
	}
}

static void begin_again(void)
{
	assert_int_equal(rig_reset(&rig), 0);
	services_clear();
}

static int begin(void **state)
{
	struct error error = {};

	if (packet_test_begin(state))
		return -1;
	services_clear();
	if (loaded)
		return 0;
	connect_uplink();
	if (!prefilter_load(datapath_options(rig.datapath), &(struct prefilter_plan){}, NULL, &loaded, &error))
		return 0;
	print_error("%s\n", error.message);
	return -1;
}

/* ── both ways ── */

static struct outcome by_stack(const struct frame *frame)
{
	return run("from_netdev", DEVICE_WIRE, frame);
}

static struct outcome by_xdp(const struct frame *frame)
{
	struct xdp_md context = {.data_end = frame->size, .ingress_ifindex = rig.ifindex[DEVICE_WIRE]};
	struct outcome outcome = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = frame->size,
	            .data_out = outcome.frame.bytes, .data_size_out = sizeof(outcome.frame.bytes), .ctx_in = &context,
	            .ctx_size_in = sizeof(context));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(prefilter_program(loaded)), &options), 0);
	outcome.verdict = (int)options.retval;
	outcome.frame.size = options.data_size_out;
	return outcome;
}

/* One packet in some seconds passes, whatever it is: then the next does not. */
static struct outcome by_xdp_surely(const struct frame *frame)
{
	struct outcome outcome = by_xdp(frame);

	if (outcome.verdict != XDP_PASS)
		return outcome;
	by_stack(frame);
	return by_xdp(frame);
}

/* The kernel finds the next hop after from_netdev, whose frame has no ethernet header of its own yet. */
static void assert_same(const struct frame *frame, bool next_hop_known)
{
	struct outcome stack = by_stack(frame), xdp = by_xdp_surely(frame);
	size_t from = next_hop_known ? 0 : ETH_HLEN;

	assert_verdict(stack, TC_ACT_REDIRECT);
	assert_verdict(xdp, XDP_TX);
	assert_int_equal(xdp.frame.size, stack.frame.size);
	assert_memory_equal(xdp.frame.bytes + from, stack.frame.bytes + from, stack.frame.size - from);
	assert_bytes(xdp, 0, rig.pod_mac[DEVICE_WIRE], ETH_ALEN);
	assert_bytes(xdp, ETH_ALEN, rig.mac[DEVICE_WIRE], ETH_ALEN);
}

static void assert_passes(const struct frame *frame)
{
	struct outcome outcome = by_xdp(frame);

	assert_verdict(outcome, XDP_PASS);
	assert_int_equal(outcome.frame.size, frame->size);
	assert_memory_equal(outcome.frame.bytes, frame->bytes, frame->size);
}

static bool answers_can_be_taken(const struct spec *spec)
{
	return !is_v6(spec) || rig.config.native || rig.config.decap_v6;
}

static void both_ways_to_a_pod_are_the_same(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]);
		struct spec answer = answer_to(&spec, POD_C4, POD_C6, OVERLAY4, OVERLAY6);
		struct frame question = frame_build(&spec), bare = frame_build(&answer), answered;

		begin_again();
		serve(&spec, POD_C4, POD_C6, 0);
		assert_passes(&question);
		by_stack(&question);
		assert_same(&question, !rig.config.native);
		answered = rig.config.native ? bare : by_overlay(&bare, PEER4);
		if (answers_can_be_taken(&spec)) {
			assert_passes(&answered);
			by_stack(&answered);
			assert_same(&answered, false);
		}
		assert_int_equal(metric_drops(), 0);
	}
}

static void both_ways_to_a_backend_in_the_world_are_the_same(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]), answer = answer_to(&spec, BACK4, BACK6, HOST4, HOST6);
		struct frame question = frame_build(&spec), answered = frame_build(&answer);

		begin_again();
		serve(&spec, BACK4, BACK6, 0);
		by_stack(&question);
		assert_same(&question, false);
		by_stack(&answered);
		assert_same(&answered, false);
		assert_int_equal(metric_drops(), 0);
	}
}

static void what_is_answered_directly_is_the_same(void **state)
{
	EVERY (i, requests) {
		struct spec spec = from_client(&requests[i]);
		struct frame question = frame_build(&spec);

		begin_again();
		serve(&spec, POD_C4, POD_C6, SERVICE_DSR);
		by_stack(&question);
		assert_same(&question, !rig.config.native);
	}
}

static void udp_without_a_checksum_stays_so(void **state)
{
	struct spec spec = from_client(&requests[1]);
	struct frame question = frame_build(&spec);

	memset(question.bytes + question.transport + 6, 0, 2);
	serve(&spec, POD_C4, POD_C6, 0);
	by_stack(&question);
	assert_same(&question, !rig.config.native);
}

/* Every payload has another checksum: among them are those that come out as zero. */
static void every_checksum_is_right(void **state)
{
	struct spec spec = from_client(&requests[1]);
	struct frame question = frame_build(&spec);

	serve(&spec, POD_C4, POD_C6, 0);
	by_stack(&question);
	for (uint32_t i = 0; i < 65536; i += 13) {
		uint16_t *checksum = (void *)(question.bytes + question.transport + 6);
		struct outcome outcome;

		question = frame_build(&spec);
		/* What goes into the payload comes out of the checksum. */
		*checksum = htons((i + 1) & 0xffff) ?: 0xffff;
		outcome = by_xdp(&question);
		if (outcome.verdict == XDP_PASS) /* it looks as if it were none */
			continue;
		checksum = (void *)(outcome.frame.bytes + outcome.frame.size - question.size + question.transport + 6);
		assert_int_not_equal(*checksum, 0);
	}
}

static void it_is_counted_once(void **state)
{
	struct spec spec = from_client(&requests[0]), translated = spec;
	struct frame question = frame_build(&spec);
	uint64_t accelerated, all;

	translated.destination = POD_C4;
	translated.destination_port = BACK;
	serve(&spec, POD_C4, POD_C6, 0);
	by_stack(&question);
	for (int i = 0; i < 5; i++)
		by_xdp_surely(&question);
	accelerated = metric_packets(METRIC_ACCELERATED, METRIC_EGRESS);
	all = metric_packets(METRIC_FORWARDED, METRIC_EGRESS);
	assert_int_equal(accelerated, 5);
	assert_in_range(all, 6, 7);
	assert_int_equal(metric_bytes(METRIC_FORWARDED, METRIC_EGRESS), all * question.size);
	assert_int_equal(traffic_of(&translated).packets, all);
	assert_int_equal(traffic_of(&translated).bytes, all * question.size);
}

/* ── what passes ── */

/* The connection of the first request is known, and taken. */
static struct spec known(void)
{
	struct spec spec = from_client(&requests[0]);
	struct frame frame = frame_build(&spec);

	serve(&spec, POD_C4, POD_C6, 0);
	by_stack(&frame);
	assert_verdict(by_xdp_surely(&frame), XDP_TX);
	return spec;
}

static void what_is_not_plain_passes(void **state)
{
	struct spec spec = known(), changed;
	struct frame frame;

#define PASSES(...)                            \
	do {                                   \
		changed = spec;                \
		__VA_ARGS__;                   \
		frame = frame_build(&changed); \
		assert_passes(&frame);         \
	} while (0)
	PASSES(changed.options = 8);
	PASSES(changed.fragment_id = 7, changed.more_fragments = true);
	PASSES(changed.fragment_id = 7, changed.fragment_offset = 8);
	PASSES(changed.ttl = 1);
	PASSES(changed.payload = 1500);
	PASSES(changed.tcp_flags = TCP_SYN);
	PASSES(changed.tcp_flags = TCP_FIN | TCP_ACK);
	PASSES(changed.tcp_flags = TCP_RST);
	PASSES(changed.protocol = PROTOCOL_UDP);
	PASSES(changed.protocol = PROTOCOL_SCTP);
	PASSES(changed.source_port++);
	PASSES(changed.destination_port++);
	PASSES(changed.destination_mac = rig.mac[DEVICE_A]);
#undef PASSES
	frame = frame_build(&spec);
	assert_verdict(by_xdp_surely(&frame), XDP_TX);
}

static void extension_headers_pass(void **state)
{
	struct spec spec = from_client(&requests[3]);
	struct frame frame = frame_build(&spec);

	serve(&spec, POD_C4, POD_C6, 0);
	by_stack(&frame);
	assert_verdict(by_xdp_surely(&frame), XDP_TX);
	spec.extensions = 1;
	frame = frame_build(&spec);
	assert_passes(&frame);
}

/* A checksum of the pseudo header alone is one that a device was to complete. */
static void what_has_no_checksum_yet_passes(void **state)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i += 3) {
		struct spec spec = from_client(&requests[i]);
		struct frame frame = frame_build(&spec);
		uint8_t *addresses = frame.bytes + ETH_HLEN + (is_v6(&spec) ? 8 : 12);
		uint32_t sum = frame.size - frame.transport + spec.protocol;

		begin_again();
		serve(&spec, POD_C4, POD_C6, 0);
		by_stack(&frame);
		assert_verdict(by_xdp_surely(&frame), XDP_TX);
		for (int k = 0; k < (is_v6(&spec) ? 32 : 8); k += 2)
			sum += (uint32_t)addresses[k] << 8 | addresses[k + 1];
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		frame.bytes[frame.transport + 16] = sum >> 8;
		frame.bytes[frame.transport + 17] = sum & 0xff;
		assert_passes(&frame);
	}
}

static void what_is_no_longer_so_passes(void **state)
{
	struct spec spec = known();
	struct frame frame = frame_build(&spec);

	maps_bump_epoch(rig.maps);
	assert_passes(&frame);
	by_stack(&frame);
	assert_verdict(by_xdp_surely(&frame), XDP_TX);
	services_clear();
	assert_passes(&frame);
}

static void a_backend_here_is_the_stacks(void **state)
{
	struct spec spec = from_client(&requests[0]);
	struct frame frame = frame_build(&spec);

	serve(&spec, POD_A4, POD_A6, 0);
	by_stack(&frame);
	by_stack(&frame);
	assert_passes(&frame);
}

static void whoever_listens_to_every_packet_hears_it(void **state)
{
	struct spec spec = known();
	struct frame frame = frame_build(&spec);

	events_listen(1 << EVENT_TRACE);
	assert_passes(&frame);
	events_listen(1 << EVENT_DROP);
	assert_verdict(by_xdp_surely(&frame), XDP_TX);
}

static void vlan_tags_pass(void **state)
{
	struct spec spec = known();
	struct frame frame = frame_build(&spec);

	memmove(frame.bytes + 16, frame.bytes + 12, frame.size - 12);
	memcpy(frame.bytes + 12, (uint8_t[]){0x81, 0, 0, 100}, 4);
	frame.size += 4;
	assert_passes(&frame);
}

/* However short it is cut. */
static void what_is_cut_short_passes(void **state)
{
	struct spec spec = known();
	struct frame frame = frame_build(&spec);

	for (size_t size = ETH_HLEN; size < frame.transport + 20; size++) {
		struct frame cut = frame;

		cut.size = size;
		assert_passes(&cut);
	}
}

static void only_nodes_are_believed(void **state)
{
	struct spec spec = known(), answer = answer_to(&spec, POD_C4, POD_C6, OVERLAY4, OVERLAY6);
	struct frame inner = frame_build(&answer), frame = by_overlay(&inner, PEER4);

	by_stack(&frame);
	assert_verdict(by_xdp_surely(&frame), XDP_TX);
	frame = by_overlay(&inner, STRANGER4);
	assert_passes(&frame);
	/* Out of the overlay, nobody asks for a service as from outside. */
	inner = frame_build(&spec);
	frame = by_overlay(&inner, PEER4);
	assert_passes(&frame);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_ways_to_a_pod_are_the_same, begin),
		cmocka_unit_test_setup(both_ways_to_a_backend_in_the_world_are_the_same, begin),
		cmocka_unit_test_setup(what_is_answered_directly_is_the_same, begin),
		cmocka_unit_test_setup(udp_without_a_checksum_stays_so, begin),
		cmocka_unit_test_setup(every_checksum_is_right, begin),
		cmocka_unit_test_setup(it_is_counted_once, begin),
		cmocka_unit_test_setup(what_is_not_plain_passes, begin),
		cmocka_unit_test_setup(extension_headers_pass, begin),
		cmocka_unit_test_setup(what_has_no_checksum_yet_passes, begin),
		cmocka_unit_test_setup(what_is_no_longer_so_passes, begin),
		cmocka_unit_test_setup(a_backend_here_is_the_stacks, begin),
		cmocka_unit_test_setup(whoever_listens_to_every_packet_hears_it, begin),
		cmocka_unit_test_setup(vlan_tags_pass, begin),
		cmocka_unit_test_setup(what_is_cut_short_passes, begin),
		cmocka_unit_test_setup(only_nodes_are_believed, begin),
	};

	int r = packet_tests_run("accelerate", tests, sizeof(tests) / sizeof(tests[0]),
	                         &(struct node_config){.decap_v6 = 1, .accelerate = 1});

	prefilter_free(loaded);
	loaded = NULL;
	/* All but the last are the same without an overlay. */
	return r ? r
	         : packet_tests_run("accelerate, native", tests, sizeof(tests) / sizeof(tests[0]) - 1,
	                            &(struct node_config){.native = 1, .accelerate = 1});
}
