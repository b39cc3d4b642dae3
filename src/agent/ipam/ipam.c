/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPAM: where this node's pod CIDRs come from, and a pool of addresses for each.
 */
#include "agent/ipam/ipam.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/ipam/address_pool.h"
#include "agent/ipam/block_claim.h"
#include "base/memory.h"

struct ipam {
	const struct config *config;
	struct block_claim *claim; /* cluster-pool only */
	uv_timer_t soon;           /* host-scope: ready in the next turn of the loop */
	struct address_pool *pools[FAMILIES];
	bool ready;
	void (*tell)(void *userdata, int result, const struct error *error);
	void *userdata;
};

static void cidrs_known(void *userdata, int result, const struct prefix cidrs[FAMILIES], const struct error *error)
{
	struct ipam *ipam = userdata;

	for (enum family family = 0; result == 0 && family < FAMILIES; family++)
		if (cidrs[family].bits)
			ipam->pools[family] = address_pool_new(&cidrs[family]);
	ipam->ready |= result == 0;
	ipam->tell(ipam->userdata, result, error);
}

static void use_configured(uv_timer_t *soon)
{
	struct ipam *ipam = soon->data;

	cidrs_known(ipam, 0, ipam->config->pod_cidr, &(struct error){});
}

struct ipam *ipam_new(uv_loop_t *loop, const struct config *config, struct store *store,
                      void (*ready)(void *userdata, int result, const struct error *error), void *userdata)
{
	struct ipam *ipam = xnew(struct ipam);

	ipam->config = config;
	ipam->tell = ready;
	ipam->userdata = userdata;
	ipam->soon.data = ipam;
	uv_timer_init(loop, &ipam->soon);
	if (config->ipam == IPAM_CLUSTER_POOL)
		ipam->claim = block_claim_new(loop, config, store, cidrs_known, ipam);
	else
		uv_timer_start(&ipam->soon, use_configured, 0, 0);
	return ipam;
}

static void free_closed(uv_handle_t *soon)
{
	free(soon->data);
}

void ipam_free(struct ipam *ipam)
{
	if (!ipam)
		return;
	block_claim_free(ipam->claim);
	for (enum family family = 0; family < FAMILIES; family++)
		address_pool_free(ipam->pools[family]);
	uv_close((uv_handle_t *)&ipam->soon, free_closed);
}

void ipam_forget_node(struct ipam *ipam, const char *name)
{
	if (ipam->claim)
		block_claim_forget_node(ipam->claim, name);
}

const struct prefix *ipam_cidr(const struct ipam *ipam, enum family family)
{
	static const struct prefix none;

	return ipam->pools[family] ? address_pool_cidr(ipam->pools[family]) : &none;
}

const struct addr *ipam_router(const struct ipam *ipam, enum family family)
{
	static const struct addr none;

	return ipam->pools[family] ? address_pool_router(ipam->pools[family]) : &none;
}

static int refuse_family(const struct ipam *ipam, enum family family, struct error *error)
{
	const char *name = family == FAMILY_V4 ? "IPv4" : "IPv6";
	bool pool = ipam->config->ipam == IPAM_CLUSTER_POOL;

	if (!ipam->ready)
		return error_set(error, -EAGAIN, "this node has no pod CIDRs yet: try again");
	return error_set(error, -EAFNOSUPPORT, "this node has no %s pod CIDR: add one to %s", name,
	                 pool ? "cluster-pool-cidrs" : "pod-cidrs");
}

int ipam_allocate(struct ipam *ipam, enum family family, const char *owner, struct addr *ret, struct error *error)
{
	if (!ipam->pools[family])
		return refuse_family(ipam, family, error);
	return address_pool_allocate(ipam->pools[family], owner, ret, error);
}

static enum family family_of(const struct addr *addr)
{
	return addr_is_v4(addr) ? FAMILY_V4 : FAMILY_V6;
}

int ipam_claim(struct ipam *ipam, const struct addr *addr, const char *owner, struct error *error)
{
	struct address_pool *pool = ipam->pools[family_of(addr)];
	char text[ADDR_TEXT_MAX];

	if (!pool)
		return error_set(error, -EINVAL, "%s lies outside of this node's pod CIDRs", addr_format(addr, text));
	return address_pool_claim(pool, addr, owner, error);
}

void ipam_release(struct ipam *ipam, const struct addr *addr)
{
	struct address_pool *pool = ipam->pools[family_of(addr)];

	if (pool)
		address_pool_release(pool, addr);
}

json_t *ipam_status(const struct ipam *ipam)
{
	const char *mode = ipam->config->ipam == IPAM_CLUSTER_POOL ? "cluster-pool" : "host-scope";
	json_t *pools = json_array(), *allocations = json_array();

	for (enum family family = 0; family < FAMILIES; family++)
		if (ipam->pools[family])
			address_pool_show(ipam->pools[family], pools, allocations);
	return json_pack("{s:s, s:o, s:o}", "mode", mode, "pools", pools, "allocations", allocations);
}
