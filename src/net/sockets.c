/* SPDX-License-Identifier: Apache-2.0 */
#include "net/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "net/request.h"

/* All but those that listen or are gone already. UDP has TCP's state of being connected. */
#define STATES_CONNECTED \
	(1U << TCP_ESTABLISHED | 1U << TCP_SYN_SENT | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 | 1U << TCP_CLOSE_WAIT)

static struct addr peer_of(const struct inet_diag_msg *message)
{
	struct addr addr = addr_from_v4(message->id.idiag_dst[0]);

	if (message->idiag_family == AF_INET6)
		memcpy(&addr, message->id.idiag_dst, sizeof(addr));
	return addr;
}

static struct socket_info info_of(const struct inet_diag_msg *message, uint8_t protocol)
{
	return (struct socket_info){.peer = peer_of(message),
	                            .peer_port = ntohs(message->id.idiag_dport),
	                            .protocol = protocol,
	                            .cookie =
	                                    (uint64_t)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0]};
}

/* One that has ended meanwhile is as good. */
static int end_one(struct netlink *netlink, const struct inet_diag_msg *found, uint8_t protocol, struct error *error)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = found->idiag_family, .sdiag_protocol = protocol, .id = found->id};
	_cleanup_nl_msg_ struct nl_msg *message = request_new(SOCK_DESTROY, 0, &request, sizeof(request));
	struct error reason = {};
	int r = request_run(netlink, message, NULL, &reason);

	if (!r || r == -ENOENT)
		return 0;
	return error_set(error, r, "cannot end a socket: %s", reason.message);
}

struct ending {
	struct netlink *netlink;
	bool (*is_meant)(const struct socket_info *socket, void *userdata);
	void *userdata;
	size_t ended;
};

static int end_those(struct ending *ending, uint8_t family, uint8_t protocol, struct error *error)
{
	const struct inet_diag_req_v2 request = {
		.sdiag_family = family, .sdiag_protocol = protocol, .idiag_states = STATES_CONNECTED};
	_cleanup_nl_msg_ struct nl_msg *message =
		request_new(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request));
	_cleanup_answers_ struct answers answers = {};
	struct error reason = {};
	int r = request_run(ending->netlink, message, &answers, &reason);

	if (r)
		return error_set(error, r, "cannot list the sockets: %s", reason.message);
	ANSWERS_EACH(header, &answers)
	{
		const struct inet_diag_msg *found = nlmsg_data(header);
		const struct socket_info info = info_of(found, protocol);

		if (!ending->is_meant(&info, ending->userdata))
			continue;
		r = end_one(ending->netlink, found, protocol, error);
		if (r)
			return r;
		ending->ended++;
	}
	return 0;
}

int sockets_end(const char *netns_path, bool (*is_meant)(const struct socket_info *socket, void *userdata),
                void *userdata, size_t *ret_ended, struct error *error)
{
	static const uint8_t families[] = {AF_INET, AF_INET6}, protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
	_cleanup_netlink_ struct netlink *netlink = NULL;
	struct ending ending = {.is_meant = is_meant, .userdata = userdata};
	int r = netlink_open_sockets(netns_path, &netlink, error);

	ending.netlink = netlink;
	for (size_t i = 0; i < 4 && !r; i++)
		r = end_those(&ending, families[i / 2], protocols[i % 2], error);
	if (!r && ret_ended)
		*ret_ended = ending.ended;
	return r;
}
