/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips and streams, counted and timed: what the halves of netbench share. A flow is a thread that waits for its
 * answer, at both ends, so that one flow is the plain system calls and nothing else.
 */
#ifndef PILUS_BENCH_NETBENCH_H
#define PILUS_BENCH_NETBENCH_H

#include <netdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLOWS_MAX    256
#define STREAM_CHUNK (128 * 1024)

/*
 * rr exchanges bytes on one connection, crr makes a connection for each exchange, udp-rr exchanges datagrams. stream
 * sends as much as it can; the server answers at its end with the number of bytes, so that what arrived is what counts.
 */
enum kind { KIND_RR, KIND_CRR, KIND_UDP_RR, KIND_STREAM, KINDS };

struct options {
	int cpu; /* -1: any */
	unsigned flows;
	double seconds;
	size_t write; /* bytes that a stream writes at once, STREAM_CHUNK at most */
	enum kind kind;
};

/* One of the flows; NULL host: to be served on. Whoever calls it ends the process when something fails. */
typedef void *(*flow_function)(void *flow);
pthread_t flow_start(flow_function function, void *flow);
struct addrinfo *resolve(enum kind kind, const char *host, const char *port);
void no_delay(int fd);

/* Says "ready", and serves until killed. */
_Noreturn void serve(const struct options *options, const char *port);

/* Prints one line of JSON. */
void measure(const struct options *options, const char *host, const char *port);

#endif
