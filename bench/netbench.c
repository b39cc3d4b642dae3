/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips over TCP, counted: `rr` exchanges single bytes on one connection, `crr` makes a connection for each
 * exchange. The server is the one to close, so that it, and not the client's ports, keeps TIME_WAIT. Client and server
 * bind themselves to a CPU. The client's result is one line of JSON; the server says "ready" and serves until killed.
 */
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define SAMPLES_MAX 4000000

/* What a client asks for with its byte. */
enum request { REQUEST_REPLY = 'r', REQUEST_REPLY_AND_CLOSE = 'c' };

struct options {
	int cpu; /* -1: any */
	double seconds;
};

struct samples {
	uint32_t *ns;
	size_t count;
};

static void bind_to_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		err(1, "cannot run on CPU %d", cpu);
}

static struct addrinfo *resolve(const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_family = host ? AF_UNSPEC : AF_INET6,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (host ? 0 : AI_PASSIVE),
	};
	struct addrinfo *result;
	int r = getaddrinfo(host, port, &hints, &result);

	if (r)
		errx(1, "%s port %s: %s", host ? host : "any address", port, gai_strerror(r));
	return result;
}

static void no_delay(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static void serve_connection(int fd)
{
	char request;

	no_delay(fd);
	while (read(fd, &request, 1) == 1)
		if (write(fd, &request, 1) != 1 || request == REQUEST_REPLY_AND_CLOSE)
			return;
}

static void serve(const char *port)
{
	struct addrinfo *address = resolve(NULL, port);
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
	if (listener < 0 || bind(listener, address->ai_addr, address->ai_addrlen) < 0 || listen(listener, 128) < 0)
		err(1, "cannot serve on port %s", port);
	freeaddrinfo(address);
	puts("ready");
	fflush(stdout);
	for (;;) {
		_cleanup_close_ int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			serve_connection(fd);
	}
}

static int open_connection(const struct addrinfo *server)
{
	int fd = socket(server->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, server->ai_addr, server->ai_addrlen) < 0)
		err(1, "cannot connect to the server");
	no_delay(fd);
	return fd;
}

static void exchange(int fd, enum request request)
{
	char byte = (char)request;

	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		err(1, "the server has left");
}

static void round_trip(const struct addrinfo *server, int connection)
{
	char end;

	if (connection >= 0) {
		exchange(connection, REQUEST_REPLY);
		return;
	}
	_cleanup_close_ int fd = open_connection(server);
	exchange(fd, REQUEST_REPLY_AND_CLOSE);
	if (read(fd, &end, 1) != 0)
		errx(1, "the server has not closed the connection");
}

/* Runs round trips until the time is over; `connection` is -1 to make one for each. */
static uint64_t measure(const struct addrinfo *server, int connection, double seconds, struct samples *samples)
{
	uint64_t start = clock_now(), end = start + (uint64_t)(seconds * NS_PER_SECOND), before = start;

	while (before < end && samples->count < SAMPLES_MAX) {
		round_trip(server, connection);
		uint64_t after = clock_now();
		samples->ns[samples->count++] = (uint32_t)(after - before);
		before = after;
	}
	return before - start;
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double percentile_us(const struct samples *samples, double fraction)
{
	return samples->ns[(size_t)(fraction * (double)(samples->count - 1))] / 1e3;
}

static void client(const struct options *options, bool reuse, const char *host, const char *port)
{
	struct addrinfo *server = resolve(host, port);
	struct samples samples = {.ns = calloc(SAMPLES_MAX, sizeof(uint32_t))};
	_cleanup_close_ int connection = reuse ? open_connection(server) : -1;

	if (!samples.ns)
		err(1, "cannot keep samples");
	uint64_t taken = measure(server, connection, options->seconds, &samples);
	qsort(samples.ns, samples.count, sizeof(uint32_t), compare);
	printf("{\"transactions\": %zu, \"seconds\": %.3f, \"rate\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
	       samples.count, (double)taken / NS_PER_SECOND, (double)samples.count * NS_PER_SECOND / (double)taken,
	       percentile_us(&samples, .5), percentile_us(&samples, .99));
	free(samples.ns);
	freeaddrinfo(server);
}

static _Noreturn void usage(void)
{
	fputs("usage: netbench [-c CPU] server PORT\n"
	      "       netbench [-c CPU] [-t SECONDS] rr|crr ADDRESS PORT\n",
	      stderr);
	exit(2);
}

int main(int argc, char *argv[])
{
	struct options options = {.cpu = -1, .seconds = 1};
	int option;

	while ((option = getopt(argc, argv, "c:t:")) != -1) {
		if (option == 'c')
			options.cpu = atoi(optarg);
		else if (option == 't')
			options.seconds = atof(optarg);
		else
			usage();
	}
	argv += optind;
	argc -= optind;
	bind_to_cpu(options.cpu);
	if (argc == 2 && !strcmp(argv[0], "server"))
		serve(argv[1]);
	else if (argc == 3 && (!strcmp(argv[0], "rr") || !strcmp(argv[0], "crr")))
		client(&options, !strcmp(argv[0], "rr"), argv[1], argv[2]);
	else
		usage();
	return 0;
}
