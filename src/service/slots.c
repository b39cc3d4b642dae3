/* SPDX-License-Identifier: Apache-2.0 */
#include "service/slots.h"

#include <string.h>
#include <xxhash.h>

#include "base/cleanup.h"
#include "base/memory.h"

bool maglev_size_is_valid(uint32_t size)
{
#define X(prime) || size == (prime)
	return false MAGLEV_SIZES(X);
#undef X
}

/* ── by chance ── */

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* As many slots as the weight says, in the smallest numbers that keep the proportions; rounded, but at least one, where
 * these are too large still. */
static uint32_t share_of(uint16_t weight, uint32_t divisor, uint64_t total)
{
	uint64_t share = weight / divisor;

	if (total > SLOTS_RANDOM_MAX)
		share = share * SLOTS_RANDOM_MAX / total;
	return share ? (uint32_t)share : 1;
}

uint32_t slots_random(const struct candidate *backends, size_t count, uint32_t **ret)
{
	uint32_t divisor = 0, used = 0;
	uint64_t total = 0;

	for (size_t i = 0; i < count; i++)
		divisor = greatest_common_divisor(divisor, backends[i].weight);
	divisor = divisor ?: 1; /* no backends */
	for (size_t i = 0; i < count; i++)
		total += backends[i].weight / divisor;
	*ret = xcalloc(total <= SLOTS_RANDOM_MAX ? total ?: 1 : SLOTS_RANDOM_MAX + count, sizeof(**ret));
	for (size_t i = 0; i < count; i++) {
		uint32_t share = share_of(backends[i].weight, divisor, total);

		for (uint32_t slot = 0; slot < share; slot++)
			(*ret)[used++] = (uint32_t)i;
	}
	return used;
}

/* ── by hash ── */

/* A backend's way through all slots: it wants `next`, and `skip` further on, round and round. */
struct permutation {
	uint32_t index, next, skip;
	uint32_t turns; /* it has saved up, in weights */
	uint64_t rank;
};

/* Of what the backend is, not of its number or place: so that all nodes have the same table. */
static struct permutation permutation_of(const struct candidate *backend, uint32_t index, uint32_t size)
{
	struct {
		struct addr addr;
		uint16_t port;
		uint16_t protocol;
		uint32_t reserved;
	} name = {.addr = backend->addr, .port = backend->port, .protocol = backend->protocol};
	uint64_t first = XXH64(&name, sizeof(name), 0), second = XXH64(&name, sizeof(name), 1);

	return (struct permutation){
		.index = index, .next = first % size, .skip = second % (size - 1) + 1, .rank = first};
}

static int compare_ranks(const void *a, const void *b)
{
	const struct permutation *left = a, *right = b;

	return left->rank < right->rank ? -1 : left->rank > right->rank;
}

static void take_slot(struct permutation *permutation, uint32_t *slots, uint32_t size)
{
	while (slots[permutation->next] != UINT32_MAX)
		permutation->next = (permutation->next + permutation->skip) % size;
	slots[permutation->next] = permutation->index;
}

/* The heaviest take one slot a round, the others one in as many rounds as they are lighter. */
static void fill(struct permutation *permutations, const struct candidate *backends, size_t count, uint32_t *slots,
                 uint32_t size)
{
	uint32_t heaviest = 0, taken = 0;

	for (size_t i = 0; i < count; i++)
		heaviest = backends[i].weight > heaviest ? backends[i].weight : heaviest;
	for (size_t i = 0; taken < size; i = i + 1 < count ? i + 1 : 0) {
		permutations[i].turns += backends[permutations[i].index].weight;
		if (permutations[i].turns < heaviest)
			continue;
		permutations[i].turns -= heaviest;
		take_slot(&permutations[i], slots, size);
		taken++;
	}
}

uint32_t slots_maglev(const struct candidate *backends, size_t count, uint32_t size, uint32_t **ret)
{
	_cleanup_free_ struct permutation *permutations = xcalloc(count ?: 1, sizeof(*permutations));

	*ret = xcalloc(size, sizeof(**ret));
	if (!count)
		return 0;
	for (size_t i = 0; i < count; i++)
		permutations[i] = permutation_of(&backends[i], (uint32_t)i, size);
	qsort(permutations, count, sizeof(*permutations), compare_ranks);
	memset(*ret, 0xff, size * sizeof(**ret));
	fill(permutations, backends, count, *ret, size);
	return size;
}
