/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the keys of a configuration fit together.
 */
#include <errno.h>

#include "agent/config/keys.h"
#include "agent/node/node.h"
#include "service/slots.h"

/* An IPv6 device carries at least this much (RFC 8200 section 5), an IPv4 host takes this much (RFC 791). */
#define MTU_MIN_IPV6 1280
#define MTU_MIN_IPV4 576

#define FLOW_TABLE_MIN 16

/* Smaller than this, nothing is left between network, router and broadcast. */
#define BLOCK_BITS_MAX (ADDR_BITS - 2)

static const char *const not_for_unicast[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
                                              "::/127",    "fe80::/10",   "ff00::/8"};

static int check_prefix(const struct prefix *prefix, struct error *error)
{
	char text[PREFIX_TEXT_MAX];

	if (!prefix->bits)
		return 0;
	for (size_t i = 0; i < sizeof(not_for_unicast) / sizeof(not_for_unicast[0]); i++) {
		struct prefix taken;

		prefix_parse(not_for_unicast[i], &taken);
		if (prefix_overlaps(prefix, &taken))
			return error_set(error, -EINVAL, "%s overlaps %s, which is not for pods: choose another",
			                 prefix_format(prefix, text), not_for_unicast[i]);
	}
	if (prefix->bits > BLOCK_BITS_MAX)
		return error_set(error, -EINVAL, "%s is too small for pods: choose /%u or larger",
		                 prefix_format(prefix, text), prefix_is_v4(prefix) ? 30 : 126);
	return 0;
}

static int check_prefixes(const struct prefix prefixes[FAMILIES], struct error *error)
{
	int result = check_prefix(&prefixes[FAMILY_V4], error);

	return result < 0 ? result : check_prefix(&prefixes[FAMILY_V6], error);
}

static int check_pod_cidrs(const struct config *config, struct error *error)
{
	bool any = config->pod_cidr[FAMILY_V4].bits || config->pod_cidr[FAMILY_V6].bits;

	if (any && config->ipam != IPAM_HOST_SCOPE)
		return error_set(error, -EINVAL,
		                 "with ipam: cluster-pool the node's CIDRs come from the pool: remove this key");
	return check_prefixes(config->pod_cidr, error);
}

static int check_pool_cidrs(const struct config *config, struct error *error)
{
	bool any = config->pool_cidr[FAMILY_V4].bits || config->pool_cidr[FAMILY_V6].bits;

	if (any && config->ipam != IPAM_CLUSTER_POOL)
		return error_set(error, -EINVAL, "is for ipam: cluster-pool only: set that, or remove this key");
	if (!any && config->ipam == IPAM_CLUSTER_POOL)
		return error_set(error, -EINVAL, "ipam: cluster-pool needs at least one CIDR here");
	return check_prefixes(config->pool_cidr, error);
}

static int check_pool_mask(const struct config *config, enum family family, struct error *error)
{
	const struct prefix *pool = &config->pool_cidr[family];
	char text[PREFIX_TEXT_MAX];

	if (pool->bits && config->pool_mask[family] < prefix_length(pool))
		return error_set(error, -EINVAL, "blocks of /%u do not fit into the pool %s: choose %u or more",
		                 config->pool_mask[family], prefix_format(pool, text), prefix_length(pool));
	return 0;
}

static int check_pool_mask_v4(const struct config *config, struct error *error)
{
	return check_pool_mask(config, FAMILY_V4, error);
}

static int check_pool_mask_v6(const struct config *config, struct error *error)
{
	return check_pool_mask(config, FAMILY_V6, error);
}

static int check_node_address(const struct config *config, const struct addr *addr, struct error *error)
{
	const struct prefix *pods[] = {&config->pod_cidr[FAMILY_V4], &config->pod_cidr[FAMILY_V6],
	                               &config->pool_cidr[FAMILY_V4], &config->pool_cidr[FAMILY_V6]};
	char text[ADDR_TEXT_MAX], prefix_text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < sizeof(not_for_unicast) / sizeof(not_for_unicast[0]); i++) {
		struct prefix taken;

		prefix_parse(not_for_unicast[i], &taken);
		if (prefix_contains(&taken, addr))
			return error_set(error, -EINVAL, "%s is no address other nodes could reach: choose another",
			                 addr_format(addr, text));
	}
	for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i++)
		if (pods[i]->bits && prefix_contains(pods[i], addr))
			return error_set(error, -EINVAL, "%s lies in %s, which is for pods: choose another",
			                 addr_format(addr, text), prefix_format(pods[i], prefix_text));
	return 0;
}

static int check_node_addresses(const struct config *config, struct error *error)
{
	const struct addr *v4 = &config->node_address[FAMILY_V4], *v6 = &config->node_address[FAMILY_V6];
	int result = 0;

	if (!addr_is_zero(v6) && addr_is_zero(v4))
		return error_set(error, -EINVAL, "the overlay runs over IPv4: add an IPv4 address");
	if (!addr_is_zero(v4))
		result = check_node_address(config, v4, error);
	if (result == 0 && !addr_is_zero(v6))
		result = check_node_address(config, v6, error);
	return result;
}

static int check_mtu(const struct config *config, struct error *error)
{
	bool v6 = config->pod_cidr[FAMILY_V6].bits || config->pool_cidr[FAMILY_V6].bits;
	uint32_t min = overlay_overhead(config) + (v6 ? MTU_MIN_IPV6 : MTU_MIN_IPV4);

	if (config->mtu && config->mtu < min)
		return error_set(error, -EINVAL, "%u leaves too little for %s pods%s: choose 0, or %u or more",
		                 config->mtu, v6 ? "IPv6" : "IPv4",
		                 overlay_overhead(config) ? " behind the overlay" : "", min);
	return 0;
}

static int check_flow_table_size(const struct config *config, struct error *error)
{
	if (config->flow_table_size && config->flow_table_size < FLOW_TABLE_MIN)
		return error_set(error, -EINVAL, "%u flows are too few: choose 0, or %u or more",
		                 config->flow_table_size, FLOW_TABLE_MIN);
	return 0;
}

static int check_maglev_table_size(const struct config *config, struct error *error)
{
#define X(size) " " #size
	if (!maglev_size_is_valid(config->maglev_table_size))
		return error_set(error, -EINVAL, "%u is none of the sizes that suit:" MAGLEV_SIZES(X),
		                 config->maglev_table_size);
#undef X
	return 0;
}

static int check_accelerate(const struct config *config, struct error *error)
{
	if (config->accelerate != ACCELERATE_NONE && !config->kube_proxy_replacement)
		return error_set(error, -EINVAL,
		                 "there are no services to accelerate: set kube-proxy-replacement: true");
	return 0;
}

static const struct {
	const char *key;
	int (*check)(const struct config *config, struct error *error);
} checks[] = {
	{"pod-cidrs", check_pod_cidrs},
	{"cluster-pool-cidrs", check_pool_cidrs},
	{"cluster-pool-mask-ipv4", check_pool_mask_v4},
	{"cluster-pool-mask-ipv6", check_pool_mask_v6},
	{"node-addresses", check_node_addresses},
	{"mtu", check_mtu},
	{"flow-table-size", check_flow_table_size},
	{"lb-maglev-table-size", check_maglev_table_size},
	{"accelerate", check_accelerate},
};

int config_check(const struct config *config, const char **ret_key, struct error *error)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int result = checks[i].check(config, error);

		if (result < 0) {
			*ret_key = checks[i].key;
			return result;
		}
	}
	return config_check_store(config, ret_key, error);
}
