/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the prefilter costs, without devices: ns of a refused and of a permitted packet by BPF_PROG_TEST_RUN, with
 * tables of different sizes, beside a program that drops everything at once; and how long tables take to fill. Needs
 * root, prints JSON.
 *
 *     bench-prefilter [REPEAT [ENTRIES...]]
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "datapath/prefilter.h"
#include "rig.h"

#define REPEAT_DEFAULT 1000000
#define ROUNDS         3 /* each run of an XDP program waits for an RCU grace period */
#define FRAMES         8 /* different senders: one alone would always be found in the nearest cache */

static struct rig rig;
static uint32_t repeat = REPEAT_DEFAULT;

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "bench: %s: %s\n", what, strerror(-r));
	rig_close(&rig);
	exit(EXIT_FAILURE);
}

/* Spread over the address space, and each another: a bijection of 32 bits (Knuth's multiplicative hash). */
static struct addr sender(uint32_t number, uint32_t mask)
{
	return addr_from_v4(htonl(number * UINT32_C(2654435761) & mask));
}

static int compare_rows(const void *a, const void *b)
{
	return memcmp(&((const struct prefilter_row *)a)->addr, &((const struct prefilter_row *)b)->addr,
	              sizeof(struct addr));
}

static bool is_new(const struct prefilter_row *rows, size_t count, const struct prefilter_row *row)
{
	return !count || compare_rows(&rows[count - 1], row) != 0;
}

/* As many entries of the length, sorted, each once. */
static size_t make_rows(struct prefilter_row *rows, size_t count, unsigned length)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		rows[i] = (struct prefilter_row){.addr = sender(i, UINT32_MAX << (32 - length)),
		                                 .bits = ADDR_V4_PREFIX_BITS + length,
		                                 .verdict = PREFILTER_DENY};
	qsort(rows, count, sizeof(*rows), compare_rows);
	for (size_t i = 0; i < count; i++) {
		struct prefilter_row row = rows[i];

		if (is_new(rows, kept, &row))
			rows[kept++] = row;
	}
	return kept;
}

static struct frame frame_from(const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	return FRAME(.source = addr_format(addr, text), .destination = HOST4, .protocol = PROTOCOL_UDP,
	             .source_port = 53, .destination_port = 4000, .payload = 22);
}

static double run_once(int program, const struct frame *frame, uint32_t times)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame->bytes, .data_size_in = frame->size, .repeat = times);

	must(bpf_prog_test_run_opts(program, &options), "running a program");
	return options.duration;
}

/* The least of the rounds: what else the machine does can only add to it. `refused`: by senders that are in the table.
 */
static double least(int program, size_t entries, unsigned length, bool refused)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		double total = 0;

		for (uint32_t i = 0; i < FRAMES; i++) {
			uint32_t number = refused ? (entries ? i * (entries / FRAMES ?: 1) % entries : i) : ~i;
			struct addr addr = sender(number, refused ? UINT32_MAX << (32 - length) : UINT32_MAX);
			struct frame frame = frame_from(&addr);

			total += run_once(program, &frame, repeat / FRAMES ?: 1);
		}
		if (!round || total / FRAMES < best)
			best = total / FRAMES;
	}
	return best;
}

static int empty_program(void)
{
	const struct bpf_insn drop[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_DROP},
	                                {.code = BPF_JMP | BPF_EXIT}};
	int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "GPL", drop, 2, NULL);

	must(program < 0 ? program : 0, "loading an empty program");
	return program;
}

static json_t *measure(size_t entries, unsigned length, int empty)
{
	_cleanup_free_ struct prefilter_row *rows = xcalloc(entries ?: 1, sizeof(*rows));
	struct prefilter_plan plan = {.rows = {rows}, .count = {make_rows(rows, entries, length)}};
	uint64_t begun = clock_now(), filled;
	struct prefilter *prefilter;
	json_t *result;
	int program;

	must(prefilter_load(datapath_options(rig.datapath), &plan, NULL, &prefilter, NULL), "loading the prefilter");
	filled = clock_now();
	program = bpf_program__fd(prefilter_program(prefilter));
	result = json_pack("{s:I, s:I, s:I, s:f, s:I, s:f, s:f, s:f}", "asked", (json_int_t)entries, "entries",
	                   (json_int_t)plan.count[PREFILTER_SOURCE], "length", (json_int_t)length, "load-seconds",
	                   (double)(filled - begun) / (double)NS_PER_SECOND, "bytes",
	                   (json_int_t)prefilter_bytes(prefilter), "empty-drop", least(empty, entries, length, true),
	                   "refused", least(program, entries, length, true), "permitted",
	                   least(program, entries, length, false));
	prefilter_free(prefilter);
	return result;
}

int main(int argc, char *argv[])
{
	static const unsigned lengths[] = {32, 24};
	static const size_t usual[] = {0, 1000, 1000000};
	size_t count = argc > 2 ? (size_t)argc - 2 : sizeof(usual) / sizeof(usual[0]);
	json_t *results = json_array();
	struct error error = {};
	int empty;

	if (argc > 1)
		repeat = strtoul(argv[1], NULL, 10) ?: 1;
	if (rig_open(&(struct node_config){}, &rig, &error)) {
		fprintf(stderr, "bench: %s\n", error.message);
		return EXIT_FAILURE;
	}
	must(rig_reset(&rig), "filling the maps");
	empty = empty_program();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (size_t k = 0; k < count; k++)
			json_array_append_new(results, measure(argc > 2 ? strtoul(argv[2 + k], NULL, 10) : usual[k],
			                                       lengths[i], empty));
	json_dumpf(results, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	puts("");
	json_decref(results);
	rig_close(&rig);
	return EXIT_SUCCESS;
}
