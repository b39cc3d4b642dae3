/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answering half. It closes a crr's connection first, so that it, and not the client's ports, keeps TIME_WAIT.
 */
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netbench.h"

struct service {
	enum kind kind;
	int fd;
};

static void serve_connection(enum kind kind, int fd)
{
	char request;

	no_delay(fd);
	while (read(fd, &request, 1) == 1)
		if (write(fd, &request, 1) != 1 || kind == KIND_CRR)
			return;
}

static void serve_stream(int fd)
{
	static _Thread_local char chunk[STREAM_CHUNK];
	uint64_t total = 0;
	ssize_t size;

	while ((size = read(fd, chunk, sizeof(chunk))) > 0)
		total += (uint64_t)size;
	if (write(fd, &total, sizeof(total)) != sizeof(total))
		warn("cannot answer a stream");
}

static void *serve_connections(void *userdata)
{
	const struct service *service = userdata;

	for (;;) {
		_cleanup_close_ int fd = accept4(service->fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		if (service->kind == KIND_STREAM)
			serve_stream(fd);
		else
			serve_connection(service->kind, fd);
	}
	return NULL;
}

static void *serve_datagrams(void *userdata)
{
	const struct service *service = userdata;
	struct sockaddr_storage peer;
	char request;

	for (;;) {
		socklen_t size = sizeof(peer);

		if (recvfrom(service->fd, &request, 1, 0, (struct sockaddr *)&peer, &size) == 1 &&
		    sendto(service->fd, &request, 1, 0, (struct sockaddr *)&peer, size) != 1)
			warn("cannot answer a datagram");
	}
	return NULL;
}

static int open_service(enum kind kind, const char *port)
{
	struct addrinfo *address = resolve(kind, NULL, port);
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "cannot make a socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 ||
	    (address->ai_socktype == SOCK_STREAM && listen(fd, FLOWS_MAX) < 0))
		err(1, "cannot serve on port %s", port);
	freeaddrinfo(address);
	return fd;
}

_Noreturn void serve(const struct options *options, const char *port)
{
	struct service service = {.kind = options->kind, .fd = open_service(options->kind, port)};
	flow_function function = options->kind == KIND_UDP_RR ? serve_datagrams : serve_connections;

	for (unsigned i = 1; i < options->flows; i++)
		flow_start(function, &service);
	puts("ready");
	fflush(stdout);
	function(&service);
	_exit(0);
}
