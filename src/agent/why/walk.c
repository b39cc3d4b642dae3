/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A packet's way over this node: by which door it comes, which program it meets there, and where that sends it. The
 * programs decide; between them stands what the kernel would do (its routes).
 */
#include <errno.h>
#include <linux/pkt_cls.h>
#include <string.h>

#include "abi/drop.h"
#include "agent/why/internal.h"
#include "base/memory.h"
#include "net/link.h"
#include "net/route.h"

/* ── a program, and what it tells ── */

static int run(struct walk *walk, const char *program, uint32_t ifindex, struct error *error)
{
	int r = dry_run_pass(walk->programs, program, ifindex, &walk->packet, &walk->outcome);

	return r ? error_set_errno(error, r, "the program %s cannot be asked", program) : 0;
}

static const struct event *find_event(const struct walk *walk, enum event_type type)
{
	for (size_t i = walk->outcome.event_count; i-- > 0;)
		if (walk->outcome.events[i].type == type)
			return &walk->outcome.events[i];
	return NULL;
}

static const struct event *find_verdict(const struct walk *walk, const struct party *party)
{
	for (size_t i = 0; i < walk->outcome.event_count; i++) {
		const struct event *event = &walk->outcome.events[i];

		if (event->type == EVENT_POLICY_VERDICT && event->verdict.endpoint == party->endpoint)
			return event;
	}
	return NULL;
}

static bool is_policy(uint8_t reason)
{
	return reason == DROP_POLICY_DENIED || reason == DROP_POLICY_DENY;
}

static bool is_pod(const struct party *party)
{
	return party->kind == PARTY_POD || party->kind == PARTY_REMOTE_POD;
}

/* The end that is a pod here has been asked for by now, or is not asked for at all. */
static void tell_policy(struct walk *walk, enum party_end end)
{
	const struct party *party = end == END_SOURCE ? walk->source : walk->destination;
	const struct event *verdict;

	if (party->kind != PARTY_POD || walk->judged[end] || walk->refusal)
		return;
	verdict = find_verdict(walk, party);
	if (verdict)
		verdict_of_event(walk, end, verdict);
	else
		verdict_not_asked(walk, end);
}

static void tell_drop(struct walk *walk, const char *program, const struct event *drop)
{
	const char *reason = drop_reason_text(drop->reason) ?: "an unknown reason";

	walk->refusal =
		walk_tell(walk, json_pack("{s:s, s:s, s:s}", "kind", "drop", "program", program, "reason", reason),
	                  "dropped by %s: %s", program, reason);
}

/* ── services ── */

static const struct event *find_step(const struct walk *walk, enum story_step step)
{
	for (size_t i = 0; i < walk->outcome.event_count; i++)
		if (walk->outcome.events[i].story & step)
			return &walk->outcome.events[i];
	return NULL;
}

/* From here on it goes to a backend. An event shows the packet as it was then. */
static void follow_service(struct walk *walk)
{
	const struct event *event = find_step(walk, STORY_SERVICE);
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	uint16_t port;

	if (!event || !packet_destination(event->frame, event->captured, &addr, &port) ||
	    party_find(walk->services, addr_format(&addr, text), &walk->backend, NULL))
		return;
	walk->backend.addr = addr;
	walk->destination = &walk->backend;
	walk->port = port;
	walk_tell(walk,
	          json_pack("{s:s, s:s, s:s, s:i}", "kind", "service", "backend", walk->backend.name, "address", text,
	                    "port", port),
	          "the service is translated to a backend: %s (%s), port %u", walk->backend.name, text, port);
}

/* What the program decided about the packet, up to where it sends it. */
static void tell_decisions(struct walk *walk, const char *program)
{
	const struct event *drop = find_event(walk, EVENT_DROP);

	follow_service(walk);
	if (drop && !is_policy(drop->reason)) {
		tell_drop(walk, program, drop);
		return;
	}
	tell_policy(walk, END_SOURCE);
	tell_policy(walk, END_DESTINATION);
	if (drop && !walk->refusal)
		tell_drop(walk, program, drop);
	/* The programs ask no further: what comes next, the policies know. */
	if (walk->refusal && !walk->judged[END_DESTINATION] && is_pod(walk->destination))
		verdict_of_policies(walk, END_DESTINATION);
}

/* ── where it is sent ── */

static void tell_delivery(struct walk *walk, const char *to, const char *text)
{
	walk_tell(walk, json_pack("{s:s, s:s}", "kind", "delivery", "to", to), "%s", text);
}

static void deliver_to_pod(struct walk *walk)
{
	const struct party *pod = walk->destination;
	_cleanup_free_ char *text =
		xasprintf("delivered into %s (endpoint %u, %s)", pod->name, pod->endpoint, pod->device);

	tell_delivery(walk, "pod", text);
}

/* A pod of another node is asked there; a node is not. */
static void ask_other_node(struct walk *walk, enum party_end end)
{
	const struct party *party = end == END_SOURCE ? walk->source : walk->destination;

	if (party->kind == PARTY_REMOTE_POD && !walk->refusal)
		verdict_of_policies(walk, end);
}

static void deliver_to_node(struct walk *walk, const struct event *event)
{
	const char *name = walk->destination->node ?: "another node";
	const struct node_info *node = nodes_find(walk->services->nodes, name);
	bool overlay = event->point == TRACE_TO_OVERLAY;
	_cleanup_free_ char *text = NULL;
	char address[ADDR_TEXT_MAX] = "?";

	if (node)
		addr_format(&node->address[FAMILY_V4], address);
	text = overlay ? xasprintf("encapsulated for node %s (%s), VNI = identity %u", name, address, event->vni)
	               : xasprintf("sent to node %s (%s) by the next hop", name, address);
	tell_delivery(walk, "node", text);
	ask_other_node(walk, END_DESTINATION);
}

static bool is_uplink(const struct walk *walk, uint32_t ifindex)
{
	for (size_t i = 0; i < walk->services->underlay->uplink_count; i++)
		if (walk->services->underlay->uplinks[i].ifindex == ifindex)
			return true;
	return false;
}

static void leave_by_uplink(struct walk *walk, const struct addr *before, const char *device)
{
	_cleanup_free_ char *text = NULL;
	char address[ADDR_TEXT_MAX];
	struct addr after;

	if (packet_source(&walk->packet, &after) && !addr_equal(&after, before))
		text = xasprintf("leaves by %s, masqueraded as %s", device, addr_format(&after, address));
	else
		text = xasprintf("leaves by %s from its own address", device);
	tell_delivery(walk, "network", text);
	ask_other_node(walk, END_DESTINATION);
}

/* By the host's routes: an uplink's program may have a say in it, the overlay device's, too. */
static int leave_by(struct walk *walk, const struct route *route, struct error *error)
{
	const char *program = is_uplink(walk, route->ifindex) ? "to_netdev" : NULL;
	struct addr before = {};
	struct link link;
	int r = link_get_by_index(walk->services->netlink, route->ifindex, &link, error);

	if (!r && route->ifindex == walk->services->underlay->overlay_ifindex)
		program = "to_overlay";
	if (r)
		return r;
	if (!program) {
		_cleanup_free_ char *text = xasprintf("left to the host's routes, which lead to %s", link.name);

		tell_delivery(walk, "host-routes", text);
		return 0;
	}
	packet_source(&walk->packet, &before);
	r = run(walk, program, route->ifindex, error);
	if (r)
		return r;
	tell_decisions(walk, program);
	if (walk->refusal)
		return 0;
	if (!strcmp(program, "to_netdev"))
		leave_by_uplink(walk, &before, link.name);
	else if (find_event(walk, EVENT_TRACE))
		deliver_to_node(walk, find_event(walk, EVENT_TRACE));
	return 0;
}

static int leave_by_routes(struct walk *walk, struct error *error)
{
	struct error trouble = {};
	struct route route;

	if (!route_lookup(walk->services->netlink, &walk->destination->addr, &route, &trouble))
		return leave_by(walk, &route, error);
	walk->refusal = walk_tell(walk, json_pack("{s:s, s:s}", "kind", "route", "reason", "No route"),
	                          "the host has no route to it: %s", trouble.message);
	return 0;
}

/* Where the last program has sent it. */
static int deliver(struct walk *walk, struct error *error)
{
	const struct event *event = find_event(walk, EVENT_TRACE);

	if (walk->refusal || !event)
		return 0;
	switch (event->point) {
	case TRACE_TO_ENDPOINT:
		deliver_to_pod(walk);
		return 0;
	case TRACE_TO_OVERLAY:
	case TRACE_TO_NETWORK:
		deliver_to_node(walk, event);
		return 0;
	case TRACE_TO_HOST:
		tell_delivery(walk, "host", "delivered to the host itself");
		return 0;
	default:
		return leave_by_routes(walk, error);
	}
}

/* ── by which door it comes ── */

static void build(struct walk *walk, const uint8_t *source_mac, const uint8_t *destination_mac)
{
	const struct packet_spec spec = {
		.source = &walk->source->addr,
		.destination = &walk->destination->addr,
		.source_mac = source_mac,
		.destination_mac = destination_mac,
		.protocol = walk->question->protocol,
		.port = walk->port,
	};

	packet_build(&spec, &walk->packet);
}

static int from_pod(struct walk *walk, struct error *error)
{
	const struct party *pod = walk->source;
	int r;

	build(walk, pod->mac, pod->host_mac);
	walk_tell(walk, json_pack("{s:s, s:s}", "kind", "source", "device", pod->device),
	          "sent by %s (endpoint %u, %s), identity %u", pod->name, pod->endpoint, pod->device, pod->identity);
	r = run(walk, "from_container", pod->ifindex, error);
	if (r)
		return r;
	tell_decisions(walk, "from_container");
	return deliver(walk, error);
}

/* What reaches a pod through the host's stack. */
static int through_stack_to_pod(struct walk *walk, struct error *error)
{
	const struct party *pod = walk->destination;
	int r;

	build(walk, pod->host_mac, pod->mac);
	r = run(walk, "to_container", pod->ifindex, error);
	if (r)
		return r;
	tell_decisions(walk, "to_container");
	if (!walk->refusal)
		deliver_to_pod(walk);
	return 0;
}

static int from_host(struct walk *walk, struct error *error)
{
	struct route route = {};

	/* The kernel chooses the address. */
	if (!route_lookup(walk->services->netlink, &walk->destination->addr, &route, NULL) && walk->source->example &&
	    !addr_is_zero(&route.source))
		walk->source->addr = route.source;
	walk_tell(walk, json_pack("{s:s}", "kind", "source"), "sent by this host, whose own policy is not enforced");
	if (walk->destination->kind == PARTY_POD)
		return through_stack_to_pod(walk, error);
	build(walk, NULL, NULL);
	return leave_by_routes(walk, error);
}

/* The uplink that the sender's packets come by. */
static int find_uplink(const struct walk *walk, const struct addr *sender, struct link *ret, struct error *error)
{
	const struct underlay *underlay = walk->services->underlay;
	struct route route = {};

	if (!underlay->uplink_count)
		return error_set(error, -EINVAL, "this node has no uplink that %s could come by", walk->source->name);
	if (route_lookup(walk->services->netlink, sender, &route, NULL) || !is_uplink(walk, route.ifindex))
		route.ifindex = underlay->uplinks[0].ifindex;
	return link_get_by_index(walk->services->netlink, route.ifindex, ret, error);
}

static void left_by_uplink(struct walk *walk)
{
	if (walk->destination->kind == PARTY_HOST)
		tell_delivery(walk, "host", "delivered to the host itself, whose own policy is not enforced");
	else
		verdict_of_policies(walk, END_DESTINATION);
}

static int from_world(struct walk *walk, struct error *error)
{
	struct link uplink;
	int r = find_uplink(walk, &walk->source->addr, &uplink, error);

	if (r)
		return r;
	build(walk, NULL, uplink.mac);
	r = run(walk, "from_netdev", uplink.ifindex, error);
	if (r)
		return r;
	walk_tell(walk, json_pack("{s:s, s:s}", "kind", "source", "device", uplink.name), "comes from outside by %s",
	          uplink.name);
	if (walk->outcome.verdict == TC_ACT_UNSPEC && walk->destination->kind == PARTY_POD)
		return through_stack_to_pod(walk, error);
	tell_decisions(walk, "from_netdev");
	if (walk->outcome.verdict != TC_ACT_UNSPEC)
		return deliver(walk, error);
	left_by_uplink(walk);
	return 0;
}

/* As the other node sends it. */
static int from_node(struct walk *walk, struct error *error)
{
	const struct node_info *node = nodes_find(walk->services->nodes, walk->source->node);
	const struct config *config = walk->services->config;
	struct link uplink;
	int r;

	if (!node)
		return error_set(error, -ENOENT, "the node %s is not there", walk->source->node);
	ask_other_node(walk, END_SOURCE);
	if (walk->refusal)
		return 0;
	r = find_uplink(walk, &node->address[FAMILY_V4], &uplink, error);
	if (r)
		return r;
	build(walk, NULL, config->routing_mode == ROUTING_NATIVE ? uplink.mac : NULL);
	if (config->routing_mode != ROUTING_NATIVE)
		packet_encapsulate(
			&walk->packet,
			&(struct packet_overlay){
				.source = node->address[FAMILY_V4],
				.destination = walk->services->underlay->address[FAMILY_V4],
				.destination_mac = uplink.mac,
				.port = (uint16_t)config->vxlan_port,
				.vni = walk->source->kind == PARTY_REMOTE_NODE ? IDENTITY_HOST : walk->source->identity,
			});
	walk_tell(walk, json_pack("{s:s, s:s}", "kind", "source", "device", uplink.name),
	          "comes from node %s by %s, identity %u", node->name, uplink.name, walk->source->identity);
	r = run(walk, "from_netdev", uplink.ifindex, error);
	if (r)
		return r;
	if (walk->outcome.verdict == TC_ACT_UNSPEC) {
		left_by_uplink(walk);
		return 0;
	}
	tell_decisions(walk, "from_netdev");
	return deliver(walk, error);
}

/* ── the whole ── */

static bool is_here(const struct party *party)
{
	return party->kind == PARTY_POD || party->kind == PARTY_HOST;
}

static int check_ends(const struct walk *walk, struct error *error)
{
	const struct party *source = walk->source, *destination = walk->destination;
	const char *node = source->node ?: destination->node;

	if (!is_here(source) && !is_here(destination))
		return error_set(error, -EINVAL, "neither %s nor %s is on this node: ask %s%s", source->name,
		                 destination->name, node ? "the agent of " : "about a pod or node", node ?: "");
	if (source->kind == PARTY_POD && source->endpoint == destination->endpoint)
		return error_set(error, -EINVAL, "what %s sends to itself does not leave it: it is always allowed",
		                 source->name);
	if (source->kind == PARTY_HOST && destination->kind == PARTY_HOST)
		return error_set(error, -EINVAL, "what the host sends to itself does not leave it: no program sees it");
	return 0;
}

int walk_all(struct walk *walk, struct error *error)
{
	int r = check_ends(walk, error);

	if (r)
		return r;
	r = dry_run_forget(walk->programs);
	if (r)
		return error_set_errno(error, r, "cannot begin a question");
	switch (walk->source->kind) {
	case PARTY_POD:
		return from_pod(walk, error);
	case PARTY_HOST:
		return from_host(walk, error);
	case PARTY_WORLD:
		return from_world(walk, error);
	default:
		return from_node(walk, error);
	}
}
