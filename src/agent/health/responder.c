/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A socket belongs to the network namespace it was made in, for ever: so one event loop serves them all, and there is
 * no process in the health endpoint.
 */
#include "agent/health/responder.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "net/netns.h"

#define BACKLOG 16

static void hello(struct http_exchange *exchange, void *userdata)
{
	http_reply_json(exchange, 200, NULL);
}

static const struct http_route ROUTES[] = {{"GET", "/hello", hello}};

static int bind_v4(int fd, const struct addr *addr, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};

	memcpy(&address.sin_addr, &addr->byte[12], sizeof(address.sin_addr));
	return bind(fd, (const struct sockaddr *)&address, sizeof(address));
}

static int bind_v6(int fd, const struct addr *addr, uint16_t port)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memcpy(&address.sin6_addr, addr->byte, sizeof(address.sin6_addr));
	return bind(fd, (const struct sockaddr *)&address, sizeof(address));
}

struct listening {
	const struct addr *addr;
	uint16_t port;
	int fd;
};

static int listen_here(void *userdata)
{
	struct listening *listening = userdata;
	bool v4 = addr_is_v4(listening->addr);
	_cleanup_close_ int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, v4 ? SOL_IP : SOL_IPV6, v4 ? IP_FREEBIND : IPV6_FREEBIND, &on, sizeof(on)) ||
	    (v4 ? bind_v4 : bind_v6)(fd, listening->addr, listening->port) || listen(fd, BACKLOG))
		return -errno;
	listening->fd = TAKE_FD(fd);
	return 0;
}

int responder_new(uv_loop_t *loop, int netns_fd, const struct addr *addr, uint16_t port, struct http_server **ret,
                  struct error *error)
{
	struct listening listening = {.addr = addr, .port = port};
	char text[ADDR_TEXT_MAX];
	int result;

	result = netns_fd < 0 ? listen_here(&listening) : netns_call(netns_fd, listen_here, &listening, error);
	if (result)
		return error_set_errno(error, result, "cannot listen on %s, TCP port %u", addr_format(addr, text),
		                       port);
	return http_server_adopt(loop, listening.fd, ROUTES, 1, NULL, ret, error);
}
