/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prefilter: who is refused on an uplink, before there is an skb.
 */
#include "packet_test.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "datapath/prefilter.h"

#define DENIED4      "203.0.113.7"
#define DENIED6      "2001:db8:bad::7"
#define PERMITTED4   "198.51.100.9"
#define PERMITTED6   "2001:db8:900d::9"
#define SET_HOSTS    3
#define SET_PREFIXES 200

static struct prefilter *loaded;

static int free_loaded(void **state)
{
	prefilter_free(loaded);
	loaded = NULL;
	return 0;
}

#define PREFILTER_TEST(function) cmocka_unit_test_setup_teardown(function, packet_test_begin, free_loaded)

static struct prefilter_row row(const char *text, uint16_t set, enum prefilter_verdict verdict)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	return (struct prefilter_row){.addr = prefix.addr, .bits = prefix.bits, .set = set, .verdict = verdict};
}

static void load(const struct prefilter_plan *plan)
{
	struct error error = {};

	prefilter_free(loaded);
	loaded = NULL;
	for (uint16_t set = 0; set < PREFILTER_SETS_MAX; set++)
		assert_int_equal(prefilter_counter_clear(rig.maps, set), 0);
	if (prefilter_load(datapath_options(rig.datapath), plan, NULL, &loaded, &error))
		fail_msg("%s", error.message);
}

/* The rows are in one table. */
static void load_rows(enum prefilter_match match, const struct prefilter_row *rows, size_t count)
{
	struct prefilter_plan plan = {};

	plan.rows[match] = rows;
	plan.count[match] = count;
	load(&plan);
}

#define LOAD(match, ...)                                              \
	load_rows(match, (const struct prefilter_row[]){__VA_ARGS__}, \
	          sizeof((const struct prefilter_row[]){__VA_ARGS__}) / sizeof(struct prefilter_row))

/* `linear` bytes of the frame are in the first buffer; 0: as many as fit. −errno where the kernel cannot try. */
static int try_bytes(const void *bytes, size_t size, uint32_t linear)
{
	struct xdp_md context = {.data_end = linear, .ingress_ifindex = rig.ifindex[DEVICE_WIRE]};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes, .data_size_in = size,
	            .ctx_in = linear ? &context : NULL, .ctx_size_in = linear ? sizeof(context) : 0);
	int r = bpf_prog_test_run_opts(bpf_program__fd(prefilter_program(loaded)), &options);

	return r ? r : (int)options.retval;
}

static int verdict_of(const struct frame *frame)
{
	return try_bytes(frame->bytes, frame->size, 0);
}

static int spec_verdict(const struct spec *spec)
{
	struct frame frame = frame_build(spec);

	return verdict_of(&frame);
}

#define assert_passes(...)  assert_int_equal(spec_verdict(&(struct spec){__VA_ARGS__}), XDP_PASS)
#define assert_refused(...) assert_int_equal(spec_verdict(&(struct spec){__VA_ARGS__}), XDP_DROP)

static const char *host_for(const char *source)
{
	return strchr(source, ':') ? HOST6 : HOST4;
}

static struct frame udp_from(const char *source)
{
	return FRAME(.source = source, .destination = host_for(source), .protocol = PROTOCOL_UDP, .source_port = 53,
	             .destination_port = 4000, .payload = 64);
}

static void assert_source(const char *source, int verdict)
{
	struct frame frame = udp_from(source);

	if (verdict_of(&frame) != verdict)
		fail_msg("a packet from %s should have been %s", source, verdict == XDP_DROP ? "refused" : "let pass");
}

static struct metric counted(uint16_t set)
{
	struct metric counters[PREFILTER_SETS_MAX];

	assert_int_equal(prefilter_counters(rig.maps, counters), 0);
	return counters[set];
}

static void test_what_is_empty_refuses_nothing(void **state)
{
	load(&(struct prefilter_plan){});
	assert_source(DENIED4, XDP_PASS);
	assert_source(DENIED6, XDP_PASS);
	assert_int_equal(metric_drops(), 0);
}

static void test_hosts_and_prefixes_are_refused_and_counted(void **state)
{
	struct frame frame = udp_from(DENIED4);

	LOAD(PREFILTER_SOURCE, row(DENIED4, SET_HOSTS, PREFILTER_DENY), row(DENIED6, SET_HOSTS, PREFILTER_DENY),
	     row("192.0.2.128/25", SET_PREFIXES, PREFILTER_DENY),
	     row("2001:db8:bad0::/44", SET_PREFIXES, PREFILTER_DENY));
	assert_source(DENIED4, XDP_DROP);
	assert_source("203.0.113.8", XDP_PASS);
	assert_source("192.0.2.128", XDP_DROP);
	assert_source("192.0.2.255", XDP_DROP);
	assert_source("192.0.2.127", XDP_PASS);
	assert_source(DENIED6, XDP_DROP);
	assert_source("2001:db8:badf:ffff::1", XDP_DROP);
	assert_source("2001:db8:bae0::1", XDP_PASS);
	assert_int_equal(metric_packets(DROP_PREFILTER_SOURCE, METRIC_INGRESS), 5);
	assert_int_equal(metric_drops(), 5);
	assert_int_equal(counted(SET_HOSTS).packets, 2);
	assert_int_equal(counted(SET_PREFIXES).packets, 3);
	assert_int_equal(counted(SET_HOSTS).bytes, 2 * frame.size + 20);
}

static void test_everything_can_be_refused_but_what_is_allowed(void **state)
{
	LOAD(PREFILTER_SOURCE, row("0.0.0.0/0", 0, PREFILTER_DENY), row("::/0", 0, PREFILTER_DENY),
	     row("198.51.100.0/24", 1, PREFILTER_ALLOW), row(PERMITTED6, 1, PREFILTER_ALLOW));
	assert_source(DENIED4, XDP_DROP);
	assert_source(DENIED6, XDP_DROP);
	assert_source(PERMITTED4, XDP_PASS);
	assert_source(PERMITTED6, XDP_PASS);
}

/* Deny and allow in turns, each within the one before: the longest says what becomes of the packet. */
static void check_nested(const char *const *prefixes, size_t count, const char *const *sources)
{
	struct prefilter_row rows[16];

	for (size_t i = 0; i < count; i++)
		rows[i] = row(prefixes[i], i, i % 2 ? PREFILTER_ALLOW : PREFILTER_DENY);
	load_rows(PREFILTER_SOURCE, rows, count);
	for (size_t i = 0; i < count; i++)
		assert_source(sources[i], i % 2 ? XDP_PASS : XDP_DROP);
	assert_source("11.0.0.1", XDP_PASS);
	assert_source("2001:db8::1", XDP_PASS);
}

static void test_the_longest_prefix_counts(void **state)
{
	static const char *const prefixes[] = {"10.0.0.0/8", "10.0.0.0/12",   "10.0.0.0/16",  "10.0.0.0/24",
	                                       "10.0.0.1",   "10.0.0.128/25", "10.0.0.192/26"};
	static const char *const sources[] = {"10.16.0.1", "10.1.0.1",   "10.0.1.1",  "10.0.0.2",
	                                      "10.0.0.1",  "10.0.0.129", "10.0.0.193"};

	_Static_assert(PREFILTER_LENGTHS_MAX == 5, "the first five have a hash, all need a trie");
	check_nested(prefixes, 5, sources);
	check_nested(prefixes, 7, sources);
}

/* ::/0 lies around IPv4 in the tables, and means none of it. */
static void test_all_of_a_family_is_none_of_the_other(void **state)
{
	const struct prefilter_row rows[] = {
		row("::/0", 0, PREFILTER_DENY),
		{.addr = addr_from_v4(0), .bits = ADDR_V4_PREFIX_BITS, .verdict = PREFILTER_NONE},
		row("2001:db8::/32", 0, PREFILTER_ALLOW),
		row("2001:db8:1::/48", 0, PREFILTER_DENY),
		row("2001:db8:1:1::/64", 0, PREFILTER_ALLOW),
		row("2001:db8:1:1:1::/80", 0, PREFILTER_DENY),
		row("2001:db8:1:1:1:1::/96", 0, PREFILTER_ALLOW),
	};

	for (size_t count = 2; count <= sizeof(rows) / sizeof(rows[0]); count++) {
		load_rows(PREFILTER_SOURCE, rows, count);
		assert_source(DENIED4, XDP_PASS);
		assert_source("fd00::1", XDP_DROP);
		assert_source("2001:db8:1:1:1:2::1", count < 3 || count == 4 || count >= 6 ? XDP_DROP : XDP_PASS);
	}
}

static void test_destinations_have_tables_of_their_own(void **state)
{
	const struct prefilter_row sources[] = {row(PERMITTED4, 0, PREFILTER_ALLOW), row(DENIED4, 0, PREFILTER_DENY)};
	const struct prefilter_row destinations[] = {row("192.0.2.0/24", SET_PREFIXES, PREFILTER_DENY),
	                                             row("192.0.2.9", 1, PREFILTER_ALLOW)};

	load(&(struct prefilter_plan){.rows = {sources, destinations}, .count = {2, 2}});
	assert_refused(.source = WORLD4, .destination = HOST4, .protocol = PROTOCOL_TCP);
	assert_int_equal(metric_packets(DROP_PREFILTER_DESTINATION, METRIC_INGRESS), 1);
	assert_int_equal(counted(SET_PREFIXES).packets, 1);
	assert_passes(.source = "192.0.2.77", .destination = WORLD4, .protocol = PROTOCOL_TCP);
	assert_passes(.source = PERMITTED4, .destination = HOST4, .protocol = PROTOCOL_TCP);
	assert_passes(.source = DENIED4, .destination = "192.0.2.9", .protocol = PROTOCOL_TCP);
	assert_refused(.source = DENIED4, .destination = WORLD4, .protocol = PROTOCOL_TCP);
}

/* What is no IP packet is nobody's here. */
static void test_what_is_no_ip_passes(void **state)
{
	static const uint16_t types[] = {ETH_P_ARP, ETH_P_LLDP, 0x0100};
	struct frame frame = udp_from(DENIED4);

	LOAD(PREFILTER_SOURCE, row("0.0.0.0/0", 0, PREFILTER_DENY), row("::/0", 0, PREFILTER_DENY));
	EVERY (i, types) {
		((struct ethhdr *)frame.bytes)->h_proto = htons(types[i]);
		assert_int_equal(verdict_of(&frame), XDP_PASS);
	}
}

/* Puts as many tags of the kind between ethernet header and payload. */
static struct frame tagged(const struct frame *frame, unsigned tags, uint16_t kind)
{
	struct frame result = *frame;
	uint8_t *type = result.bytes + 12;

	memmove(type + 4 * tags, type, frame->size - 12);
	for (unsigned i = 0; i < tags; i++)
		memcpy(type + 4 * i, (uint8_t[]){kind >> 8, kind & 0xff, 0, 100 + i}, 4);
	result.size += 4 * tags;
	return result;
}

static void test_vlan_tags_hide_nothing(void **state)
{
	const struct frame frames[] = {udp_from(DENIED4), udp_from(DENIED6)};

	LOAD(PREFILTER_SOURCE, row(DENIED4, 0, PREFILTER_DENY), row(DENIED6, 0, PREFILTER_DENY));
	EVERY (i, frames)
		for (unsigned tags = 1; tags <= 2; tags++) {
			struct frame one = tagged(&frames[i], tags, ETH_P_8021Q),
				     other = tagged(&frames[i], tags, ETH_P_8021AD);

			assert_int_equal(verdict_of(&one), XDP_DROP);
			assert_int_equal(verdict_of(&other), XDP_DROP);
		}
}

/* However short it is cut, the program ends well; refused is what has its addresses, the rest is left to the stack. */
static void test_frames_cut_short(void **state)
{
	const struct frame frames[] = {udp_from(DENIED4), udp_from(DENIED6)};
	const size_t headers[] = {ETH_HLEN + sizeof(struct iphdr), ETH_HLEN + sizeof(struct ipv6hdr)};
	const struct prefilter_row rows[] = {row(DENIED4, 0, PREFILTER_DENY), row(DENIED6, 0, PREFILTER_DENY)};

	load(&(struct prefilter_plan){.rows = {rows}, .count = {2}, .refuse = 3, .rate = 1000000});
	EVERY (i, frames)
		for (unsigned tags = 0; tags <= 2; tags++) {
			struct frame frame = tagged(&frames[i], tags, ETH_P_8021Q);

			for (size_t size = ETH_HLEN; size <= frame.size; size++)
				assert_int_equal(try_bytes(frame.bytes, size, 0),
				                 size < headers[i] + 4 * tags ? XDP_PASS : XDP_DROP);
		}
}

static void test_frames_in_several_buffers(void **state)
{
	static uint8_t bytes[9000];
	const struct frame frames[] = {udp_from(DENIED4), udp_from(DENIED6)};

	LOAD(PREFILTER_SOURCE, row(DENIED4, 0, PREFILTER_DENY), row(DENIED6, 0, PREFILTER_DENY));
	EVERY (i, frames) {
		memcpy(bytes, frames[i].bytes, frames[i].size);
		assert_int_equal(try_bytes(bytes, sizeof(bytes), 0), XDP_DROP);
	}
	assert_int_equal(metric_bytes(DROP_PREFILTER_SOURCE, METRIC_INGRESS), 2 * sizeof(bytes));
}

/* Header split, at whatever place. */
static void test_headers_in_several_buffers(void **state)
{
	const struct frame frames[] = {udp_from(DENIED4), udp_from(DENIED6)};

	LOAD(PREFILTER_SOURCE, row(DENIED4, 0, PREFILTER_DENY), row(DENIED6, 0, PREFILTER_DENY));
	EVERY (i, frames)
		for (uint32_t linear = ETH_HLEN; linear < ETH_HLEN + 60; linear++) {
			int verdict = try_bytes(frames[i].bytes, frames[i].size, linear);

			if (verdict == -EINVAL)
				skip(); /* kernels before 6.18 cannot try */
			assert_int_equal(verdict, XDP_DROP);
		}
}

static void load_refusing(uint8_t kinds)
{
	load(&(struct prefilter_plan){.refuse = kinds});
}

static void test_fragments(void **state)
{
	const char *const sources[] = {PERMITTED4, PERMITTED6};

	load_refusing(PREFILTER_FRAGMENTS);
	EVERY (i, sources) {
		const char *source = sources[i], *destination = host_for(source);

		assert_refused(.source = source, .destination = destination, .protocol = PROTOCOL_UDP, .fragment_id = 7,
		               .more_fragments = true, .payload = 64);
		assert_refused(.source = source, .destination = destination, .protocol = PROTOCOL_UDP, .fragment_id = 7,
		               .fragment_offset = 8, .payload = 64);
		assert_passes(.source = source, .destination = destination, .protocol = PROTOCOL_UDP, .payload = 64);
	}
	assert_int_equal(metric_packets(DROP_PREFILTER_FRAGMENT, METRIC_INGRESS), 4);
	/* RFC 6946 */
	assert_passes(.source = PERMITTED6, .destination = HOST6, .protocol = PROTOCOL_UDP, .fragment_id = 7);
}

static void test_fragments_behind_extension_headers(void **state)
{
	struct frame frame = FRAME(.source = PERMITTED6, .destination = HOST6, .protocol = PROTOCOL_UDP,
	                           .extensions = 3, .payload = 64);

	load_refusing(PREFILTER_FRAGMENTS);
	assert_int_equal(verdict_of(&frame), XDP_PASS);
	/* The last of them is a fragment header instead. */
	frame.bytes[frame.transport - 16] = IPPROTO_FRAGMENT;
	memcpy(frame.bytes + frame.transport - 6, (uint8_t[]){0, 1}, 2);
	assert_int_equal(verdict_of(&frame), XDP_DROP);
}

static void test_what_too_many_extension_headers_hide(void **state)
{
	const struct spec spec = {.source = PERMITTED6,
	                          .destination = HOST6,
	                          .protocol = PROTOCOL_UDP,
	                          .source_port = 53,
	                          .extensions = 7,
	                          .payload = 64};

	load_refusing(PREFILTER_FRAGMENTS);
	assert_int_equal(spec_verdict(&spec), XDP_DROP);
	load_refusing(PREFILTER_UDP_SOURCE_PORT_0);
	assert_int_equal(spec_verdict(&spec), XDP_DROP);
	assert_int_equal(metric_packets(DROP_INVALID_IPV6_EXTENSION, METRIC_INGRESS), 2);
	load_refusing(0);
	assert_int_equal(spec_verdict(&spec), XDP_PASS);
}

static void test_udp_from_port_0(void **state)
{
	load_refusing(PREFILTER_UDP_SOURCE_PORT_0);
	assert_refused(.source = PERMITTED4, .destination = HOST4, .protocol = PROTOCOL_UDP, .destination_port = 53);
	assert_refused(.source = PERMITTED4, .destination = HOST4, .protocol = PROTOCOL_UDP, .options = 8);
	assert_refused(.source = PERMITTED6, .destination = HOST6, .protocol = PROTOCOL_UDP);
	assert_refused(.source = PERMITTED6, .destination = HOST6, .protocol = PROTOCOL_UDP, .extensions = 4);
	assert_int_equal(metric_packets(DROP_PREFILTER_PORT, METRIC_INGRESS), 4);
	assert_passes(.source = PERMITTED4, .destination = HOST4, .protocol = PROTOCOL_UDP, .source_port = 1);
	assert_passes(.source = PERMITTED4, .destination = HOST4, .protocol = PROTOCOL_TCP);
	/* A later fragment begins with what looks like a port. */
	assert_passes(.source = PERMITTED4, .destination = HOST4, .protocol = PROTOCOL_UDP, .fragment_offset = 8,
	              .payload = 64);
}

static int run_repeatedly(const struct frame *frame, unsigned times)
{
	int dropped = 0;

	for (unsigned i = 0; i < times; i++)
		dropped += verdict_of(frame) == XDP_DROP;
	return dropped;
}

static void test_each_source_has_its_rate(void **state)
{
	const struct prefilter_row rows[] = {row(PERMITTED4, 0, PREFILTER_ALLOW)};
	struct frame busy = udp_from(WORLD4), quiet = udp_from(WORLD6), allowed = udp_from(PERMITTED4);
	int dropped;

	/* One packet a second, and a burst of 8 more. */
	load(&(struct prefilter_plan){.rows = {rows}, .count = {1}, .rate = 1});
	dropped = run_repeatedly(&busy, 100);
	assert_in_range(dropped, 60, 91);
	assert_int_equal(metric_packets(DROP_PREFILTER_RATE, METRIC_INGRESS), dropped);
	assert_int_equal(run_repeatedly(&quiet, 5), 0);
	assert_int_equal(run_repeatedly(&allowed, 100), 0);
}

static void test_a_drop_is_told_now_and_then(void **state)
{
	struct frame frame = udp_from(DENIED4);
	size_t told;

	LOAD(PREFILTER_SOURCE, row(DENIED4, 0, PREFILTER_DENY));
	verdict_of(&frame);
	assert_int_equal(events_take(), 0);
	events_listen(1 << EVENT_DROP);
	assert_int_equal(run_repeatedly(&frame, 1000), 1000);
	told = events_take();
	assert_in_range(told, 1, 100);
	assert_int_equal(events[0].type, EVENT_DROP);
	assert_int_equal(events[0].reason, DROP_PREFILTER_SOURCE);
	assert_int_equal(events[0].point, TRACE_FROM_NETWORK);
	assert_int_equal(events[0].length, frame.size);
	assert_int_equal(events[0].captured, frame.size < EVENT_CAPTURE_MAX ? frame.size : EVENT_CAPTURE_MAX);
	assert_memory_equal(events[0].frame, frame.bytes, events[0].captured);
	assert_int_equal(metric_packets(DROP_PREFILTER_SOURCE, METRIC_INGRESS), 1001);
}

static struct addr host_number(uint32_t number)
{
	return addr_from_v4(htonl(0x0a000000 + number));
}

static void test_tables_are_as_large_as_what_they_hold(void **state)
{
	enum { HOSTS = 100000 };
	_cleanup_free_ struct prefilter_row *rows = xcalloc(HOSTS, sizeof(*rows));
	struct prefilter_plan plan = {.rows = {rows}, .count = {HOSTS}};
	size_t progress = 0;
	uint64_t empty;

	load(&(struct prefilter_plan){});
	empty = prefilter_bytes(loaded);
	assert_true(empty < 64 * 1024);
	for (uint32_t i = 0; i < HOSTS; i++)
		rows[i] = (struct prefilter_row){.addr = host_number(i), .bits = ADDR_BITS, .verdict = PREFILTER_DENY};
	prefilter_free(loaded);
	loaded = NULL;
	assert_int_equal(prefilter_load(datapath_options(rig.datapath), &plan, &progress, &loaded, NULL), 0);
	assert_int_equal(progress, HOSTS);
	assert_in_range(prefilter_bytes(loaded), HOSTS * 8, HOSTS * 40);
	assert_source("10.0.0.0", XDP_DROP);
	assert_source("10.1.134.159", XDP_DROP);
	assert_source("10.1.134.160", XDP_PASS);
}

/* As the loaded program was told. */
static struct prefilter_config configured(void)
{
	struct bpf_prog_info info = {};
	uint32_t size = sizeof(info), maps[32], zero = 0;
	struct prefilter_config config = {};

	info.map_ids = (uintptr_t)maps;
	info.nr_map_ids = sizeof(maps) / sizeof(maps[0]);
	assert_int_equal(bpf_prog_get_info_by_fd(bpf_program__fd(prefilter_program(loaded)), &info, &size), 0);
	for (uint32_t i = 0; i < info.nr_map_ids && !config.seed; i++) {
		_cleanup_close_ int fd = bpf_map_get_fd_by_id(maps[i]);
		struct bpf_map_info map = {};

		size = sizeof(map);
		assert_int_equal(bpf_map_get_info_by_fd(fd, &map, &size), 0);
		if (map.value_size == sizeof(config))
			assert_int_equal(bpf_map_lookup_elem(fd, &zero, &config), 0);
	}
	assert_true(config.seed);
	return config;
}

/* Rows for which there is no room in their bucket are in one of the next, and found there. */
static void test_crowded_buckets_lose_nothing(void **state)
{
	enum { BITS = 10, HOSTS = PREFILTER_BUCKET_ROWS / 2 << BITS };
	_cleanup_free_ struct prefilter_row *rows = xcalloc(HOSTS, sizeof(*rows));
	unsigned wanted[1 << BITS] = {}, crowded = 0;
	struct prefilter_config config;

	for (uint32_t i = 0; i < HOSTS; i++)
		rows[i] = (struct prefilter_row){
			.addr = host_number(i * 7919), .bits = ADDR_BITS, .verdict = PREFILTER_DENY};
	load_rows(PREFILTER_SOURCE, rows, HOSTS);
	config = configured();
	assert_int_equal(config.bucket_bits[PREFILTER_SOURCE], BITS);
	for (uint32_t i = 0; i < HOSTS; i++) {
		char text[ADDR_TEXT_MAX];
		__be32 addr = rows[i].addr.word[3];

		if (++wanted[prefilter_place(addr, 0, config.seed, BITS)] <= PREFILTER_BUCKET_ROWS)
			continue;
		assert_source(addr_format(&rows[i].addr, text), XDP_DROP);
		crowded++;
	}
	print_message("%u rows are not in their own bucket\n", crowded);
	assert_source("11.0.0.1", XDP_PASS);
}

static struct prefilter_entry entry(enum prefilter_verdict verdict, uint16_t set)
{
	return (struct prefilter_entry){.verdict = verdict, .set = set};
}

static const struct prefilter_entry none;

static int edit(const char *cidr, struct prefilter_entry before, struct prefilter_entry after)
{
	struct prefilter_edit one = {.before = before, .after = after};

	assert_int_equal(prefix_parse(cidr, &one.prefix), 0);
	return prefilter_edit(loaded, PREFILTER_SOURCE, &one, 1);
}

/* The program stays, and what it is asked next has the rows. */
static void test_few_rows_are_edited_in_place(void **state)
{
	const struct prefilter_entry deny = entry(PREFILTER_DENY, SET_HOSTS), allow = entry(PREFILTER_ALLOW, SET_HOSTS);

	LOAD(PREFILTER_SOURCE, row(DENIED4, SET_HOSTS, PREFILTER_DENY), row("192.0.2.0/24", 0, PREFILTER_DENY),
	     row(DENIED6, SET_HOSTS, PREFILTER_DENY), row("2001:db8:1::/48", 0, PREFILTER_DENY));
	assert_int_equal(prefilter_rows(loaded), 4);
	assert_int_equal(edit("203.0.113.8", none, deny), 0);
	assert_int_equal(edit("192.0.4.0/24", none, deny), 0);
	assert_int_equal(edit("2001:db8:bad::8", none, deny), 0);
	assert_source("203.0.113.8", XDP_DROP);
	assert_source("192.0.4.1", XDP_DROP);
	assert_source("2001:db8:bad::8", XDP_DROP);
	assert_source("203.0.113.9", XDP_PASS);
	assert_int_equal(prefilter_rows(loaded), 7);
	assert_int_equal(edit("203.0.113.8", deny, allow), 0);
	assert_int_equal(edit("2001:db8:bad::8", deny, allow), 0);
	assert_source("203.0.113.8", XDP_PASS);
	assert_source("2001:db8:bad::8", XDP_PASS);
	assert_int_equal(edit(DENIED4, deny, none), 0);
	assert_int_equal(edit("192.0.4.0/24", deny, none), 0);
	assert_int_equal(edit("2001:db8:bad::8", allow, none), 0);
	assert_source(DENIED4, XDP_PASS);
	assert_source("192.0.4.1", XDP_PASS);
	assert_source("192.0.2.1", XDP_DROP);
	assert_source(DENIED6, XDP_DROP);
	assert_int_equal(prefilter_rows(loaded), 4);
}

static void test_rows_of_a_trie_are_edited_in_place(void **state)
{
	LOAD(PREFILTER_SOURCE, row("10.0.0.0/8", 0, PREFILTER_DENY), row("11.0.0.0/9", 0, PREFILTER_DENY),
	     row("11.128.0.0/10", 0, PREFILTER_DENY), row("12.0.0.0/11", 0, PREFILTER_DENY),
	     row("13.0.0.0/12", 0, PREFILTER_DENY), row("14.0.0.0/13", 0, PREFILTER_DENY));
	assert_int_equal(edit("15.0.0.0/8", none, entry(PREFILTER_DENY, 0)), 0);
	assert_source("15.1.1.1", XDP_DROP);
	assert_int_equal(edit("10.0.0.0/8", entry(PREFILTER_DENY, 0), none), 0);
	assert_source("10.0.0.1", XDP_PASS);
	assert_source("14.0.0.1", XDP_DROP);
}

/* What makes another program is no edit: a length that comes or goes, the first and the last who is refused. */
static void test_what_is_no_edit_changes_nothing(void **state)
{
	const struct prefilter_entry deny = entry(PREFILTER_DENY, 0);

	LOAD(PREFILTER_SOURCE, row(DENIED4, 0, PREFILTER_DENY), row(PERMITTED4, 0, PREFILTER_ALLOW));
	assert_int_equal(edit("192.0.2.0/24", none, deny), -ERANGE);
	assert_int_equal(edit("2001:db8::1", none, deny), -ERANGE);
	assert_int_equal(edit(DENIED4, deny, none), -ERANGE);
	assert_source(DENIED4, XDP_DROP);
	assert_source("192.0.2.1", XDP_PASS);
	LOAD(PREFILTER_SOURCE, row(PERMITTED4, 0, PREFILTER_ALLOW));
	assert_int_equal(edit(DENIED4, none, deny), -ERANGE);
}

/* As many as a table that was made for fewer takes, among them some for which there is no room in their bucket. */
static void test_edits_fill_a_table(void **state)
{
	enum { BITS = 6, FIRST = 1 + (PREFILTER_BUCKET_ROWS / 2 << (BITS - 1)) };
	_cleanup_free_ struct prefilter_row *rows = xcalloc(FIRST, sizeof(*rows));
	uint32_t count = FIRST;
	struct prefilter_edit edits[PREFILTER_EDITS_MAX] = {};
	char text[ADDR_TEXT_MAX];
	int r;

	for (uint32_t i = 0; i < FIRST; i++)
		rows[i] = (struct prefilter_row){.addr = host_number(i), .bits = ADDR_BITS, .verdict = PREFILTER_DENY};
	load_rows(PREFILTER_SOURCE, rows, FIRST);
	do {
		for (uint32_t i = 0; i < 16; i++)
			edits[i] = (struct prefilter_edit){
				.prefix = {.addr = host_number(count + i), .bits = ADDR_BITS},
				.after = entry(PREFILTER_DENY, 0),
			};
		r = prefilter_edit(loaded, PREFILTER_SOURCE, edits, 16);
		count += r ? 0 : 16;
	} while (!r);
	assert_true(r == -ERANGE || r == -ENOSPC);
	assert_in_range(count, FIRST + 16, PREFILTER_BUCKET_ROWS / 2 << BITS);
	assert_int_equal(prefilter_rows(loaded), count);
	for (uint32_t i = 0; i < count; i++) {
		const struct addr host = host_number(i);

		assert_source(addr_format(&host, text), XDP_DROP);
	}
}

struct found {
	unsigned count;
	char hook[32];
};

static int note_prefilter(const struct attachment *attachment, void *userdata)
{
	struct found *found = userdata;

	if (strcmp(attachment->program, "prefilter"))
		return 0;
	found->count++;
	strncpy(found->hook, attachment->hook, sizeof(found->hook) - 1);
	return 0;
}

static struct found attached(void)
{
	struct found found = {};

	assert_int_equal(datapath_each_attachment(rig.datapath, note_prefilter, &found), 0);
	return found;
}

static uint32_t program_on_wire(void)
{
	uint32_t id = 0;

	assert_int_equal(bpf_xdp_query_id((int)rig.ifindex[DEVICE_WIRE], 0, &id), 0);
	return id;
}

static void attach_uplink(void)
{
	struct error error = {};

	if (datapath_attach(rig.datapath, DEVICE_UPLINK, rig.ifindex[DEVICE_WIRE], "uplink", &error))
		fail_msg("%s", error.message);
}

static void set_prefilter(enum xdp_mode wanted)
{
	struct error error = {};

	if (datapath_set_prefilter(rig.datapath, loaded, wanted, &error))
		fail_msg("%s", error.message);
}

static void test_it_is_attached_replaced_and_detached(void **state)
{
	struct prefilter *before;
	uint32_t id;

	attach_uplink();
	load(&(struct prefilter_plan){.refuse = PREFILTER_FRAGMENTS});
	set_prefilter(XDP_AUTO);
	assert_int_equal(attached().count, 1);
	assert_string_equal(attached().hook, "xdp/native");
	id = program_on_wire();
	assert_true(id);

	before = loaded;
	loaded = NULL;
	load(&(struct prefilter_plan){.refuse = PREFILTER_UDP_SOURCE_PORT_0});
	set_prefilter(XDP_AUTO);
	prefilter_free(before);
	assert_int_not_equal(program_on_wire(), id);
	assert_int_equal(attached().count, 1);

	free_loaded(NULL);
	set_prefilter(XDP_AUTO);
	assert_int_equal(attached().count, 0);
	assert_int_equal(program_on_wire(), 0);
}

static void test_it_can_be_asked_to_be_generic(void **state)
{
	attach_uplink();
	load(&(struct prefilter_plan){.refuse = PREFILTER_FRAGMENTS});
	set_prefilter(XDP_GENERIC);
	assert_string_equal(attached().hook, "xdp/generic");
	free_loaded(NULL);
	set_prefilter(XDP_GENERIC);
}

static void test_a_strange_program_is_left_alone(void **state)
{
	struct error error = {};
	int strange = bpf_prog_load(BPF_PROG_TYPE_XDP, "stranger", "GPL",
	                            (struct bpf_insn[]){{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
	                                                {.code = BPF_JMP | BPF_EXIT}},
	                            2, NULL);
	uint32_t id;

	assert_true(strange >= 0);
	assert_int_equal(bpf_xdp_attach((int)rig.ifindex[DEVICE_WIRE], strange, 0, NULL), 0);
	id = program_on_wire();
	attach_uplink();
	load(&(struct prefilter_plan){.refuse = PREFILTER_FRAGMENTS});
	assert_int_equal(datapath_set_prefilter(rig.datapath, loaded, XDP_AUTO, &error), -EBUSY);
	assert_non_null(strstr(error.message, "stranger"));
	assert_non_null(strstr(error.message, "uplink"));
	assert_int_equal(program_on_wire(), id);
	assert_int_equal(attached().count, 0);
	assert_int_equal(bpf_xdp_detach((int)rig.ifindex[DEVICE_WIRE], 0, NULL), 0);
	close(strange);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PREFILTER_TEST(test_what_is_empty_refuses_nothing),
		PREFILTER_TEST(test_hosts_and_prefixes_are_refused_and_counted),
		PREFILTER_TEST(test_everything_can_be_refused_but_what_is_allowed),
		PREFILTER_TEST(test_the_longest_prefix_counts),
		PREFILTER_TEST(test_all_of_a_family_is_none_of_the_other),
		PREFILTER_TEST(test_destinations_have_tables_of_their_own),
		PREFILTER_TEST(test_what_is_no_ip_passes),
		PREFILTER_TEST(test_vlan_tags_hide_nothing),
		PREFILTER_TEST(test_frames_cut_short),
		PREFILTER_TEST(test_frames_in_several_buffers),
		PREFILTER_TEST(test_headers_in_several_buffers),
		PREFILTER_TEST(test_fragments),
		PREFILTER_TEST(test_fragments_behind_extension_headers),
		PREFILTER_TEST(test_what_too_many_extension_headers_hide),
		PREFILTER_TEST(test_udp_from_port_0),
		PREFILTER_TEST(test_each_source_has_its_rate),
		PREFILTER_TEST(test_a_drop_is_told_now_and_then),
		PREFILTER_TEST(test_tables_are_as_large_as_what_they_hold),
		PREFILTER_TEST(test_crowded_buckets_lose_nothing),
		PREFILTER_TEST(test_few_rows_are_edited_in_place),
		PREFILTER_TEST(test_rows_of_a_trie_are_edited_in_place),
		PREFILTER_TEST(test_what_is_no_edit_changes_nothing),
		PREFILTER_TEST(test_edits_fill_a_table),
		PREFILTER_TEST(test_it_is_attached_replaced_and_detached),
		PREFILTER_TEST(test_it_can_be_asked_to_be_generic),
		PREFILTER_TEST(test_a_strange_program_is_left_alone),
	};

	return PACKET_TESTS("prefilter", tests);
}
