/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses are given in order, round and round. What was released cools down for a while: peers may still have
 * connections to, or caches of, the endpoint that had it. Memory follows use: only addresses in use or cooling are
 * kept.
 */
#include "agent/ipam/address_pool.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* So many releases later, an address may be given again though others were never used. */
#define COOLING_MAX 256

#define ROUTER_OFFSET 1
#define ROUTER_OWNER  "router"

struct address {
	struct addr addr;
	char *owner; /* NULL: cooling */
	UT_hash_handle hh;
	struct address *prev, *next; /* while cooling: longest first */
};

struct address_pool {
	struct prefix cidr;
	struct addr router;
	uint64_t size; /* offsets 1 … size: all but network and broadcast */
	uint64_t next; /* the offset to look at next */
	struct address *addresses;
	struct address *cooling;
	unsigned cooling_count;
};

static struct address *find(const struct address_pool *pool, const struct addr *addr)
{
	struct address *address;

	HASH_FIND(hh, pool->addresses, addr, sizeof(*addr), address);
	return address;
}

static struct address *add(struct address_pool *pool, const struct addr *addr)
{
	struct address *address = xnew(struct address);

	address->addr = *addr;
	HASH_ADD(hh, pool->addresses, addr, sizeof(address->addr), address);
	return address;
}

static void forget(struct address_pool *pool, struct address *address)
{
	HASH_DEL(pool->addresses, address);
	free(address->owner);
	free(address);
}

static void warm(struct address_pool *pool, struct address *address)
{
	DL_DELETE(pool->cooling, address);
	pool->cooling_count--;
}

static void cool(struct address_pool *pool, struct address *address)
{
	struct address *coolest = pool->cooling;

	free(address->owner);
	address->owner = NULL;
	DL_APPEND(pool->cooling, address);
	if (++pool->cooling_count > COOLING_MAX) {
		warm(pool, coolest);
		forget(pool, coolest);
	}
}

struct address_pool *address_pool_new(const struct prefix *cidr)
{
	struct address_pool *pool = xnew(struct address_pool);
	unsigned host_bits = ADDR_BITS - cidr->bits;

	pool->cidr = *cidr;
	/* As many as a number can count: of a /64 nobody sees the end. */
	pool->size = (UINT64_C(1) << (host_bits < 63 ? host_bits : 63)) - 2;
	pool->next = ROUTER_OFFSET + 1;
	pool->router = addr_add(&cidr->addr, ROUTER_OFFSET);
	add(pool, &pool->router)->owner = xstrdup(ROUTER_OWNER);
	return pool;
}

void address_pool_free(struct address_pool *pool)
{
	struct address *address, *following;

	if (!pool)
		return;
	HASH_ITER (hh, pool->addresses, address, following) {
		forget(pool, address);
	}
	free(pool);
}

const struct prefix *address_pool_cidr(const struct address_pool *pool)
{
	return &pool->cidr;
}

const struct addr *address_pool_router(const struct address_pool *pool)
{
	return &pool->router;
}

/* There is one, so the walk ends. */
static struct address *take_unused(struct address_pool *pool)
{
	for (;;) {
		struct addr addr = addr_add(&pool->cidr.addr, pool->next);

		pool->next = pool->next == pool->size ? 1 : pool->next + 1;
		if (!find(pool, &addr))
			return add(pool, &addr);
	}
}

int address_pool_allocate(struct address_pool *pool, const char *owner, struct addr *ret, struct error *error)
{
	struct address *address = pool->cooling;
	char text[PREFIX_TEXT_MAX];

	if (HASH_COUNT(pool->addresses) < pool->size)
		address = take_unused(pool);
	else if (address)
		warm(pool, address);
	else
		return error_set(
			error, -ENOSPC,
			"all %llu addresses of %s are in use: remove endpoints, or give the node a larger CIDR",
			(unsigned long long)pool->size - 1, prefix_format(&pool->cidr, text));
	address->owner = xstrdup(owner);
	*ret = address->addr;
	return 0;
}

/* Where in the CIDR; wrapped in one of more than 2^64 addresses. */
static uint64_t offset_of(const struct address_pool *pool, const struct addr *addr)
{
	return be64toh(addr->quad[1]) - be64toh(pool->cidr.addr.quad[1]);
}

static int check(const struct address_pool *pool, const struct addr *addr, struct error *error)
{
	char text[ADDR_TEXT_MAX], cidr_text[PREFIX_TEXT_MAX];
	struct addr last = addr_add(&pool->cidr.addr, pool->size + 1);

	if (!prefix_contains(&pool->cidr, addr))
		return error_set(error, -EINVAL, "%s lies outside of this node's pod CIDR %s", addr_format(addr, text),
		                 prefix_format(&pool->cidr, cidr_text));
	if (addr_equal(addr, &pool->cidr.addr) || addr_equal(addr, &last))
		return error_set(error, -EINVAL, "%s is the first or last address of %s, which no endpoint can have",
		                 addr_format(addr, text), prefix_format(&pool->cidr, cidr_text));
	return 0;
}

int address_pool_claim(struct address_pool *pool, const struct addr *addr, const char *owner, struct error *error)
{
	struct address *address = find(pool, addr);
	uint64_t offset = offset_of(pool, addr);
	char text[ADDR_TEXT_MAX];
	int result = check(pool, addr, error);

	if (result < 0)
		return result;
	if (address && address->owner && !strcmp(address->owner, owner))
		return 0;
	if (address && address->owner)
		return error_set(error, -EEXIST, "%s belongs to %s already", addr_format(addr, text), address->owner);
	if (address)
		warm(pool, address);
	else
		address = add(pool, addr);
	address->owner = xstrdup(owner);

	/* After a restart go on behind what was given before it: what was released then is not remembered. */
	if (offset >= pool->next && offset <= pool->size)
		pool->next = offset == pool->size ? 1 : offset + 1;
	return 0;
}

void address_pool_release(struct address_pool *pool, const struct addr *addr)
{
	struct address *address = find(pool, addr);

	if (address && address->owner && !addr_equal(addr, &pool->router))
		cool(pool, address);
}

static int compare(const void *a, const void *b)
{
	return addr_compare(&(*(struct address *const *)a)->addr, &(*(struct address *const *)b)->addr);
}

/* Fills `sorted`, which has room for all, and returns how many are in use. */
static size_t sort_used(const struct address_pool *pool, const struct address **sorted)
{
	const struct address *address;
	size_t count = 0;

	for (address = pool->addresses; address; address = address->hh.next)
		if (address->owner)
			sorted[count++] = address;
	qsort(sorted, count, sizeof(*sorted), compare);
	return count;
}

void address_pool_show(const struct address_pool *pool, json_t *pools, json_t *allocations)
{
	_cleanup_free_ const struct address **sorted = xcalloc(HASH_COUNT(pool->addresses), sizeof(*sorted));
	size_t count = sort_used(pool, sorted);
	char text[PREFIX_TEXT_MAX];

	json_array_append_new(pools,
	                      json_pack("{s:s, s:s, s:I, s:I}", "family", prefix_is_v4(&pool->cidr) ? "IPv4" : "IPv6",
	                                "cidr", prefix_format(&pool->cidr, text), "allocated", (json_int_t)count,
	                                "size", (json_int_t)pool->size));
	for (size_t i = 0; i < count; i++)
		json_array_append_new(allocations,
		                      json_pack("{s:s, s:s}", "address", addr_format(&sorted[i]->addr, text), "owner",
		                                sorted[i]->owner));
}
