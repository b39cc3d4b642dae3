/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that are not sent: what the programs say of them is what they do with real ones, and no map that a real
 * packet meets, is counted in or is told by changes by one bit.
 */
#include "packet_test.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "abi/nat.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "datapath/dry_run.h"
#include "datapath/walk.h"
#include "services.h"

#define SET_B     12
#define FRONTEND4 "10.96.0.1"

static struct dry_run *dry;

static void open_dry(void)
{
	struct error error = {};

	if (!dry && dry_run_open(&rig.config, rig.maps, &dry, &error))
		fail_msg("%s", error.message);
	assert_int_equal(dry_run_forget(dry), 0);
}

static void close_dry(void)
{
	dry_run_free(TAKE_PTR(dry));
}

/* Every packet here fits. */
static struct dry_packet dry_packet(const struct frame *frame)
{
	struct dry_packet packet = {.size = frame->size};

	assert_true(frame->size <= sizeof(packet.bytes));
	memcpy(packet.bytes, frame->bytes, frame->size);
	return packet;
}

static struct dry_outcome pass(const char *program, enum rig_device device, struct dry_packet *packet)
{
	struct dry_outcome outcome;

	assert_int_equal(dry_run_pass(dry, program, rig.ifindex[device], packet, &outcome), 0);
	return outcome;
}

/* ── what the real maps hold ── */

struct digest {
	size_t key_size, value_size;
	uint64_t sum; /* of all entries: their order is of no matter */
};

static uint64_t mix(const void *bytes, size_t size, uint64_t hash)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3;
	return hash;
}

static int add_entry(const void *key, const void *value, void *userdata)
{
	struct digest *digest = userdata;

	digest->sum += mix(value, digest->value_size, mix(key, digest->key_size, 0xcbf29ce484222325));
	return 0;
}

static uint64_t map_digest(int fd)
{
	struct bpf_map_info info = {};
	uint32_t size = sizeof(info);
	struct digest digest;

	assert_int_equal(bpf_map_get_info_by_fd(fd, &info, &size), 0);
	if (info.type == BPF_MAP_TYPE_RINGBUF)
		return 0; /* nothing_is_told asks */
	digest = (struct digest){.key_size = info.key_size, .value_size = info.value_size};
	if (info.type == BPF_MAP_TYPE_PERCPU_ARRAY)
		digest.value_size *= libbpf_num_possible_cpus();
	assert_int_equal(map_walk(fd, digest.key_size, digest.value_size, add_entry, &digest), 0);
	return digest.sum;
}

struct digests {
#define X(name, ...) uint64_t name;
	PILUS_MAPS(X)
#undef X
};

static struct digests all_digests(void)
{
	return (struct digests){
#define X(name, ...) .name = map_digest(rig.maps->name),
		PILUS_MAPS(X)
#undef X
	};
}

static void assert_unchanged(const struct digests *before)
{
	struct digests after = all_digests();

#define X(map, ...)                   \
	if (after.map != before->map) \
		fail_msg("the map %s has changed", #map);
	PILUS_MAPS(X)
#undef X
}

/* ── packets of every kind, by every door ── */

struct crossing {
	const char *program;
	enum rig_device device;
	struct frame frame;
	uint32_t mark;
};

static struct frame arriving(const char *source, const char *destination, uint32_t vni)
{
	struct frame inner = FRAME(.source = source, .destination = destination, .protocol = PROTOCOL_TCP,
	                           .source_port = 40000, .destination_port = 80, .tcp_flags = TCP_SYN, .payload = 8);

	return frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
	                                                  .destination = HOST4,
	                                                  .destination_mac = rig.mac[DEVICE_WIRE],
	                                                  .port = VXLAN_PORT,
	                                                  .vni = vni});
}

static struct frame leaving(const char *destination, uint8_t protocol, uint16_t port)
{
	struct spec spec = from_a(destination, &(struct spec){.protocol = protocol, .id = 77});

	spec.destination_port = port;
	spec.tcp_flags = TCP_SYN;
	spec.type = strchr(destination, ':') ? 128 : 8;
	return frame_build(&spec);
}

static struct frame spoofed(void)
{
	struct frame frame = leaving(POD_B4, PROTOCOL_TCP, 80);

	frame_ipv4(&frame)->saddr ^= htonl(64);
	return frame;
}

static size_t make_crossings(struct crossing *crossings)
{
	const struct crossing all[] = {
		{"from_container", DEVICE_A, leaving(POD_B4, PROTOCOL_TCP, 80)},
		{"from_container", DEVICE_A, leaving(POD_B6, PROTOCOL_UDP, 53)},
		{"from_container", DEVICE_A, leaving(POD_B4, PROTOCOL_TCP, 81)},
		{"from_container", DEVICE_A, leaving(POD_B4, PROTOCOL_ICMP, 0)},
		{"from_container", DEVICE_A, leaving(POD_C4, PROTOCOL_SCTP, 80)},
		{"from_container", DEVICE_A, leaving(POD_C6, PROTOCOL_TCP, 80)},
		{"from_container", DEVICE_A, leaving(HOST4, PROTOCOL_TCP, 22)},
		{"from_container", DEVICE_A, leaving(WORLD4, PROTOCOL_TCP, 443)},
		{"from_container", DEVICE_A, leaving(WORLD6, PROTOCOL_ICMPV6, 0)},
		{"from_container", DEVICE_A, leaving("224.0.0.1", PROTOCOL_UDP, 9)},
		{"from_container", DEVICE_A, leaving(FRONTEND4, PROTOCOL_TCP, 80)},
		{"from_container", DEVICE_A, leaving(FRONTEND4, PROTOCOL_TCP, 81)},
		{"from_container", DEVICE_A, spoofed()},
		{"from_container", DEVICE_NOBODY, leaving(POD_B4, PROTOCOL_TCP, 80)},
		{"to_container", DEVICE_B,
	         FRAME(.source = HOST4, .destination = POD_B4, .protocol = PROTOCOL_TCP, .destination_port = 80)},
		{"to_container", DEVICE_B,
	         FRAME(.source = WORLD4, .destination = POD_B4, .protocol = PROTOCOL_TCP, .destination_port = 80)},
		{"from_netdev", DEVICE_WIRE, arriving(POD_C4, POD_B4, IDENTITY_C)},
		{"from_netdev", DEVICE_WIRE, arriving(POD_C4, POD_A4, IDENTITY_C)},
		{"from_netdev", DEVICE_WIRE, arriving(POD_D4, POD_A4, IDENTITY_C)},
		{"from_netdev", DEVICE_WIRE, arriving(POD_C4, POD_A4, 0)},
		{"to_netdev", DEVICE_WIRE, leaving(WORLD4, PROTOCOL_TCP, 443), MARK_MASQUERADE},
		{"to_overlay", DEVICE_TUNNEL,
	         FRAME(.source = HOST4, .destination = POD_C4, .protocol = PROTOCOL_UDP, .destination_port = 9)},
	};
	size_t count = sizeof(all) / sizeof(all[0]);

	memcpy(crossings, all, sizeof(all));
	return count;
}

#define CROSSINGS_MAX 32

static size_t crossings_of(struct crossing **ret)
{
	struct crossing *crossings = xcalloc(CROSSINGS_MAX, sizeof(*crossings));
	size_t count = make_crossings(crossings);

	assert_true(count <= CROSSINGS_MAX);
	*ret = crossings;
	return count;
}

/* One with a backend, which is remembered for the client, and one with none. */
static void add_services(void)
{
	services_clear();
	SERVICE(.addr = FRONTEND4, .port = 80, .affinity = 60, .backends = {{POD_C4, 8080}});
	SERVICE(.addr = FRONTEND4, .port = 81);
}

/* b is closed, but for a at port 80. */
static void close_b(void)
{
	struct policy_key key = {.prefix_bits = POLICY_PORT_BITS,
	                         .set = htonl(SET_B),
	                         .peer = htonl(IDENTITY_A),
	                         .direction = POLICY_INGRESS,
	                         .protocol = PROTOCOL_TCP,
	                         .port = htons(80)};
	struct policy_entry entry = {.verdict = POLICY_ALLOW, .rule = 5};
	struct endpoint endpoint;
	uint32_t id = ID_B;

	read_endpoint(id, &endpoint);
	endpoint.policy = SET_B;
	endpoint.flags = ENDPOINT_ASKS(POLICY_INGRESS) | ENDPOINT_CLOSES(POLICY_INGRESS);
	assert_int_equal(policy_set(rig.maps, &key, &entry), 0);
	assert_int_equal(bpf_map_update_elem(rig.maps->endpoints, &id, &endpoint, BPF_EXIST), 0);
	maps_bump_epoch(rig.maps);
}

/* ── tests ── */

static void nothing_changes_and_nothing_is_told(void **state)
{
	_cleanup_free_ struct crossing *crossings = NULL;
	size_t count = crossings_of(&crossings);
	struct digests before;

	close_b();
	add_services();
	open_dry();
	events_listen(1 << EVENT_DROP | 1 << EVENT_TRACE | 1 << EVENT_FLOW | 1 << EVENT_POLICY_VERDICT);
	before = all_digests();
	for (size_t i = 0; i < count; i++) {
		struct dry_packet packet = dry_packet(&crossings[i].frame);

		packet.mark = crossings[i].mark;
		pass(crossings[i].program, crossings[i].device, &packet);
		assert_unchanged(&before);
		assert_int_equal(events_take(), 0);
	}
	close_dry();
}

/* The masquerade's port is the sender's own in both, as nobody else has it. */
static void it_goes_as_a_real_packet_goes(void **state)
{
	_cleanup_free_ struct crossing *crossings = NULL;
	size_t count = crossings_of(&crossings), drops = 0, redirects = 0;

	close_b();
	add_services();
	open_dry();
	for (size_t i = 0; i < count; i++) {
		struct rig_run how = {
			.program = crossings[i].program, .device = crossings[i].device, .mark = crossings[i].mark};
		struct dry_packet packet = dry_packet(&crossings[i].frame);
		struct dry_outcome told;
		struct outcome real;

		packet.mark = crossings[i].mark;
		told = pass(crossings[i].program, crossings[i].device, &packet);
		real = run_as(&how, &crossings[i].frame);
		assert_int_equal(told.verdict, real.verdict);
		assert_int_equal(packet.mark, real.mark);
		assert_int_equal(packet.size, real.frame.size);
		assert_memory_equal(packet.bytes, real.frame.bytes, packet.size);
		drops += real.verdict == TC_ACT_SHOT;
		redirects += real.verdict == TC_ACT_REDIRECT;
	}
	assert_int_equal(drops, 11);
	assert_int_equal(redirects, 6);
	close_dry();
}

static void it_is_always_new(void **state)
{
	struct frame frame = leaving(POD_B4, PROTOCOL_TCP, 80);

	close_b();
	for (int i = 0; i < 2; i++)
		assert_verdict(run("from_container", DEVICE_A, &frame), TC_ACT_REDIRECT);
	for (int i = 0; i < 2; i++) {
		struct dry_packet packet = dry_packet(&frame);
		struct dry_outcome told;

		open_dry();
		told = pass("from_container", DEVICE_A, &packet);
		assert_int_equal(told.verdict, TC_ACT_REDIRECT);
		assert_int_equal(told.event_count, 3);
		assert_int_equal(told.events[0].type, EVENT_POLICY_VERDICT);
		assert_int_equal(told.events[0].verdict.rule, 5);
		assert_int_equal(told.events[0].state, PACKET_NEW);
		assert_int_equal(told.events[1].point, TRACE_FROM_ENDPOINT);
		assert_int_equal(told.events[2].point, TRACE_TO_ENDPOINT);
		assert_int_equal(told.events[2].destination_endpoint, ID_B);
	}
	close_dry();
}

/* It asks the maps in use, so it knows of a change when real packets do. */
static void it_follows_the_agent(void **state)
{
	struct frame frame = leaving(POD_B4, PROTOCOL_TCP, 81);
	struct dry_packet packet = dry_packet(&frame);
	struct dry_outcome told;

	open_dry();
	assert_int_equal(pass("from_container", DEVICE_A, &packet).verdict, TC_ACT_REDIRECT);
	close_b();
	open_dry();
	packet = dry_packet(&frame);
	told = pass("from_container", DEVICE_A, &packet);
	assert_int_equal(told.verdict, TC_ACT_SHOT);
	assert_int_equal(told.events[told.event_count - 1].type, EVENT_DROP);
	assert_int_equal(told.events[told.event_count - 1].reason, DROP_POLICY_DENIED);
	assert_int_equal(packet.size, frame.size);
	close_dry();
}

static const struct CMUnitTest tests[] = {
	PACKET_TEST(nothing_changes_and_nothing_is_told),
	PACKET_TEST(it_goes_as_a_real_packet_goes),
	PACKET_TEST(it_is_always_new),
	PACKET_TEST(it_follows_the_agent),
};

int main(void)
{
	return PACKET_TESTS("dry_run", tests);
}
