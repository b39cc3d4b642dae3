/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every protocol in words; every truncation and much garbage without reading a byte too many: frames end at a page that
 * may not be read.
 */
#include "cli/dissect.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#define FRAME_MAX 512

/* Frames are put at the end of a page before one without access. */
static uint8_t *guarded;

static int map_guard(void **state)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || mprotect(pages + page, page, PROT_NONE))
		return -1;
	guarded = pages + page;
	return 0;
}

struct frame {
	uint8_t bytes[FRAME_MAX];
	size_t size;
};

/* Appends bytes written as hex; blanks are skipped. */
static void append(struct frame *frame, const char *hex)
{
	for (; *hex; hex++) {
		char digits[3] = {hex[0], hex[1]};

		if (*hex == ' ')
			continue;
		assert_true(frame->size < FRAME_MAX);
		frame->bytes[frame->size++] = strtoul(digits, NULL, 16);
		hex++;
	}
}

#define ETHERNET "dea732339fbb b2ab50de09ff "

static const struct {
	const char *hex;
	const char *summary;
	const char *layers; /* from L3 on */
} SAMPLES[] = {
	{ETHERNET "0800 4500 0054 5c7c 4000 3f01 3006 0a653e3e 0a655c1f 0800 1e80 6890 0001 00112233445566778899",
         "10.101.62.62 -> 10.101.92.31 EchoRequest",
         "IPv4\t{Contents=[..20..] Payload=[..18..] Version=4 IHL=5 TOS=0 Length=84 Id=23676 Flags=DF FragOffset=0 "
         "TTL=63 Protocol=ICMPv4 Checksum=12294 SrcIP=10.101.62.62 DstIP=10.101.92.31 Options=[] Padding=[]}\n"
         "ICMPv4\t{Contents=[..8..] Payload=[..10..] TypeCode=EchoRequest Checksum=7808 Id=26768 Seq=1}\n"},
	{ETHERNET "0800 4600 0030 0001 2000 4006 0000 0a000001 0a000002 01010101"
                  "8208 0050 00000001 00000000 6002 fd20 abcd 0000 020405b4",
         "10.0.0.1:33288 -> 10.0.0.2:80 tcp SYN",
         "IPv4\t{Contents=[..24..] Payload=[..24..] Version=4 IHL=6 TOS=0 Length=48 Id=1 Flags=MF FragOffset=0 TTL=64 "
         "Protocol=TCP Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[..4..] Padding=[]}\n"
         "TCP\t{Contents=[..24..] Payload=[] SrcPort=33288 DstPort=80 Seq=1 Ack=0 DataOffset=6 FIN=false SYN=true "
         "RST=false PSH=false ACK=false URG=false ECE=false CWR=false NS=false Window=64800 Checksum=43981 Urgent=0 "
         "Options=[..4..] Padding=[]}\n"},
	{ETHERNET "86dd 60012345 0009 11 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
                  "d431 0035 0009 1234 ff eeee",
         "[fd00::1]:54321 -> [fd00::2]:53 udp",
         "IPv6\t{Contents=[..40..] Payload=[..9..] Version=6 TrafficClass=0 FlowLabel=74565 Length=9 NextHeader=UDP "
         "HopLimit=64 SrcIP=fd00::1 DstIP=fd00::2}\n"
         "UDP\t{Contents=[..8..] Payload=[..1..] SrcPort=54321 DstPort=53 Length=9 Checksum=4660}\n"},
	{ETHERNET "86dd 60000000 0020 00 ff fe800000000000000000000000000001 ff020000000000000000000000000016"
                  "3a00 050200000100 8700 0000 00000000 fe800000000000000000000000000002",
         "fe80::1 -> ff02::16 NeighborSolicitation",
         "IPv6\t{Contents=[..40..] Payload=[..32..] Version=6 TrafficClass=0 FlowLabel=0 Length=32 "
         "NextHeader=IPv6HopByHop HopLimit=255 SrcIP=fe80::1 DstIP=ff02::16}\n"
         "IPv6Extension\t{Contents=[..8..] Payload=[..24..] NextHeader=ICMPv6 HeaderLength=0}\n"
         "ICMPv6\t{Contents=[..8..] Payload=[..16..] TypeCode=NeighborSolicitation Checksum=0}\n"},
	{ETHERNET "86dd 60000000 0010 2c 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
                  "3a 00 0001 00000007 8100 beef 0102 0003",
         "fd00::1 -> fd00::2 EchoReply",
         "IPv6\t{Contents=[..40..] Payload=[..16..] Version=6 TrafficClass=0 FlowLabel=0 Length=16 "
         "NextHeader=IPv6Fragment HopLimit=64 SrcIP=fd00::1 DstIP=fd00::2}\n"
         "IPv6Fragment\t{Contents=[..8..] Payload=[..8..] NextHeader=ICMPv6 FragmentOffset=0 MoreFragments=true "
         "Identification=7}\n"
         "ICMPv6\t{Contents=[..8..] Payload=[] TypeCode=EchoReply Checksum=48879 Id=258 Seq=3}\n"},
	{ETHERNET "86dd 60000000 0010 2c 40 fd000000000000000000000000000001 fd000000000000000000000000000002"
                  "11 00 0008 00000007 8100 beef 0102 0003",
         "fd00::1 -> fd00::2",
         "IPv6\t{Contents=[..40..] Payload=[..16..] Version=6 TrafficClass=0 FlowLabel=0 Length=16 "
         "NextHeader=IPv6Fragment HopLimit=64 SrcIP=fd00::1 DstIP=fd00::2}\n"
         "IPv6Fragment\t{Contents=[..8..] Payload=[..8..] NextHeader=UDP FragmentOffset=1 MoreFragments=false "
         "Identification=7}\n"},
	{ETHERNET "8100 2064 0800 4500 0020 0000 0000 4084 0000 0a000001 0a000002 1388 1389 00000002 00000003",
         "10.0.0.1:5000 -> 10.0.0.2:5001 sctp",
         "Dot1Q\t{Contents=[..4..] Payload=[..32..] Priority=1 DropEligible=false VLANIdentifier=100 Type=IPv4}\n"
         "IPv4\t{Contents=[..20..] Payload=[..12..] Version=4 IHL=5 TOS=0 Length=32 Id=0 Flags= FragOffset=0 TTL=64 "
         "Protocol=SCTP Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[] Padding=[]}\n"
         "SCTP\t{Contents=[..12..] Payload=[] SrcPort=5000 DstPort=5001 VerificationTag=2 Checksum=3}\n"},
	{ETHERNET "0806 0001 0800 0604 0001 b2ab50de09ff 0a000001 000000000000 0a000002",
         "10.0.0.1 -> 10.0.0.2 arp request",
         "ARP\t{Contents=[..28..] Payload=[] AddrType=Ethernet Protocol=IPv4 HwAddressSize=6 ProtAddressSize=4 "
         "Operation=1 "
         "SourceHwAddress=b2:ab:50:de:09:ff SourceProtAddress=10.0.0.1 DstHwAddress=00:00:00:00:00:00 "
         "DstProtAddress=10.0.0.2}\n"},
	{ETHERNET "0800 4500 001c 0000 0003 4011 0000 0a000001 0a000002 0102030405060708", "10.0.0.1 -> 10.0.0.2",
         "IPv4\t{Contents=[..20..] Payload=[..8..] Version=4 IHL=5 TOS=0 Length=28 Id=0 Flags= FragOffset=3 TTL=64 "
         "Protocol=UDP Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[] Padding=[]}\n"},
	/* What a frame of a hostile pod may look like. */
	{ETHERNET "0800 4500 0018 0000 0000 4006 0000 0a000001 0a000002 0102030405060708090a0b0c0d0e0f1011121314",
         "10.0.0.1 -> 10.0.0.2",
         "IPv4\t{Contents=[..20..] Payload=[..4..] Version=4 IHL=5 TOS=0 Length=24 Id=0 Flags= FragOffset=0 TTL=64 "
         "Protocol=TCP Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[] Padding=[]}\n"
         "!TCP: 4 of 20 bytes are there\n"},
	{ETHERNET
         "0800 4500 0028 0000 0000 4006 0000 0a000001 0a000002 0001 0002 00000000 00000000 4002 0000 0000 0000",
         "10.0.0.1 -> 10.0.0.2",
         "IPv4\t{Contents=[..20..] Payload=[..20..] Version=4 IHL=5 TOS=0 Length=40 Id=0 Flags= FragOffset=0 TTL=64 "
         "Protocol=TCP Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[] Padding=[]}\n"
         "!TCP: data offset of 16 bytes is less than 20\n"},
	{ETHERNET "0800 4400 0028 0000 0000 4006 0000 0a000001 0a000002", "[unknown]",
         "!IPv4: header of 16 bytes is less than 20\n"},
	{ETHERNET "0800 6500 0028 0000 0000 4006 0000 0a000001 0a000002", "[unknown]", "!IPv4: the version is 6\n"},
	{ETHERNET "0800 4500 0010 0000 0000 4006 0000 0a000001 0a000002", "10.0.0.1 -> 10.0.0.2",
         "IPv4\t{Contents=[..20..] Payload=[] Version=4 IHL=5 TOS=0 Length=16 Id=0 Flags= FragOffset=0 TTL=64 "
         "Protocol=TCP Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[] Padding=[]}\n"
         "!IPv4: total length 16 is less than the header's 20\n"},
	{ETHERNET "0800 4500 0014 0000 0000 402f 0000 0a000001 0a000002", "10.0.0.1 -> 10.0.0.2",
         "IPv4\t{Contents=[..20..] Payload=[] Version=4 IHL=5 TOS=0 Length=20 Id=0 Flags= FragOffset=0 TTL=64 "
         "Protocol=47 Checksum=0 SrcIP=10.0.0.1 DstIP=10.0.0.2 Options=[] Padding=[]}\n"
         "!no decoder for protocol 47\n"},
	{ETHERNET "88cc 0207", "[unknown]", "!no decoder for ethertype 0x88cc\n"},
	{ETHERNET "0806 0006 0800 0604 0001 b2ab50de09ff 0a000001 000000000000 0a000002", "[unknown]",
         "!ARP: not for IPv4 over Ethernet\n"},
};

static void write_layers(const struct dissection *packet, FILE *out)
{
	for (size_t i = 1; i < packet->count; i++) {
		layer_write(&packet->layers[i], out);
		fputc('\n', out);
	}
	if (packet->failure[0])
		fprintf(out, "!%s\n", packet->failure);
}

static void assert_written(const struct dissection *packet, void (*write)(const struct dissection *packet, FILE *out),
                           const char *expected)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	write(packet, out);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void every_sample_is_told(void **state)
{
	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(*SAMPLES); i++) {
		struct frame frame = {};
		struct dissection packet;

		append(&frame, SAMPLES[i].hex);
		dissect(frame.bytes, frame.size, &packet);
		assert_written(&packet, write_layers, SAMPLES[i].layers);
		assert_written(&packet, dissection_write_summary, SAMPLES[i].summary);
	}
}

static void ethernet_is_told(void **state)
{
	struct frame frame = {};
	struct dissection packet;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	append(&frame, SAMPLES[0].hex);
	dissect(frame.bytes, frame.size, &packet);
	layer_write(&packet.layers[0], out);
	fclose(out);
	assert_string_equal(text, "Ethernet\t{Contents=[..14..] Payload=[..38..] SrcMAC=b2:ab:50:de:09:ff "
	                          "DstMAC=de:a7:32:33:9f:bb EthernetType=IPv4 Length=0}");
	free(text);
}

/* Every layer within the frame, its payload too. */
static void assert_within(const struct dissection *packet, const uint8_t *frame, size_t size)
{
	for (size_t i = 0; i < packet->count; i++) {
		const struct layer *layer = &packet->layers[i];

		assert_true(layer->header >= frame);
		assert_true(layer->header + layer->size + layer->payload <= frame + size);
	}
}

static void dissect_guarded(const uint8_t *bytes, size_t size, FILE *out)
{
	const uint8_t *frame = memcpy(guarded - size, bytes, size);
	struct dissection packet;

	dissect(frame, size, &packet);
	assert_within(&packet, frame, size);
	write_layers(&packet, out);
	if (packet.count)
		layer_write(&packet.layers[0], out);
	dissection_write_summary(&packet, out);
}

static void every_truncation_is_survived(void **state)
{
	FILE *out = fopen("/dev/null", "w");

	for (size_t i = 0; i < sizeof(SAMPLES) / sizeof(*SAMPLES); i++) {
		struct frame frame = {};

		append(&frame, SAMPLES[i].hex);
		for (size_t size = 0; size <= frame.size; size++)
			dissect_guarded(frame.bytes, size, out);
	}
	fclose(out);
}

static void a_truncated_header_is_said(void **state)
{
	struct frame frame = {};
	struct dissection packet;

	append(&frame, SAMPLES[0].hex);
	dissect(frame.bytes, 13, &packet);
	assert_string_equal(packet.failure, "Ethernet: 13 of 14 bytes are there");
	dissect(frame.bytes, 33, &packet);
	assert_string_equal(packet.failure, "IPv4: 19 of 20 bytes are there");
	dissect(frame.bytes, 41, &packet);
	assert_string_equal(packet.failure, "ICMPv4: 7 of 8 bytes are there");
}

static uint32_t random_next(uint32_t *seed)
{
	return *seed = *seed * 1664525 + 1013904223;
}

/* Samples with some bytes changed go deeper than pure noise; both are tried. */
static void garbage_is_survived(void **state)
{
	FILE *out = fopen("/dev/null", "w");
	uint32_t seed = 1;

	for (int round = 0; round < 100000; round++) {
		struct frame frame = {};
		size_t changes = random_next(&seed) >> 28;

		append(&frame, SAMPLES[(random_next(&seed) >> 16) % (sizeof(SAMPLES) / sizeof(*SAMPLES))].hex);
		for (size_t i = 0; i < changes; i++)
			frame.bytes[(random_next(&seed) >> 8) % frame.size] = random_next(&seed) >> 24;
		for (size_t i = 14; round % 4 == 0 && i < frame.size; i++)
			frame.bytes[i] = random_next(&seed) >> 24;
		dissect_guarded(frame.bytes, (random_next(&seed) >> 8) % (frame.size + 1), out);
		dissect_guarded(frame.bytes, frame.size, out);
	}
	fclose(out);
}

/* A frame that is all headers: the number of layers is bounded. */
static void endless_headers_end(void **state)
{
	struct frame frame = {};
	struct dissection packet;

	append(&frame, ETHERNET);
	while (frame.size + 4 < FRAME_MAX)
		append(&frame, "8100 0001");
	dissect(frame.bytes, frame.size, &packet);
	assert_int_equal(packet.count, DISSECT_LAYERS_MAX);
	assert_string_equal(packet.failure, "Dot1Q: more than 12 headers");
}

static void icmp_types_have_names(void **state)
{
	static const struct {
		enum layer_kind kind;
		uint8_t type, code;
		const char *name;
	} cases[] = {
		{LAYER_ICMPV4, 11, 0, "TimeExceeded(TTLExceeded)"},
		{LAYER_ICMPV4, 3, 4, "DestinationUnreachable(FragmentationNeeded)"},
		{LAYER_ICMPV4, 3, 77, "DestinationUnreachable(77)"},
		{LAYER_ICMPV4, 42, 7, "42(7)"},
		{LAYER_ICMPV6, 1, 4, "DestinationUnreachable(PortUnreachable)"},
		{LAYER_ICMPV6, 2, 0, "PacketTooBig"},
		{LAYER_ICMPV6, 128, 0, "EchoRequest"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		icmp_type_write(cases[i].kind, cases[i].type, cases[i].code, out);
		fclose(out);
		assert_string_equal(text, cases[i].name);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_sample_is_told),         cmocka_unit_test(ethernet_is_told),
		cmocka_unit_test(every_truncation_is_survived), cmocka_unit_test(a_truncated_header_is_said),
		cmocka_unit_test(garbage_is_survived),          cmocka_unit_test(endless_headers_end),
		cmocka_unit_test(icmp_types_have_names),
	};

	return cmocka_run_group_tests(tests, map_guard, NULL);
}
