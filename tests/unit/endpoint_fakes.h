/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoints stand on, for their tests: a datapath, addresses, identities and publications that only remember what
 * they were told, and a fault that can be set before the n-th step that may fail. The wires are real, in network
 * namespaces of the test's own.
 */
#ifndef PILUS_TESTS_ENDPOINT_FAKES_H
#define PILUS_TESTS_ENDPOINT_FAKES_H

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "agent/endpoint/entry.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "net/link.h"
#include "net/netns.h"

#define FAKE_IDS 64

/* One of everything: tests start with it zeroed. */
static struct fakes {
	unsigned step, fault_at; /* 0: none */
	struct endpoint map[FAKE_IDS];
	uint32_t attached[FAKE_IDS];
	uint64_t namespace[FAKE_IDS]; /* cookies */
	unsigned hasty;
	unsigned epoch;
	struct addr allocated[FAKE_IDS]; /* addresses in use */
	struct addr published[FAKE_IDS];
	uint32_t published_identity;
	uint32_t identity; /* the answer; 0: the store is down */
	struct endpoint_entry *asking;
	unsigned asked;
	struct prefix cidr[FAMILIES];
	struct addr router[FAMILIES];
	bool refuse_ipv6;
	unsigned joined; /* endpoints that have a policy */
	uint32_t policy; /* the set that it is; 0: not known yet */
	char events[4096];
} fakes;

static inline int fault(struct error *error)
{
	if (++fakes.step != fakes.fault_at)
		return 0;
	return error_set(error, -EIO, "step %u was made to fail", fakes.step);
}

static inline size_t count_addrs(const struct addr *addrs)
{
	size_t count = 0;

	for (size_t i = 0; i < FAKE_IDS; i++)
		count += !addr_is_zero(&addrs[i]);
	return count;
}

static inline struct addr *find_addr(struct addr *addrs, const struct addr *addr)
{
	for (size_t i = 0; i < FAKE_IDS; i++) {
		if (addr_equal(&addrs[i], addr))
			return &addrs[i];
	}
	return NULL;
}

static inline void add_addr(struct addr *addrs, const struct addr *addr)
{
	if (!find_addr(addrs, addr))
		*find_addr(addrs, &(struct addr){}) = *addr;
}

static inline void remove_addr(struct addr *addrs, const struct addr *addr)
{
	struct addr *found = find_addr(addrs, addr);

	if (found)
		*found = (struct addr){};
}

/* ── datapath and maps ── */

const struct maps *__wrap_datapath_maps(const struct datapath *datapath)
{
	return NULL;
}

int __wrap_datapath_attach(struct datapath *datapath, enum device_kind kind, uint32_t ifindex, const char *device,
                           struct error *error)
{
	uint16_t id;

	if (fault(error))
		return -EIO;
	assert_int_equal(kind, DEVICE_ENDPOINT);
	assert_int_equal(endpoint_id_of_device(device, &id), 0);
	fakes.hasty += fakes.attached[id] != ifindex;
	fakes.attached[id] = ifindex;
	return 0;
}

bool __wrap_datapath_is_waiting(const struct datapath *datapath)
{
	return false;
}

int __wrap_datapath_settle(struct datapath *datapath, struct error *error)
{
	if (!fakes.hasty)
		return 0;
	fakes.hasty--;
	return 1;
}

int __wrap_datapath_detach(struct datapath *datapath, uint32_t ifindex, const char *device)
{
	uint16_t id;

	assert_int_equal(endpoint_id_of_device(device, &id), 0);
	fakes.attached[id] = 0;
	return 0;
}

int __wrap_datapath_check(const struct datapath *datapath, enum device_kind kind, uint32_t ifindex, struct error *error)
{
	for (uint16_t id = 1; id < FAKE_IDS; id++) {
		if (ifindex && fakes.attached[id] == ifindex)
			return 0;
	}
	return ifindex ? error_set(error, -ENOENT, "no programs") : 0;
}

int __wrap_datapath_check_cgroup(const struct datapath *datapath, struct error *error)
{
	return 0;
}

void __wrap_maps_bump_epoch(const struct maps *maps)
{
	fakes.epoch++;
}

int __wrap_endpoint_map_set(const struct maps *maps, uint16_t id, const struct endpoint *endpoint)
{
	if (fault(NULL))
		return -EIO;
	fakes.map[id] = *endpoint;
	return 0;
}

int __wrap_namespace_map_set(const struct maps *maps, uint64_t cookie, uint16_t id)
{
	fakes.namespace[id] = cookie;
	return 0;
}

int __wrap_namespace_map_delete(const struct maps *maps, uint64_t cookie)
{
	for (uint16_t id = 1; id < FAKE_IDS; id++)
		if (fakes.namespace[id] == cookie)
			fakes.namespace[id] = 0;
	return 0;
}

int __wrap_namespace_map_each(const struct maps *maps, int (*each)(uint64_t cookie, uint16_t endpoint, void *userdata),
                              void *userdata)
{
	for (uint16_t id = 1; id < FAKE_IDS; id++)
		if (fakes.namespace[id])
			each(fakes.namespace[id], id, userdata);
	return 0;
}

int __wrap_endpoint_map_check(const struct maps *maps, uint16_t id, const struct endpoint *endpoint)
{
	return memcmp(&fakes.map[id], endpoint, sizeof(*endpoint)) ? -ENOENT : 0;
}

int __wrap_endpoint_map_clear(const struct maps *maps, uint16_t id)
{
	fakes.map[id] = (struct endpoint){};
	return 0;
}

int __wrap_endpoint_map_each(const struct maps *maps,
                             int (*each)(uint16_t id, const struct endpoint *endpoint, void *userdata), void *userdata)
{
	for (uint16_t id = 1; id < FAKE_IDS; id++) {
		if (fakes.map[id].ifindex)
			each(id, &fakes.map[id], userdata);
	}
	return 0;
}

int __wrap_endpoint_map_get(const struct maps *maps, uint16_t id, struct endpoint *ret)
{
	if (!fakes.map[id].ifindex)
		return -ENOENT;
	*ret = fakes.map[id];
	return 0;
}

/* ── policies ── */

struct endpoint_policy __wrap_policies_unknown(const struct policies *policies)
{
	return (struct endpoint_policy){.flags = ENDPOINT_ASKS(POLICY_INGRESS) | ENDPOINT_CLOSES(POLICY_INGRESS)};
}

void __wrap_policies_join(struct policies *policies, uint32_t identity, json_t *labels, struct endpoint_policy *policy)
{
	fakes.joined++;
	if (fakes.policy)
		*policy = (struct endpoint_policy){.set = fakes.policy};
}

void __wrap_policies_leave(struct policies *policies, uint32_t identity)
{
	fakes.joined--;
}

/* ── addresses ── */

const struct prefix *__wrap_ipam_cidr(const struct ipam *ipam, enum family family)
{
	return &fakes.cidr[family];
}

const struct addr *__wrap_ipam_router(const struct ipam *ipam, enum family family)
{
	return &fakes.router[family];
}

int __wrap_ipam_allocate(struct ipam *ipam, enum family family, const char *owner, struct addr *ret,
                         struct error *error)
{
	if (fault(error))
		return -EIO;
	for (unsigned i = 2;; i++) {
		struct addr addr = addr_add(&fakes.cidr[family].addr, i);

		if (find_addr(fakes.allocated, &addr))
			continue;
		add_addr(fakes.allocated, &addr);
		*ret = addr;
		return 0;
	}
}

int __wrap_ipam_claim(struct ipam *ipam, const struct addr *addr, const char *owner, struct error *error)
{
	if (find_addr(fakes.allocated, addr))
		return error_set(error, -EEXIST, "somebody has that address");
	add_addr(fakes.allocated, addr);
	return 0;
}

void __wrap_ipam_release(struct ipam *ipam, const struct addr *addr)
{
	remove_addr(fakes.allocated, addr);
}

/* ── identities: answered by fakes_answer, from the test ── */

static struct {
	void (*resolved)(void *userdata, uint32_t identity, const struct error *error);
	void *userdata;
} questions[FAKE_IDS];

struct identity_request *__wrap_identity_resolve(struct identities *identities, json_t *labels,
                                                 void (*resolved)(void *userdata, uint32_t identity,
                                                                  const struct error *error),
                                                 void *userdata)
{
	for (size_t i = 0; i < FAKE_IDS; i++) {
		if (questions[i].resolved)
			continue;
		questions[i].resolved = resolved;
		questions[i].userdata = userdata;
		fakes.asked++;
		return (void *)&questions[i];
	}
	fail();
	return NULL;
}

void __wrap_identity_request_cancel(struct identity_request *request)
{
	memset(request, 0, sizeof(questions[0]));
}

json_t *__wrap_identity_labels(const struct identities *identities, uint32_t identity)
{
	static json_t *init, *health;

	if (!init) {
		init = json_pack("[s]", "reserved:init");
		health = json_pack("[s]", "reserved:health");
	}
	return identity == IDENTITY_HEALTH ? health : init;
}

/* Answers all questions with fakes.identity, or that the store is down. Returns how many there were. */
static inline unsigned fakes_answer(void)
{
	struct error error;
	unsigned count = 0;

	error_set(&error, -EAGAIN, "the store is down");
	for (size_t i = 0; i < FAKE_IDS; i++) {
		__typeof__(questions[0]) question = questions[i];

		if (!question.resolved)
			continue;
		memset(&questions[i], 0, sizeof(questions[i]));
		question.resolved(question.userdata, fakes.identity, fakes.identity ? NULL : &error);
		count++;
	}
	return count;
}

/* ── publications and events ── */

void __wrap_ipcache_publish(struct ipcache *ipcache, const struct ipcache_publication *publication)
{
	add_addr(fakes.published, &publication->addr);
	fakes.published_identity = publication->identity;
}

int __wrap_ipcache_get(const struct maps *maps, const struct addr *addr, struct ipcache_entry *ret)
{
	bool host = addr_equal(addr, &fakes.router[FAMILY_V4]) || addr_equal(addr, &fakes.router[FAMILY_V6]);

	if (!host && !find_addr(fakes.published, addr))
		return -ENOENT;
	*ret = (struct ipcache_entry){.identity = host ? IDENTITY_HOST : fakes.published_identity};
	return 0;
}

void __wrap_ipcache_withdraw(struct ipcache *ipcache, const struct addr *addr)
{
	remove_addr(fakes.published, addr);
}

void __wrap_monitor_agent_event(struct monitor *monitor, const char *kind, json_t *details, const char *format, ...)
{
	assert_non_null(details);
	json_decref(details);
	strncat(fakes.events, kind, sizeof(fakes.events) - strlen(fakes.events) - 2);
	strcat(fakes.events, ";");
}

/* ── the real ones, which may be made to fail ── */

int __real_link_add_veth(struct netlink *netlink, const struct veth *veth, struct error *error);
int __wrap_link_add_veth(struct netlink *netlink, const struct veth *veth, struct error *error)
{
	return fault(error) ?: __real_link_add_veth(netlink, veth, error);
}

int __real_link_set_up(struct netlink *netlink, uint32_t ifindex, struct error *error);
int __wrap_link_set_up(struct netlink *netlink, uint32_t ifindex, struct error *error)
{
	return fault(error) ?: __real_link_set_up(netlink, ifindex, error);
}

int __real_link_add_address(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits,
                            struct error *error);
int __wrap_link_add_address(struct netlink *netlink, uint32_t ifindex, const struct addr *addr, uint8_t prefix_bits,
                            struct error *error)
{
	return fault(error) ?: __real_link_add_address(netlink, ifindex, addr, prefix_bits, error);
}

int __real_route_set(struct netlink *netlink, const struct route *route, struct error *error);
int __wrap_route_set(struct netlink *netlink, const struct route *route, struct error *error)
{
	return fault(error) ?: __real_route_set(netlink, route, error);
}

int __real_neighbour_set(struct netlink *netlink, uint32_t ifindex, const struct addr *addr,
                         const uint8_t mac[static 6], struct error *error);
int __wrap_neighbour_set(struct netlink *netlink, uint32_t ifindex, const struct addr *addr,
                         const uint8_t mac[static 6], struct error *error)
{
	return fault(error) ?: __real_neighbour_set(netlink, ifindex, addr, mac, error);
}

int __real_netns_call(int netns_fd, int (*function)(void *userdata), void *userdata, struct error *error);
int __wrap_netns_call(int netns_fd, int (*function)(void *userdata), void *userdata, struct error *error)
{
	return fault(error) ?: __real_netns_call(netns_fd, function, userdata, error);
}

int __real_pod_link_enable_ipv6(const struct pod_place *place, struct error *error);
int __wrap_pod_link_enable_ipv6(const struct pod_place *place, struct error *error)
{
	return fakes.refuse_ipv6 ? error_set(error, -EACCES, "no IPv6 here")
	                         : __real_pod_link_enable_ipv6(place, error);
}

int __real_netlink_open(const char *netns_path, struct netlink **ret, struct error *error);
int __wrap_netlink_open(const char *netns_path, struct netlink **ret, struct error *error)
{
	return fault(error) ?: __real_netlink_open(netns_path, ret, error);
}

int __real_file_write_atomic(const char *path, const char *data, size_t size, mode_t mode);
int __wrap_file_write_atomic(const char *path, const char *data, size_t size, mode_t mode)
{
	return fault(NULL) ?: __real_file_write_atomic(path, data, size, mode);
}

#endif
