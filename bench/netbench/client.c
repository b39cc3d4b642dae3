/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The asking half: as many flows as are wanted, each with one request under way. Every round trip is timed.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "netbench.h"

#define SAMPLES_MAX     4000000 /* of all flows together */
#define UDP_PATIENCE_US 200000

struct flow {
	enum kind kind;
	const struct addrinfo *server;
	int fd; /* -1: a connection for each exchange */
	uint64_t end;
	uint32_t *samples; /* ns */
	size_t count, room, write;
	unsigned lost;
	uint64_t bytes; /* of a stream */
	pthread_t thread;
};

static int open_flow(const struct flow *flow)
{
	int fd = socket(flow->server->ai_family, flow->server->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, flow->server->ai_addr, flow->server->ai_addrlen) < 0)
		err(1, "cannot connect to the server");
	if (flow->kind == KIND_UDP_RR)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_usec = UDP_PATIENCE_US},
		           sizeof(struct timeval));
	else
		no_delay(fd);
	return fd;
}

/* Each request is another byte than the one before: an answer that comes late is not taken for the next one. */
static bool exchange(const struct flow *flow, int fd)
{
	char request = (char)flow->count, answer;

	if (write(fd, &request, 1) != 1)
		err(1, "cannot send");
	do {
		ssize_t size = read(fd, &answer, 1);

		if (size < 0 && errno == EAGAIN)
			return false;
		if (size != 1)
			err(1, "the server has left");
	} while (answer != request);
	return true;
}

static bool connect_and_exchange(const struct flow *flow)
{
	_cleanup_close_ int fd = open_flow(flow);
	char end;

	exchange(flow, fd);
	if (read(fd, &end, 1) != 0)
		errx(1, "the server has not closed the connection");
	return true;
}

static void *run_stream(void *userdata)
{
	static char chunk[STREAM_CHUNK];
	struct flow *flow = userdata;

	do
		if (write(flow->fd, chunk, flow->write) < 0)
			err(1, "cannot send");
	while (clock_now() < flow->end);
	shutdown(flow->fd, SHUT_WR);
	if (read(flow->fd, &flow->bytes, sizeof(flow->bytes)) != sizeof(flow->bytes))
		errx(1, "the server has not said what arrived");
	return NULL;
}

static void *run_flow(void *userdata)
{
	struct flow *flow = userdata;
	uint64_t before = clock_now();

	while (before < flow->end && flow->count < flow->room) {
		bool answered = flow->fd < 0 ? connect_and_exchange(flow) : exchange(flow, flow->fd);
		uint64_t after = clock_now(), taken = after - before;

		if (answered)
			flow->samples[flow->count++] = taken < UINT32_MAX ? (uint32_t)taken : UINT32_MAX;
		else
			flow->lost++;
		before = after;
	}
	return NULL;
}

/* All that connect do so before the time begins, and stay connected until it is over. */
static uint64_t open_flows(const struct options *options, struct flow *flows)
{
	for (unsigned i = 0; i < options->flows; i++)
		flows[i].fd = options->kind == KIND_CRR ? -1 : open_flow(&flows[i]);
	uint64_t start = clock_now();
	for (unsigned i = 0; i < options->flows; i++)
		flows[i].end = start + (uint64_t)(options->seconds * NS_PER_SECOND);
	return start;
}

/* Puts all samples behind each other, where the first flow's begin. */
static struct flow run_flows(struct flow *flows, unsigned count)
{
	struct flow total = flows[0];

	for (unsigned i = 0; i < count; i++)
		flows[i].thread = flow_start(total.kind == KIND_STREAM ? run_stream : run_flow, &flows[i]);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(flows[i].thread, NULL);
		for (size_t j = 0; j < flows[i].count; j++)
			total.samples[total.count++] = flows[i].samples[j];
		total.lost += flows[i].lost;
		total.bytes += flows[i].bytes;
	}
	for (unsigned i = 0; i < count; i++)
		cleanup_close(&flows[i].fd);
	return total;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_round_trips(const struct flow *total, double seconds)
{
	uint32_t *samples = total->samples;
	static const struct {
		const char *name;
		double fraction;
	} percentiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p99.9", .999}, {"max", 1}};

	if (!total->count)
		errx(1, "the server has not answered once");
	qsort(samples, total->count, sizeof(*samples), compare);
	printf("{\"transactions\": %zu, \"lost\": %u, \"seconds\": %.3f, \"rate\": %.1f, \"microseconds\": {",
	       total->count, total->lost, seconds, (double)total->count / seconds);
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++)
		printf("%s\"%s\": %.1f", i ? ", " : "", percentiles[i].name,
		       samples[(size_t)(percentiles[i].fraction * (double)(total->count - 1))] / 1e3);
	puts("}}");
}

void measure(const struct options *options, const char *host, const char *port)
{
	struct addrinfo *server = resolve(options->kind, host, port);
	uint32_t *samples = calloc(SAMPLES_MAX, sizeof(*samples));
	struct flow *flows = calloc(options->flows, sizeof(*flows));

	if (!samples || !flows)
		err(1, "cannot keep samples");
	for (unsigned i = 0; i < options->flows; i++)
		flows[i] = (struct flow){.kind = options->kind,
		                         .server = server,
		                         .write = options->write,
		                         .room = SAMPLES_MAX / options->flows,
		                         .samples = samples + i * (SAMPLES_MAX / options->flows)};
	uint64_t start = open_flows(options, flows);
	struct flow total = run_flows(flows, options->flows);
	double seconds = (double)(clock_now() - start) / NS_PER_SECOND;
	if (options->kind == KIND_STREAM)
		printf("{\"bytes\": %" PRIu64 ", \"seconds\": %.3f, \"rate\": %.1f}\n", total.bytes, seconds,
		       (double)total.bytes * 8 / seconds);
	else
		print_round_trips(&total, seconds);
	free(flows);
	free(samples);
	freeaddrinfo(server);
}
