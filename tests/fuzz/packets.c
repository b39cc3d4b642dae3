/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets through the shipped programs, on the rig of the packet tests. The first byte says which program and device;
 * the rest is the frame. The kernel's programs cannot be instrumented: what became of a packet, and which counters it
 * moved, is the coverage that libFuzzer is shown.
 *
 * Whatever comes in, the verdict is one that the kernel knows, and every refusal is counted, once and with a reason.
 */
#include "fuzz.h"

#include <linux/pkt_cls.h>
#include <unistd.h>

#include "rig.h"

#define SKIPPED 77

static const struct {
	const char *program;
	enum rig_device device;
} ways[] = {
	{"from_container", DEVICE_A}, {"from_container", DEVICE_NOBODY}, {"to_container", DEVICE_B},
	{"from_netdev", DEVICE_WIRE}, {"from_overlay", DEVICE_TUNNEL},   {"to_overlay", DEVICE_TUNNEL},
	{"to_netdev", DEVICE_WIRE},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static struct rig rig;

/* libFuzzer looks here too: one cell for each way, verdict and counter that there was together. */
__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t seen[16384];

static void leave(void)
{
	rig_close(&rig);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct node_config config = {.decap_v6 = datapath_probe_decap_v6()};
	struct error error = {};

	if (geteuid()) {
		fprintf(stderr, "loading the programs needs root\n");
		exit(SKIPPED);
	}
	if (rig_open(&config, &rig, &error)) {
		fprintf(stderr, "%s\n", error.message);
		exit(1);
	}
	atexit(leave);
	must(!rig_reset(&rig));
	return 0;
}

struct counts {
	uint64_t drops;
	uint32_t which; /* hash of the counters and of how often they were moved */
};

static int count(uint8_t reason, enum metric_direction direction, const struct metric *metric, void *userdata)
{
	struct counts *counts = userdata;

	if (metric_is_drop(reason))
		counts->drops += metric->packets;
	counts->which = counts->which * 31 + reason * 2 + direction + (uint32_t)metric->packets * 977;
	return 0;
}

static struct counts count_all(void)
{
	struct counts counts = {};

	must(metrics_each(rig.maps, count, &counts) == 0);
	return counts;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame frame = {};
	struct outcome outcome;
	struct counts before, after;
	struct rig_run run = {};
	size_t way;

	if (size < 1 + ETH_HLEN + 1 || size - 1 > sizeof(frame.bytes) - OVERLAY_ROOM)
		return -1;
	way = data[0] % WAYS;
	run.program = ways[way].program;
	run.device = ways[way].device;
	frame.size = size - 1;
	memcpy(frame.bytes, data + 1, frame.size);
	before = count_all();
	if (rig_run(&rig, &run, &frame, &outcome))
		return -1; /* the kernel does not make a packet of it */
	after = count_all();
	must(outcome.verdict == TC_ACT_OK || outcome.verdict == TC_ACT_SHOT || outcome.verdict == TC_ACT_REDIRECT ||
	     outcome.verdict == TC_ACT_UNSPEC);
	must((outcome.verdict == TC_ACT_SHOT) == (after.drops - before.drops == 1));
	seen[(way * 2654435761u ^ (uint32_t)outcome.verdict * 40503u ^ (after.which - before.which)) % sizeof(seen)] =
		1;
	return 0;
}
