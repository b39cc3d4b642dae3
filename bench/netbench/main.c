/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netbench: round trips and streams between two processes, each bound to a CPU.
 */
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "netbench.h"

static const char *const kinds[KINDS] = {
	[KIND_RR] = "rr", [KIND_CRR] = "crr", [KIND_UDP_RR] = "udp-rr", [KIND_STREAM] = "stream"};

pthread_t flow_start(flow_function function, void *flow)
{
	pthread_t thread;
	int r = pthread_create(&thread, NULL, function, flow);

	if (r)
		errx(1, "cannot start a flow: %s", strerror(r));
	return thread;
}

struct addrinfo *resolve(enum kind kind, const char *host, const char *port)
{
	struct addrinfo hints = {
		.ai_family = host ? AF_UNSPEC : AF_INET6,
		.ai_socktype = kind == KIND_UDP_RR ? SOCK_DGRAM : SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | (host ? 0 : AI_PASSIVE),
	};
	struct addrinfo *result;
	int r = getaddrinfo(host, port, &hints, &result);

	if (r)
		errx(1, "%s port %s: %s", host ? host : "any address", port, gai_strerror(r));
	return result;
}

void no_delay(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

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

static _Noreturn void usage(void)
{
	fputs("usage: netbench [-c CPU] [-n FLOWS] rr|crr|udp-rr|stream serve PORT\n"
	      "       netbench [-c CPU] [-n FLOWS] [-t SECONDS] [-w BYTES] rr|crr|udp-rr|stream ADDRESS PORT\n",
	      stderr);
	exit(2);
}

static struct options parse_options(int argc, char *argv[])
{
	struct options options = {.cpu = -1, .flows = 1, .seconds = 1, .write = STREAM_CHUNK};
	int option;

	while ((option = getopt(argc, argv, "c:n:t:w:")) != -1) {
		if (option == 'c')
			options.cpu = atoi(optarg);
		else if (option == 'n')
			options.flows = (unsigned)atoi(optarg);
		else if (option == 't')
			options.seconds = atof(optarg);
		else if (option == 'w')
			options.write = (size_t)atoi(optarg);
		else
			usage();
	}
	if (argc - optind != 3 || !options.flows || options.flows > FLOWS_MAX || !options.write ||
	    options.write > STREAM_CHUNK)
		usage();
	while (strcmp(argv[optind], kinds[options.kind]))
		if (++options.kind == KINDS)
			usage();
	return options;
}

int main(int argc, char *argv[])
{
	struct options options = parse_options(argc, argv);
	const char *address = argv[optind + 1], *port = argv[optind + 2];

	bind_to_cpu(options.cpu);
	if (!strcmp(address, "serve"))
		serve(&options, port);
	measure(&options, address, port);
	return 0;
}
