/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many packets a second the node at the other end of a veth forwards: floods it with UDP of 256 flows for an
 * address and port, by frames that nothing is allocated for (BPF_F_TEST_XDP_LIVE_FRAMES), and counts the overlay's
 * packets that come back by the same cable. With SOURCES, the frames are of as many senders in turns, from SOURCE on.
 * Needs root, prints JSON; "all" are those sent, with those before the clock was started; "generating" is how many
 * seconds a frame takes to be made, without being sent: the wire's own work, which no node would do.
 *
 *     bench-forward DEVICE OWN-MAC NODE-MAC SOURCE DESTINATION PORT OVERLAY-PORT MILLISECONDS [SOURCES]
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"

#include "bench/forward.skel.h"

#define FRAME_SIZE   60
#define AT_ONCE      16384
#define NS_PER_MS    UINT64_C(1000000)
#define WARM_UP_RUNS 2

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
	exit(EXIT_FAILURE);
}

static void usage(void)
{
	fputs("usage: bench-forward DEVICE OWN-MAC NODE-MAC SOURCE DESTINATION PORT OVERLAY-PORT MILLISECONDS "
	      "[SOURCES]\n",
	      stderr);
	exit(2);
}

static void parse_mac(const char *text, uint8_t ret[static ETH_ALEN])
{
	struct ether_addr addr;

	if (!ether_aton_r(text, &addr))
		usage();
	memcpy(ret, &addr, ETH_ALEN);
}

static uint16_t sum(const void *header, size_t size)
{
	const uint16_t *half = header;
	uint32_t total = 0;

	for (size_t i = 0; i < size / 2; i++)
		total += half[i];
	total = (total & 0xffff) + (total >> 16);
	return ~((total & 0xffff) + (total >> 16));
}

static void build(char **argv, uint8_t frame[static FRAME_SIZE])
{
	struct ethhdr *ethernet = (void *)frame;
	struct iphdr *ip = (void *)(ethernet + 1);
	struct udphdr *udp = (void *)(ip + 1);

	memset(frame, 0, FRAME_SIZE);
	parse_mac(argv[1], ethernet->h_source);
	parse_mac(argv[2], ethernet->h_dest);
	ethernet->h_proto = htons(ETH_P_IP);
	*ip = (struct iphdr){
		.version = 4, .ihl = 5, .tot_len = htons(FRAME_SIZE - ETH_HLEN), .ttl = 64, .protocol = IPPROTO_UDP};
	if (inet_pton(AF_INET, argv[3], &ip->saddr) != 1 || inet_pton(AF_INET, argv[4], &ip->daddr) != 1)
		usage();
	ip->check = sum(ip, sizeof(*ip));
	udp->dest = htons(strtoul(argv[5], NULL, 10));
	udp->len = htons(FRAME_SIZE - ETH_HLEN - sizeof(*ip));
}

static uint64_t total(const struct bpf_map *map)
{
	int cpus = libbpf_num_possible_cpus();
	_cleanup_free_ uint64_t *values = xcalloc(cpus, sizeof(*values));
	uint32_t zero = 0;
	uint64_t result = 0;

	must(bpf_map_lookup_elem(bpf_map__fd(map), &zero, values), "reading a counter");
	for (int i = 0; i < cpus; i++)
		result += values[i];
	return result;
}

static void flood(const struct bpf_program *program)
{
	uint8_t room[FRAME_SIZE] = {};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = room, .data_size_in = sizeof(room), .repeat = AT_ONCE,
	            .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	must(bpf_prog_test_run_opts(bpf_program__fd(program), &options), "sending frames");
}

/* Runs it for that long at least. Returns the seconds that it was. */
static double flood_for(const struct bpf_program *program, uint64_t duration)
{
	uint64_t begun = clock_now(), ended;

	do {
		flood(program);
		ended = clock_now();
	} while (ended - begun < duration);
	return (double)(ended - begun) / (double)NS_PER_SECOND;
}

static void measure(const struct forward *wire, uint64_t duration)
{
	uint64_t before, sent, returned, all;
	double seconds, generating;

	for (int i = 0; i < WARM_UP_RUNS; i++)
		flood(wire->progs.generate);
	before = total(wire->maps.sent);
	returned = total(wire->maps.returned);
	seconds = flood_for(wire->progs.generate, duration);
	all = total(wire->maps.sent);
	sent = all - before;
	returned = total(wire->maps.returned) - returned;
	generating = flood_for(wire->progs.generate_only, duration / 4);
	printf("{\"seconds\": %.6f, \"sent\": %llu, \"forwarded\": %llu, \"all\": %llu, \"generating\": %.3e}\n",
	       seconds, (unsigned long long)sent, (unsigned long long)returned, (unsigned long long)all,
	       generating / (double)(total(wire->maps.sent) - all));
}

int main(int argc, char *argv[])
{
	struct forward *wire = forward__open();
	struct bpf_link *link;

	if (argc != 9 && argc != 10)
		usage();
	if (!wire)
		must(-errno, "opening the programs");
	build(argv + 1, (uint8_t *)wire->rodata->setting.frame);
	wire->rodata->setting.ifindex = if_nametoindex(argv[1]);
	wire->rodata->setting.sources = argc == 10 ? strtoul(argv[9], NULL, 10) ?: 1 : 1;
	wire->rodata->setting.overlay_port = htons(strtoul(argv[7], NULL, 10));
	must(forward__load(wire), "loading the programs");
	link = bpf_program__attach_xdp(wire->progs.take, (int)wire->rodata->setting.ifindex);
	if (!link)
		must(-errno, "attaching to the device");
	measure(wire, strtoul(argv[8], NULL, 10) * NS_PER_MS);
	bpf_link__destroy(link);
	forward__destroy(wire);
	return EXIT_SUCCESS;
}
