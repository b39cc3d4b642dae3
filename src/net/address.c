/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of network devices: part of net/link.h.
 */
#include <errno.h>
#include <linux/if_addr.h>

#include "net/link.h"
#include "net/request.h"

static struct nl_msg *address_message(int type, int flags, uint32_t ifindex, const struct addr *addr,
                                      uint8_t prefix_bits)
{
	struct ifaddrmsg info = {
		.ifa_family = request_family(addr),
		.ifa_prefixlen = request_prefix_length(addr, prefix_bits),
		.ifa_flags = addr_is_v4(addr) ? 0 : IFA_F_NODAD,
		.ifa_index = ifindex,
	};
	struct nl_msg *message = request_new(type, flags, &info, sizeof(info));

	request_put_addr(message, IFA_LOCAL, addr);
	request_put_addr(message, IFA_ADDRESS, addr);
	return message;
}

int link_add_address(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits,
                     struct error *error)
{
	_cleanup_nl_msg_ struct nl_msg *message =
		address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, ifindex, addr, prefix_bits);
	struct error reason = {};
	char text[ADDR_TEXT_MAX];
	int result = request_run(netlink, message, NULL, &reason);

	if (result == 0 || result == -EEXIST)
		return 0;
	return error_set(error, result, "cannot add the address %s to the network device with index %u: %s",
	                 addr_format(addr, text), ifindex, reason.message);
}

int link_delete_address(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits,
                        struct error *error)
{
	_cleanup_nl_msg_ struct nl_msg *message = address_message(RTM_DELADDR, 0, ifindex, addr, prefix_bits);
	struct error reason = {};
	char text[ADDR_TEXT_MAX];
	int result = request_run(netlink, message, NULL, &reason);

	if (result == 0 || result == -EADDRNOTAVAIL || result == -ENODEV)
		return 0;
	return error_set(error, result, "cannot remove the address %s from the network device with index %u: %s",
	                 addr_format(addr, text), ifindex, reason.message);
}

static int each_address(struct nlmsghdr *header, uint32_t ifindex,
                        int (*each)(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata),
                        void *userdata)
{
	const struct ifaddrmsg *info = nlmsg_data(header);
	struct nlattr *attributes[IFA_MAX + 1];
	struct addr addr;

	if (header->nlmsg_type != RTM_NEWADDR || nlmsg_parse(header, sizeof(*info), attributes, IFA_MAX, NULL) < 0 ||
	    (ifindex && info->ifa_index != ifindex))
		return 0;
	/* On a point-to-point device IFA_ADDRESS is the other end's. */
	addr = request_addr(attributes[IFA_LOCAL] ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS]);
	if (addr_is_zero(&addr))
		return 0;
	return each(info->ifa_index, &addr,
	            (uint8_t)(info->ifa_prefixlen + (addr_is_v4(&addr) ? ADDR_V4_PREFIX_BITS : 0)), userdata);
}

int link_each_address(struct netlink *netlink, uint32_t ifindex,
                      int (*each)(uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits, void *userdata),
                      void *userdata)
{
	_cleanup_nl_msg_ struct nl_msg *question =
		request_new(RTM_GETADDR, NLM_F_DUMP, &(struct ifaddrmsg){}, sizeof(struct ifaddrmsg));
	_cleanup_answers_ struct answers answers = {};
	int result = request_run(netlink, question, &answers, NULL);

	if (result < 0)
		return result;
	ANSWERS_EACH(header, &answers)
	{
		result = each_address(header, ifindex, each, userdata);
		if (result)
			return result;
	}
	return 0;
}
