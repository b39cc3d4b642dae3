/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of the kernel's network configuration: part of net/route.h.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "net/route.h"

struct netlink_watch {
	int fd;
};

static const int groups[] = {RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                             RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_NEIGH};

static int open_socket(int *ret)
{
	struct sockaddr_nl own = {.nl_family = AF_NETLINK};
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof(groups[i])) < 0)
			return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

int netlink_watch_open(struct netlink_watch **ret, struct error *error)
{
	struct netlink_watch *watch;
	int fd = -1, result = open_socket(&fd);

	if (result < 0)
		return error_set_errno(error, result, "cannot watch the network configuration");
	watch = xnew(struct netlink_watch);
	watch->fd = fd;
	*ret = watch;
	return 0;
}

int netlink_watch_fd(const struct netlink_watch *watch)
{
	return watch->fd;
}

static void note(struct netlink_changes *changes, uint16_t type)
{
	switch (type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		changes->links = true;
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		changes->addresses = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		changes->routes = true;
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		changes->neighbours = true;
		break;
	}
}

/* A message too long for us arrives cut; its header, which is all we look at, is whole. */
static void note_all(struct netlink_changes *changes, const char *data, size_t size)
{
	const struct nlmsghdr *header;

	for (size_t at = 0; at + sizeof(*header) <= size; at += NLMSG_ALIGN(header->nlmsg_len)) {
		header = (const struct nlmsghdr *)(data + at);
		if (header->nlmsg_len < sizeof(*header))
			break;
		note(changes, header->nlmsg_type);
	}
}

int netlink_watch_read(struct netlink_watch *watch, struct netlink_changes *ret)
{
	char data[16384] __attribute__((aligned(__alignof__(struct nlmsghdr))));
	struct netlink_changes changes = {};

	for (;;) {
		ssize_t size = recv(watch->fd, data, sizeof(data), 0);

		if (size >= 0)
			note_all(&changes, data, (size_t)size);
		else if (errno == ENOBUFS)
			changes = (struct netlink_changes){true, true, true, true};
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	*ret = changes;
	return 0;
}

void netlink_watch_free(struct netlink_watch *watch)
{
	if (!watch)
		return;
	close(watch->fd);
	free(watch);
}
