/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Neighbours: part of net/route.h.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>

#include "net/request.h"
#include "net/route.h"

#define NEIGHBOUR_VALID (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT)

static struct ndmsg header_for(uint32_t ifindex, const struct addr *addr)
{
	return (struct ndmsg){.ndm_family = request_family(addr), .ndm_ifindex = (int)ifindex};
}

int neighbour_set(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, const uint8_t mac[static 6],
                  struct error *error)
{
	struct ndmsg header = header_for(ifindex, addr);
	_cleanup_nl_msg_ struct nl_msg *message = NULL;
	char text[ADDR_TEXT_MAX];
	int result;

	header.ndm_state = NUD_PERMANENT;
	message = request_new(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	request_put_addr(message, NDA_DST, addr);
	request_put(message, NDA_LLADDR, mac, 6);
	result = request_run(netlink, message, NULL, error);
	if (result < 0)
		error_prefix(error, "cannot set the neighbour %s on the network device with index %u",
		             addr_format(addr, text), ifindex);
	return result;
}

static int neighbour_parse(struct nlmsghdr *header, uint8_t ret_mac[static 6])
{
	const struct ndmsg *info = nlmsg_data(header);
	struct nlattr *attributes[NDA_MAX + 1];

	if (header->nlmsg_type != RTM_NEWNEIGH || nlmsg_parse(header, sizeof(*info), attributes, NDA_MAX, NULL) < 0)
		return -EBADMSG;
	if (!(info->ndm_state & NEIGHBOUR_VALID) || !attributes[NDA_LLADDR] || nla_len(attributes[NDA_LLADDR]) != 6)
		return -ENOENT;
	memcpy(ret_mac, nla_data(attributes[NDA_LLADDR]), 6);
	return 0;
}

int neighbour_get(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t ret_mac[static 6])
{
	struct ndmsg header = header_for(ifindex, addr);
	_cleanup_nl_msg_ struct nl_msg *question = request_new(RTM_GETNEIGH, 0, &header, sizeof(header));
	_cleanup_answers_ struct answers answers = {};
	int result;

	request_put_addr(question, NDA_DST, addr);
	result = request_run(netlink, question, &answers, NULL);
	if (result < 0)
		return result;
	ANSWERS_EACH(answer, &answers)
	return neighbour_parse(answer, ret_mac);
	return -EBADMSG;
}

int neighbour_probe(struct netlink *netlink, uint32_t ifindex, const struct addr *addr)
{
	struct ndmsg header = header_for(ifindex, addr);
	_cleanup_nl_msg_ struct nl_msg *message = NULL;

	header.ndm_flags = NTF_USE;
	message = request_new(RTM_NEWNEIGH, NLM_F_CREATE, &header, sizeof(header));
	request_put_addr(message, NDA_DST, addr);
	return request_run(netlink, message, NULL, NULL);
}
