/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network devices.
 */
#include "net/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "net/request.h"

/* Where a collect-metadata vxlan device listens. */
static uint16_t vxlan_port(struct nlattr *data)
{
	struct nlattr *attributes[IFLA_VXLAN_MAX + 1];

	if (nla_parse_nested(attributes, IFLA_VXLAN_MAX, data, NULL) < 0 || !attributes[IFLA_VXLAN_PORT] ||
	    !attributes[IFLA_VXLAN_COLLECT_METADATA] || !nla_get_u8(attributes[IFLA_VXLAN_COLLECT_METADATA]))
		return 0;
	return ntohs(nla_get_u16(attributes[IFLA_VXLAN_PORT]));
}

static int link_parse(struct nlmsghdr *header, struct link *ret)
{
	const struct ifinfomsg *info = nlmsg_data(header);
	struct nlattr *attributes[IFLA_MAX + 1], *details[IFLA_INFO_MAX + 1] = {};
	struct link link = {};

	if (header->nlmsg_type != RTM_NEWLINK || nlmsg_parse(header, sizeof(*info), attributes, IFLA_MAX, NULL) < 0 ||
	    !attributes[IFLA_IFNAME])
		return -EBADMSG;
	link.ifindex = (uint32_t)info->ifi_index;
	link.up = info->ifi_flags & IFF_UP;
	nla_strlcpy(link.name, attributes[IFLA_IFNAME], sizeof(link.name));
	if (attributes[IFLA_MTU])
		link.mtu = nla_get_u32(attributes[IFLA_MTU]);
	if (attributes[IFLA_ADDRESS] && nla_len(attributes[IFLA_ADDRESS]) == sizeof(link.mac))
		memcpy(link.mac, nla_data(attributes[IFLA_ADDRESS]), sizeof(link.mac));
	if (attributes[IFLA_LINKINFO])
		nla_parse_nested(details, IFLA_INFO_MAX, attributes[IFLA_LINKINFO], NULL);
	if (details[IFLA_INFO_KIND])
		nla_strlcpy(link.kind, details[IFLA_INFO_KIND], sizeof(link.kind));
	if (details[IFLA_INFO_DATA] && !strcmp(link.kind, "vxlan"))
		link.vxlan_port = vxlan_port(details[IFLA_INFO_DATA]);
	if (attributes[IFLA_LINK] && !strcmp(link.kind, "veth"))
		link.peer_ifindex = nla_get_u32(attributes[IFLA_LINK]);
	*ret = link;
	return 0;
}

/* The one device a question was about. */
static int link_ask(struct netlink *netlink, struct nl_msg *question, struct link *ret, struct error *error)
{
	_cleanup_answers_ struct answers answers = {};
	int result = request_run(netlink, question, &answers, error);

	if (result < 0)
		return result;
	ANSWERS_EACH(header, &answers)
	if (link_parse(header, ret) == 0)
		return 0;
	return error_set(error, -EBADMSG, "the kernel's answer makes no sense");
}

int link_get(struct netlink *netlink, const char *name, struct link *ret, struct error *error)
{
	_cleanup_nl_msg_ struct nl_msg *question = NULL;
	int result = link_check_name(name, error);

	if (result < 0)
		return result;
	question = request_new(RTM_GETLINK, 0, &(struct ifinfomsg){}, sizeof(struct ifinfomsg));
	request_put_text(question, IFLA_IFNAME, name);
	result = link_ask(netlink, question, ret, error);
	if (result == -ENODEV)
		return error_set(error, result, "there is no network device %s", name);
	if (result < 0)
		error_prefix(error, "cannot look up the network device %s", name);
	return result;
}

int link_get_by_index(struct netlink *netlink, uint32_t ifindex, struct link *ret, struct error *error)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	_cleanup_nl_msg_ struct nl_msg *question = request_new(RTM_GETLINK, 0, &info, sizeof(info));
	int result = ifindex ? link_ask(netlink, question, ret, error) : -ENODEV;

	if (result == -ENODEV)
		return error_set(error, result, "there is no network device with index %u", ifindex);
	if (result < 0)
		error_prefix(error, "cannot look up the network device with index %u", ifindex);
	return result;
}

int link_each(struct netlink *netlink, int (*each)(const struct link *link, void *userdata), void *userdata)
{
	_cleanup_nl_msg_ struct nl_msg *question =
		request_new(RTM_GETLINK, NLM_F_DUMP, &(struct ifinfomsg){}, sizeof(struct ifinfomsg));
	_cleanup_answers_ struct answers answers = {};
	int result = request_run(netlink, question, &answers, NULL);

	if (result < 0)
		return result;
	ANSWERS_EACH(header, &answers)
	{
		struct link link;

		if (link_parse(header, &link) < 0)
			continue;
		result = each(&link, userdata);
		if (result)
			return result;
	}
	return 0;
}

int link_check_name(const char *name, struct error *error)
{
	if (!name[0] || strlen(name) >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, "..") ||
	    strpbrk(name, "/: \t\n\v\f\r"))
		return error_set(error, -EINVAL,
		                 "\"%s\" is no name for a network device: use 1 to %d characters without '/', ':' and "
		                 "blanks",
		                 name, IFNAMSIZ - 1);
	return 0;
}

static void put_end(struct nl_msg *message, const char *name, uint32_t mtu, const uint8_t mac[static 6])
{
	request_put_text(message, IFLA_IFNAME, name);
	request_put_u32(message, IFLA_MTU, mtu);
	request_put(message, IFLA_ADDRESS, mac, 6);
}

static void put_peer(struct nl_msg *message, const struct veth *veth)
{
	struct nlattr *peer = request_nest(message, VETH_INFO_PEER);

	if (nlmsg_append(message, &(struct ifinfomsg){}, sizeof(struct ifinfomsg), NLMSG_ALIGNTO) < 0)
		abort();
	put_end(message, veth->peer_name, veth->mtu, veth->peer_mac);
	if (veth->peer_netns_fd >= 0)
		request_put_u32(message, IFLA_NET_NS_FD, (uint32_t)veth->peer_netns_fd);
	request_nest_end(message, peer);
}

static struct nl_msg *new_link(int flags, const struct ifinfomsg *info)
{
	return request_new(RTM_NEWLINK, flags, info, sizeof(*info));
}

int link_add_veth(struct netlink *netlink, const struct veth *veth, struct error *error)
{
	_cleanup_nl_msg_ struct nl_msg *message = new_link(NLM_F_CREATE | NLM_F_EXCL, &(struct ifinfomsg){});
	struct nlattr *details, *data;
	int result = link_check_name(veth->name, error);

	if (result == 0)
		result = link_check_name(veth->peer_name, error);
	if (result < 0)
		return result;

	put_end(message, veth->name, veth->mtu, veth->mac);
	details = request_nest(message, IFLA_LINKINFO);
	request_put_text(message, IFLA_INFO_KIND, "veth");
	data = request_nest(message, IFLA_INFO_DATA);
	put_peer(message, veth);
	request_nest_end(message, data);
	request_nest_end(message, details);

	result = request_run(netlink, message, NULL, error);
	if (result == -EEXIST)
		return error_set(error, result, "there is a network device %s, or %s in the pod, already", veth->name,
		                 veth->peer_name);
	if (result < 0)
		error_prefix(error, "cannot make the veth pair %s and %s", veth->name, veth->peer_name);
	return result;
}

int link_add_vxlan(struct netlink *netlink, const char *name, uint16_t port, uint32_t mtu, struct error *error)
{
	_cleanup_nl_msg_ struct nl_msg *message = new_link(NLM_F_CREATE | NLM_F_EXCL, &(struct ifinfomsg){});
	uint16_t network_port = htons(port);
	uint8_t on = 1, off = 0;
	struct nlattr *details, *data;
	int result = link_check_name(name, error);

	if (result < 0)
		return result;

	request_put_text(message, IFLA_IFNAME, name);
	request_put_u32(message, IFLA_MTU, mtu);
	details = request_nest(message, IFLA_LINKINFO);
	request_put_text(message, IFLA_INFO_KIND, "vxlan");
	data = request_nest(message, IFLA_INFO_DATA);
	request_put(message, IFLA_VXLAN_COLLECT_METADATA, &on, sizeof(on));
	request_put(message, IFLA_VXLAN_LEARNING, &off, sizeof(off));
	request_put(message, IFLA_VXLAN_PORT, &network_port, sizeof(network_port));
	request_nest_end(message, data);
	request_nest_end(message, details);

	result = request_run(netlink, message, NULL, error);
	if (result < 0)
		error_prefix(error, "cannot make the vxlan device %s on port %u", name, port);
	return result;
}

static int set_flag(struct netlink *netlink, uint32_t ifindex, unsigned flag, const char *name, struct error *error)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex, .ifi_flags = flag, .ifi_change = flag};
	_cleanup_nl_msg_ struct nl_msg *message = new_link(0, &info);
	int result = request_run(netlink, message, NULL, error);

	if (result < 0)
		error_prefix(error, "cannot set the network device with index %u %s", ifindex, name);
	return result;
}

int link_set_up(struct netlink *netlink, uint32_t ifindex, struct error *error)
{
	return set_flag(netlink, ifindex, IFF_UP, "up", error);
}

int link_set_noarp(struct netlink *netlink, uint32_t ifindex, struct error *error)
{
	return set_flag(netlink, ifindex, IFF_NOARP, "noarp", error);
}

int link_set_mtu(struct netlink *netlink, uint32_t ifindex, uint32_t mtu, struct error *error)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	_cleanup_nl_msg_ struct nl_msg *message = new_link(0, &info);
	int result;

	request_put_u32(message, IFLA_MTU, mtu);
	result = request_run(netlink, message, NULL, error);
	if (result < 0)
		error_prefix(error, "cannot set the MTU of the network device with index %u to %u", ifindex, mtu);
	return result;
}

int link_delete(struct netlink *netlink, uint32_t ifindex, struct error *error)
{
	struct ifinfomsg info = {.ifi_index = (int)ifindex};
	_cleanup_nl_msg_ struct nl_msg *message = request_new(RTM_DELLINK, 0, &info, sizeof(info));
	struct error reason = {};
	int result;

	if (!ifindex)
		return 0;
	result = request_run(netlink, message, NULL, &reason);
	if (result == 0 || result == -ENODEV)
		return 0;
	return error_set(error, result, "cannot delete the network device with index %u: %s", ifindex, reason.message);
}
