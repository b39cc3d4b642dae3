/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/cleanup.h"

#define BACKLOG 16

/* The host as a 16-byte address: IPv4 mapped, :: for all of both families. */
static int parse_host(const char *text, size_t length, struct addr *ret)
{
	bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
	char host[ADDR_TEXT_MAX] = "";
	struct addr addr = {};

	if (length - 2 * bracketed >= sizeof(host))
		return -EINVAL;
	memcpy(host, text + bracketed, length - 2 * bracketed);
	if (length && (addr_parse(host, &addr) < 0 || addr_is_v4(&addr) == bracketed))
		return -EINVAL;
	*ret = addr;
	return 0;
}

static int parse(const char *text, struct addr *ret_host, uint16_t *ret_port, struct error *error)
{
	const char *colon = strrchr(text, ':');
	unsigned long port;
	struct addr host;
	char *end;

	if (!colon || parse_host(text, colon - text, &host) < 0)
		return error_set(error, -EINVAL,
		                 "\"%s\" is no address to listen on: write it like :9962, 10.0.0.1:9962 or "
		                 "[fd00::1]:9962",
		                 text);
	port = strtoul(colon + 1, &end, 10);
	if (colon[1] < '0' || colon[1] > '9' || *end || !port || port > UINT16_MAX)
		return error_set(error, -EINVAL, "\"%s\" has no port from 1 to 65535", text);
	*ret_host = host;
	*ret_port = port;
	return 0;
}

int metrics_address_check(const char *text, struct error *error)
{
	struct addr host;
	uint16_t port;

	return parse(text, &host, &port, error);
}

static int bind_to(int fd, const struct addr *host, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (addr_is_v4(host)) {
		v4.sin_addr.s_addr = host->word[3];
		return bind(fd, (struct sockaddr *)&v4, sizeof(v4));
	}
	memcpy(&v6.sin6_addr, host->byte, sizeof(v6.sin6_addr));
	return bind(fd, (struct sockaddr *)&v6, sizeof(v6));
}

/* All addresses are those of both families, but on a kernel without IPv6. */
static int open_socket(struct addr *host)
{
	int fd = socket(addr_is_v4(host) ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), off = 0;

	if (fd < 0 && errno == EAFNOSUPPORT && addr_is_zero(host)) {
		*host = addr_from_v4(0);
		return open_socket(host);
	}
	if (fd >= 0 && addr_is_zero(host))
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	return fd;
}

int metrics_listen(const char *text, int *ret, struct error *error)
{
	_cleanup_close_ int fd = -1;
	struct addr host;
	uint16_t port;
	int one = 1, r = parse(text, &host, &port, error);

	if (r < 0)
		return r;
	fd = open_socket(&host);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 || bind_to(fd, &host, port) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return error_set_errno(error, -errno, "cannot listen on %s", text);
	*ret = TAKE_FD(fd);
	return 0;
}
