/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an established packet costs in the programs themselves, without devices: ns by BPF_PROG_TEST_RUN, less what the
 * test run of an empty program costs, and where they go; and how large the programs are. Needs root, prints JSON.
 *
 *     bench-datapath [RUNS [SECONDS]]        of each path: timed runs, and the time to sample
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/memory.h"
#include "profile.h"
#include "rig.h"

#define RUNS_DEFAULT    50000
#define SECONDS_DEFAULT .5
#define ROUNDS          5
/* A frame that comes back as it went in, but for its TTL, can be run again without leaving the kernel. */
#define REPEAT 250

static struct rig rig;

struct path {
	const char *name, *program;
	enum rig_device device;
	struct frame frame;
	uint32_t repeat;
	uint32_t verdict;
};

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
	rig_close(&rig);
	exit(EXIT_FAILURE);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static double run_often(int program, const struct path *path, unsigned runs, struct profile *profile)
{
	struct __sk_buff skb = {.ifindex = rig.ifindex[path->device]};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = path->frame.bytes, .data_size_in = path->frame.size,
	            .ctx_in = &skb, .ctx_size_in = sizeof(skb), .repeat = path->repeat);
	unsigned times = runs / path->repeat;
	double total = 0;

	for (unsigned i = 0; i < times; i++) {
		must(bpf_prog_test_run_opts(program, &options), path->name);
		if (options.retval != path->verdict)
			must(-EPROTO, path->name);
		total += options.duration;
		if (profile)
			profile_collect(profile);
	}
	return total / times;
}

/* Medians of the rounds; in turns, so that what disturbs the machine disturbs all. */
static void measure(struct path *paths, size_t count, unsigned runs, double *ret_medians)
{
	_cleanup_free_ double *rounds = xcalloc(count * ROUNDS, sizeof(*rounds));
	int empty = bpf_prog_load(
		BPF_PROG_TYPE_SCHED_CLS, "empty", "GPL",
		(struct bpf_insn[]){{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2}, {.code = BPF_JMP | BPF_EXIT}}, 2,
		NULL);

	must(empty < 0 ? empty : 0, "loading an empty program");
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < count; i++) {
			struct path nothing = paths[i];

			nothing.verdict = 2;
			rounds[i * ROUNDS + round] =
				run_often(datapath_program(rig.datapath, paths[i].program), &paths[i], runs, NULL) -
				run_often(empty, &nothing, runs, NULL);
		}
	for (size_t i = 0; i < count; i++)
		ret_medians[i] = median(rounds + i * ROUNDS);
}

/* Where the time goes, sampled in a run of its own, for sampling takes time too; null when the kernel does not tell. */
static json_t *breakdown(const struct path *path, double seconds)
{
	int program = datapath_program(rig.datapath, path->program);
	struct profile *profile;
	json_t *lines;

	if (profile_open(program, &profile))
		return json_null();
	profile_begin(profile);
	for (uint64_t end = clock_now() + (uint64_t)(seconds * NS_PER_SECOND); clock_now() < end;)
		run_often(program, path, REPEAT, profile);
	profile_end(profile);
	lines = profile_lines(profile);
	profile_free(profile);
	return lines;
}

static json_t *describe_paths(const struct path *paths, size_t count, const double *medians, double seconds)
{
	json_t *result = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(result, json_pack("{s:s, s:s, s:f, s:b, s:o}", "name", paths[i].name, "program",
		                                        paths[i].program, "ns", medians[i], "warm", paths[i].repeat > 1,
		                                        "lines", breakdown(&paths[i], seconds)));
	return result;
}

static json_t *describe_programs(void)
{
	static const char *const programs[] = {"from_container", "to_container", "from_netdev",
	                                       "to_netdev",      "from_overlay", "to_overlay"};
	json_t *result = json_array();

	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info);

		must(bpf_prog_get_info_by_fd(datapath_program(rig.datapath, programs[i]), &info, &size), programs[i]);
		json_array_append_new(result, json_pack("{s:s, s:I, s:I, s:I}", "name", programs[i], "instructions",
		                                        (json_int_t)(info.xlated_prog_len / sizeof(struct bpf_insn)),
		                                        "jit-bytes", (json_int_t)info.jited_prog_len, "verifier-steps",
		                                        (json_int_t)info.verified_insns));
	}
	return result;
}

/* b's host side has a's MAC: what is delivered to b looks as if a sent it again. */
static void make_repeatable(void)
{
	struct endpoint endpoint;
	uint32_t id = ID_B;

	must(bpf_map_lookup_elem(rig.maps->endpoints, &id, &endpoint), "reading an endpoint");
	memcpy(endpoint.host_mac, rig.pod_mac[DEVICE_A], ETH_ALEN);
	must(endpoint_map_set(rig.maps, id, &endpoint), "writing an endpoint");
}

static struct frame tcp(const char *source, const char *destination, bool from_pod)
{
	return FRAME(.source_mac = from_pod ? rig.pod_mac[DEVICE_A] : NULL, .source = source,
	             .destination = destination, .protocol = PROTOCOL_TCP, .tcp_flags = TCP_ACK, .source_port = 40000,
	             .destination_port = 80, .payload = 64, .ttl = 255);
}

static struct frame from_peer(const char *source, const char *destination)
{
	struct frame inner = tcp(source, destination, false);

	return frame_encapsulate(&inner, &(struct tunnel){.source = PEER4,
	                                                  .destination = HOST4,
	                                                  .destination_mac = rig.mac[DEVICE_WIRE],
	                                                  .port = VXLAN_PORT,
	                                                  .vni = IDENTITY_C});
}

int main(int argc, char *argv[])
{
	unsigned runs = argc > 1 ? strtoul(argv[1], NULL, 10) : RUNS_DEFAULT;
	double seconds = argc > 2 ? atof(argv[2]) : SECONDS_DEFAULT;
	struct error error = {};

	if (rig_open(&(struct node_config){.decap_v6 = datapath_probe_decap_v6()}, &rig, &error)) {
		fprintf(stderr, "bench: %s\n", error.message);
		return EXIT_FAILURE;
	}
	must(rig_reset(&rig), "filling the maps");
	make_repeatable();

	const char *out = "from_container", *in = "from_netdev";
	struct path paths[] = {
		{"pod to pod, IPv4, warm", out, DEVICE_A, tcp(POD_A4, POD_B4, true), REPEAT, 7},
		{"pod to pod, IPv6, warm", out, DEVICE_A, tcp(POD_A6, POD_B6, true), REPEAT, 7},
		{"pod to pod, IPv4", out, DEVICE_A, tcp(POD_A4, POD_B4, true), 1, 7},
		{"pod to pod, IPv6", out, DEVICE_A, tcp(POD_A6, POD_B6, true), 1, 7},
		{"pod to node, IPv4", out, DEVICE_A, tcp(POD_A4, POD_C4, true), 1, 7},
		{"pod to node, IPv6", out, DEVICE_A, tcp(POD_A6, POD_C6, true), 1, 7},
		{"pod to host, IPv4, warm", out, DEVICE_A, tcp(POD_A4, HOST4, true), REPEAT, -1},
		{"node to pod, IPv4", in, DEVICE_WIRE, from_peer(POD_C4, POD_A4), 1, 7},
		{"node to pod, IPv6", in, DEVICE_WIRE, from_peer(POD_C6, POD_A6), 1, 7},
		{"host to pod, IPv4, warm", "to_container", DEVICE_A, tcp(HOST4, POD_A4, false), REPEAT, -1},
		{"passing by, warm", in, DEVICE_WIRE, tcp(WORLD4, HOST4, false), REPEAT, -1},
	};
	const size_t count = sizeof(paths) / sizeof(paths[0]);
	double medians[sizeof(paths) / sizeof(paths[0])];
	json_t *result;

	if (runs < REPEAT)
		runs = REPEAT;
	measure(paths, count, runs, medians);
	result = json_pack("{s:o, s:o}", "paths", describe_paths(paths, count, medians, seconds), "programs",
	                   describe_programs());
	json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	puts("");
	json_decref(result);
	rig_close(&rig);
	return EXIT_SUCCESS;
}
