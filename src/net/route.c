/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routes.
 */
#include "net/route.h"

#include <errno.h>
#include <string.h>

#include "net/request.h"

/* Whose route it is: in none of iproute2's lists of numbers, so that ours are told from all others. */
#define PROTOCOL_PILUS 80

static struct rtmsg header_for(const struct route *route)
{
	const struct addr *addr = &route->destination.addr;

	return (struct rtmsg){
		.rtm_family = request_family(addr),
		.rtm_dst_len = request_prefix_length(addr, route->destination.bits),
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = PROTOCOL_PILUS,
		.rtm_type = RTN_UNICAST,
	};
}

static void put_way(struct nl_msg *message, const struct route *route)
{
	request_put_addr(message, RTA_DST, &route->destination.addr);
	if (!addr_is_zero(&route->gateway))
		request_put_addr(message, RTA_GATEWAY, &route->gateway);
	if (route->ifindex)
		request_put_u32(message, RTA_OIF, route->ifindex);
}

static void put_preferences(struct nl_msg *message, const struct route *route)
{
	if (!addr_is_zero(&route->source))
		request_put_addr(message, RTA_PREFSRC, &route->source);
	if (route->mtu) {
		struct nlattr *metrics = request_nest(message, RTA_METRICS);

		request_put_u32(message, RTAX_MTU, route->mtu);
		request_nest_end(message, metrics);
	}
}

/* "to 10.0.0.0/8 by 10.0.0.1 on device 3" */
static const char *describe(const struct route *route, char *text, size_t size)
{
	char destination[PREFIX_TEXT_MAX], gateway[ADDR_TEXT_MAX];
	bool by = !addr_is_zero(&route->gateway);

	snprintf(text, size, "to %s%s%s on the network device with index %u",
	         prefix_format(&route->destination, destination), by ? " by " : "",
	         by ? addr_format(&route->gateway, gateway) : "", route->ifindex);
	return text;
}

static bool of_one_family(const struct route *route)
{
	bool v4 = prefix_is_v4(&route->destination);

	return (addr_is_zero(&route->gateway) || addr_is_v4(&route->gateway) == v4) &&
	       (addr_is_zero(&route->source) || addr_is_v4(&route->source) == v4);
}

static bool leads_nowhere(const struct route *route)
{
	return !route->ifindex && addr_is_zero(&route->gateway);
}

int route_set(struct netlink *netlink, const struct route *route, struct error *error)
{
	struct rtmsg header = header_for(route);
	_cleanup_nl_msg_ struct nl_msg *message = NULL;
	char text[256];
	int result;

	if (!of_one_family(route))
		return error_set(error, -EINVAL, "a route %s cannot mix IPv4 and IPv6",
		                 describe(route, text, sizeof(text)));
	if (leads_nowhere(route))
		header.rtm_type = RTN_UNREACHABLE;
	else if (addr_is_zero(&route->gateway))
		header.rtm_scope = RT_SCOPE_LINK;
	header.rtm_flags = route->onlink ? RTNH_F_ONLINK : 0;
	message = request_new(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof(header));
	put_way(message, route);
	put_preferences(message, route);
	result = request_run(netlink, message, NULL, error);
	if (result < 0)
		error_prefix(error, "cannot set the route %s", describe(route, text, sizeof(text)));
	return result;
}

int route_delete(struct netlink *netlink, const struct route *route, struct error *error)
{
	struct rtmsg header = header_for(route);
	_cleanup_nl_msg_ struct nl_msg *message = NULL;
	struct error reason = {};
	char text[256];
	int result;

	header.rtm_scope = RT_SCOPE_NOWHERE; /* any */
	header.rtm_type = 0;                 /* any */
	message = request_new(RTM_DELROUTE, 0, &header, sizeof(header));
	put_way(message, route);
	result = request_run(netlink, message, NULL, &reason);
	if (result == 0 || result == -ESRCH)
		return 0;
	return error_set(error, result, "cannot delete the route %s: %s", describe(route, text, sizeof(text)),
	                 reason.message);
}

/* A next hop of the other family comes as RTA_VIA: a family and an address. */
static struct addr gateway_of(struct nlattr **attributes)
{
	const struct nlattr *via = attributes[RTA_VIA];
	struct addr addr = {};

	if (attributes[RTA_GATEWAY])
		return request_addr(attributes[RTA_GATEWAY]);
	if (via && nla_len(via) == (int)(sizeof(struct rtvia) + sizeof(addr)))
		memcpy(&addr, ((const struct rtvia *)nla_data(via))->rtvia_addr, sizeof(addr));
	return addr;
}

static int route_parse(struct nlmsghdr *header, struct route *ret)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct nlattr *attributes[RTA_MAX + 1], *metrics[RTAX_MAX + 1] = {};

	if (header->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(header, sizeof(*info), attributes, RTA_MAX, NULL) < 0)
		return -EBADMSG;
	if ((info->rtm_type != RTN_UNICAST && info->rtm_type != RTN_LOCAL) || !attributes[RTA_OIF])
		return -ENETUNREACH;
	if (attributes[RTA_METRICS])
		nla_parse_nested(metrics, RTAX_MAX, attributes[RTA_METRICS], NULL);
	ret->gateway = gateway_of(attributes);
	ret->source = request_addr(attributes[RTA_PREFSRC]);
	ret->ifindex = nla_get_u32(attributes[RTA_OIF]);
	ret->mtu = metrics[RTAX_MTU] ? nla_get_u32(metrics[RTAX_MTU]) : 0;
	ret->onlink = info->rtm_flags & RTNH_F_ONLINK;
	ret->ours = info->rtm_protocol == PROTOCOL_PILUS;
	return 0;
}

int route_lookup(struct netlink *netlink, const struct addr *destination, struct route *ret, struct error *error)
{
	struct route route = {.destination = prefix_of_addr(destination)};
	struct rtmsg header = {.rtm_family = request_family(destination),
	                       .rtm_dst_len = request_prefix_length(destination, ADDR_BITS)};
	_cleanup_nl_msg_ struct nl_msg *question = request_new(RTM_GETROUTE, 0, &header, sizeof(header));
	_cleanup_answers_ struct answers answers = {};
	char text[ADDR_TEXT_MAX];
	int result;

	request_put_addr(question, RTA_DST, destination);
	result = request_run(netlink, question, &answers, error);
	if (result < 0) {
		error_prefix(error, "there is no route to %s", addr_format(destination, text));
		return result;
	}
	result = -EBADMSG;
	ANSWERS_EACH(answer, &answers)
	result = route_parse(answer, &route);
	if (result < 0)
		return error_set_errno(error, result, "there is no route to %s", addr_format(destination, text));
	*ret = route;
	return 0;
}

/* A dumped route says where it leads to; without RTA_DST it is a default route. */
static struct prefix destination_of(const struct rtmsg *info, struct nlattr **attributes)
{
	struct prefix prefix = {.bits = info->rtm_dst_len + (info->rtm_family == AF_INET ? ADDR_V4_PREFIX_BITS : 0)};

	if (attributes[RTA_DST])
		prefix.addr = request_addr(attributes[RTA_DST]);
	else if (info->rtm_family == AF_INET)
		prefix.addr = addr_from_v4(0);
	return prefix;
}

static int each_hop(struct nlattr *hops, struct route *route, int (*each)(const struct route *route, void *userdata),
                    void *userdata)
{
	const struct rtnexthop *hop = nla_data(hops);
	int left = nla_len(hops), result = 0;

	for (; RTNH_OK(hop, left) && !result; left -= NLMSG_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
		struct nlattr *attributes[RTA_MAX + 1];

		if (nla_parse(attributes, RTA_MAX, (struct nlattr *)RTNH_DATA(hop), hop->rtnh_len - (int)sizeof(*hop),
		              NULL) < 0)
			continue;
		route->gateway = gateway_of(attributes);
		route->ifindex = (uint32_t)hop->rtnh_ifindex;
		result = each(route, userdata);
	}
	return result;
}

static int each_route(struct nlmsghdr *header, int (*each)(const struct route *route, void *userdata), void *userdata)
{
	const struct rtmsg *info = nlmsg_data(header);
	struct nlattr *attributes[RTA_MAX + 1];
	struct route route = {};

	if (header->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(header, sizeof(*info), attributes, RTA_MAX, NULL) < 0 ||
	    info->rtm_table != RT_TABLE_MAIN || (info->rtm_type != RTN_UNICAST && info->rtm_type != RTN_UNREACHABLE))
		return 0;
	route.destination = destination_of(info, attributes);
	route.ours = info->rtm_protocol == PROTOCOL_PILUS;
	if (info->rtm_type == RTN_UNREACHABLE)
		return each(&route, userdata);
	if (attributes[RTA_MULTIPATH])
		return each_hop(attributes[RTA_MULTIPATH], &route, each, userdata);
	return route_parse(header, &route) < 0 ? 0 : each(&route, userdata);
}

int route_each(struct netlink *netlink, int (*each)(const struct route *route, void *userdata), void *userdata)
{
	_cleanup_nl_msg_ struct nl_msg *question =
		request_new(RTM_GETROUTE, NLM_F_DUMP, &(struct rtmsg){}, sizeof(struct rtmsg));
	_cleanup_answers_ struct answers answers = {};
	int result = request_run(netlink, question, &answers, NULL);

	if (result < 0)
		return result;
	ANSWERS_EACH(header, &answers)
	{
		result = each_route(header, each, userdata);
		if (result)
			return result;
	}
	return 0;
}
