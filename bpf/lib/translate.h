/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Services, packet by packet: for raw sockets, processes in other cgroups, and clients outside. See abi/service.h and
 * abi/nat.h.
 *
 * Where a packet arrives, its destination becomes a backend's (translate_arriving): its flow is the client's with the
 * backend, which policies judge. Where one leaves, its source is replaced if the flow says so (translate_leaving): an
 * answer's becomes the service's. An established packet of any other flow costs nothing.
 */
#ifndef PILUS_BPF_TRANSLATE_H
#define PILUS_BPF_TRANSLATE_H

#include "nat.h"
#include "service.h"

/* Neither a mapping nor a drop reason: dropped for DROP_NO_SERVICE_BACKEND, and the client is told (reject.h). */
#define TRANSLATE_REJECT 1000

static __always_inline _Bool translate_opens(const struct packet *packet)
{
	return packet->tuple.protocol != PROTOCOL_TCP || (packet->tuple.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

static __always_inline _Bool translate_is_service(const struct nat_entry *entry)
{
	return entry->kind == NAT_SERVICE || entry->kind == NAT_DIRECT;
}

/* Is the backend of the mapping still there? One that is leaving keeps its connections, and gets no new ones. */
static __always_inline _Bool translate_holds(const struct nat_work *work, const struct packet *packet)
{
	struct backend *backend = backend_by_id(work->entry.backend);

	if (!work->entry.backend) /* another node told of it: an endpoint here (direct.h) */
		return !translate_opens(packet) && local_lookup(&work->entry.addr);
	return backend && addr_equal(&backend->addr, &work->entry.addr) && backend->port == work->entry.port &&
	       (backend->serves || packet->tuple.protocol != PROTOCOL_TCP || !translate_opens(packet));
}

/* May the client, whom the service has served, be none of those any more whom it is to serve? Asked of connections that
 * open: TCP's from a port whose mapping has not aged yet. */
static __always_inline _Bool translate_may_be_refused(const struct nat_work *work, const struct packet *packet,
                                                      __u8 side)
{
	return side == SERVICE_OUTSIDE && packet->tuple.protocol == PROTOCOL_TCP && translate_opens(packet) &&
	       translate_is_service(&work->entry);
}

/* The last mapping wins: a client may use its port anew, for another service with the same backend. */
static __always_inline int translate_write(struct nat_work *work)
{
	nat_find_other(work);
	bpf_map_delete_elem(&pilus_nat, &work->other_key); /* would be found before */
	if (nat_put(&work->other_key, &work->other, BPF_ANY) || nat_put(&work->key, &work->entry, BPF_ANY))
		return DROP_NO_NAT_MAPPING;
	return 0;
}

/* Does its node translate and answer directly? That needs the overlay, which tells it to, and a client that is behind
 * no node. */
static __always_inline __u8 translate_kind(const struct service *service, const struct packet *packet,
                                           const struct backend *backend, __u8 side)
{
	_Bool direct = side == SERVICE_OUTSIDE && service->flags & SERVICE_DSR && !config.native &&
	               ipcache_lookup(&backend->addr).node && !ipcache_lookup(&packet->tuple.source).node;

	return direct ? NAT_DIRECT : NAT_SERVICE;
}

/* Maps the connection to a backend of the service. SCTP has to keep its port: there is no mending its checksum. */
static __always_inline int translate_map(struct nat_work *work, const struct packet *packet,
                                         const struct service *service, __u8 side)
{
	struct service_client client = {
		.affinity.client = packet->tuple.source, .hash = packet_hash(packet), .side = side};
	__u32 id = service_choose(service, &client);
	struct backend *backend = backend_by_id(id);
	__u64 now = bpf_ktime_get_coarse_ns();

	if (!backend)
		return DROP_NO_SERVICE_BACKEND;
	if (packet->tuple.protocol == PROTOCOL_SCTP && backend->port != packet->tuple.destination_port)
		return DROP_NAT_UNSUPPORTED;
	work->entry = (struct nat_entry){.addr = backend->addr,
	                                 .port = backend->port,
	                                 .end = NAT_DESTINATION,
	                                 .kind = translate_kind(service, packet, backend, side),
	                                 .backend = id,
	                                 .created = now,
	                                 .checked = now};
	return translate_write(work);
}

/* Finds the mapping of a packet that arrives, or makes one if it is for a service. Returns 0, a drop reason or
 * NAT_NONE, or TRANSLATE_REJECT. */
VERIFIED_ONCE int translate_find(struct packet *packet, __u8 side)
{
	struct nat_work *work = nat_work();
	struct service *service;
	_Bool found, holds;
	int reason;

	if (!packet || !work)
		return NAT_NONE;
	nat_key(&work->key, &packet->tuple);
	found = nat_find(work, NAT_DESTINATION);
	holds = found && (!translate_is_service(&work->entry) || translate_holds(work, packet));
	if (holds && !translate_may_be_refused(work, packet, side))
		return 0;
	service = config.services ? service_find(&packet->tuple.destination, packet->tuple.destination_port,
	                                         packet->tuple.protocol, side)
	                          : NULL;
	if (service && side == SERVICE_OUTSIDE && !service_serves(service, &packet->tuple.source))
		return DROP_SOURCE_RANGE_DENIED;
	if (holds)
		return 0;
	if (!service || (found && !translate_opens(packet)))
		return found ? TRANSLATE_REJECT : NAT_NONE;
	reason = translate_map(work, packet, service, side);
	return reason == DROP_NO_SERVICE_BACKEND && !(service->flags & SERVICE_DROPS) ? TRANSLATE_REJECT : reason;
}

VERIFIED_ONCE int translate_destination(struct __sk_buff *skb, struct packet *packet, __u8 side)
{
	struct nat_work *work = nat_work();
	int reason;

	if (!packet || !work || packet->ahead)
		return NAT_NONE;
	reason = translate_find(packet, side);
	if (reason)
		return reason;
	/* The later ones are asked for by the addresses that they come with. */
	if (packet->first_fragment)
		fragment_remember(packet);
	nat_prepare_rewrite(work);
	reason = nat_apply(skb, packet, work);
	return !reason && work->entry.kind == NAT_HOST ? NAT_NONE : reason;
}

/*
 * A packet that arrives, from a client on `side` to a service, or as an answer to the masquerade or a detour. Returns
 * 0, a drop reason or, of all else and of what the host had asked for, NAT_NONE; or TRANSLATE_REJECT.
 */
static __always_inline int translate_arriving(struct __sk_buff *skb, struct packet *packet, __u8 side)
{
	if (packet->tuple.related)
		return nat_translate_error(skb, packet, NAT_DESTINATION, NAT_POD);
	return translate_destination(skb, packet, side);
}

/* By a mapping of this kind that is there. Returns 0, a drop reason or NAT_NONE. */
VERIFIED_ONCE int translate_told(struct __sk_buff *skb, struct packet *packet, __u8 kind)
{
	struct nat_work *work = nat_work();

	if (!packet || !work || packet->ahead)
		return NAT_NONE;
	nat_key(&work->key, &packet->tuple);
	if (!nat_find(work, NAT_DESTINATION) || work->entry.kind != kind)
		return NAT_NONE;
	if (packet->first_fragment)
		fragment_remember(packet);
	nat_prepare_rewrite(work);
	return nat_apply(skb, packet, work);
}

/* What a backend of another node answers by this one: it is for the client. Returns 0, a drop reason or, of all else,
 * NAT_NONE. */
static __always_inline int translate_returning(struct __sk_buff *skb, struct packet *packet)
{
	return packet->tuple.related ? nat_translate_error(skb, packet, NAT_DESTINATION, NAT_DETOUR)
	                             : translate_told(skb, packet, NAT_DETOUR);
}

/* The pods' gateway, which a pod answers that is its own client: its answer to its own address would not come out. */
static __always_inline struct addr translate_gateway(const struct packet *packet)
{
	if (packet->tuple.ethertype == bpf_htons(ETH_P_IP))
		return addr_from_v4(bpf_htonl(0xa9fe0101)); /* 169.254.1.1 */
	return (struct addr){.word = {bpf_htonl(0xfe800000), 0, 0, bpf_htonl(1)}};
}

VERIFIED_ONCE int translate_source(struct __sk_buff *skb, struct packet *packet, struct addr *detour)
{
	struct nat_work *work = nat_work();
	int reason;

	if (!packet || !work)
		return DROP_NO_NAT_MAPPING;
	nat_key(&work->key, &packet->tuple);
	if (!nat_find(work, NAT_SOURCE) || work->entry.kind < NAT_SERVICE) {
		if (!detour)
			return DROP_NO_NAT_MAPPING;
		work->other.addr = *detour;
		reason = nat_map(skb, NAT_DETOUR);
		if (reason)
			return reason;
	}
	nat_prepare_rewrite(work);
	return nat_apply(skb, packet, work);
}

/*
 * A packet that leaves. `detour`: it goes to a backend that would not answer by this node, so it gets the address in
 * *detour where it has none yet. Returns 0 or a drop reason.
 */
static __always_inline int translate_leaving(struct __sk_buff *skb, struct packet *packet, struct addr *detour)
{
	int reason;

	if (!packet->tuple.related)
		return translate_source(skb, packet, detour);
	reason = nat_translate_error(skb, packet, NAT_SOURCE, NAT_SERVICE);
	return reason == NAT_NONE ? 0 : reason;
}

/* Into a pod. Returns 0 or a drop reason. */
static __always_inline int translate_for_endpoint(struct __sk_buff *skb, struct packet *packet, __u16 id)
{
	struct addr gateway;

	if (!config.services || likely(!packet->mapped && !packet->translated))
		return 0;
	if (packet->translated && packet->source_endpoint == id) {
		gateway = translate_gateway(packet);
		return translate_leaving(skb, packet, &gateway);
	}
	return packet->mapped ? translate_leaving(skb, packet, NULL) : 0;
}

#endif
