/* SPDX-License-Identifier: Apache-2.0 */
#include "service/choose.h"

#include <string.h>

#include "base/memory.h"

typedef bool (*predicate)(const struct candidate *backend);

static bool is_active(const struct candidate *backend)
{
	return backend->state == BACKEND_ACTIVE && backend->weight;
}

static bool is_terminating(const struct candidate *backend)
{
	return backend->state == BACKEND_TERMINATING && backend->weight;
}

static bool is_on_node(const struct candidate *backend)
{
	return backend->place & BACKEND_ON_NODE;
}

static bool is_in_zone(const struct candidate *backend)
{
	return backend->place & BACKEND_IN_ZONE;
}

static bool is_hinted(const struct candidate *backend)
{
	return backend->place & BACKEND_HINTED;
}

static bool is_for_zone(const struct candidate *backend)
{
	return backend->place & BACKEND_FOR_ZONE;
}

static bool is_for_node(const struct candidate *backend)
{
	return backend->place & BACKEND_FOR_NODE;
}

static size_t count_of(const struct candidate *backends, size_t count, predicate holds)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += holds(&backends[i]);
	return found;
}

/* A stable partition. */
static size_t keep(struct candidate *backends, size_t count, predicate holds)
{
	_cleanup_free_ struct candidate *others = xcalloc(count ?: 1, sizeof(*others));
	size_t kept = 0, left = 0;

	for (size_t i = 0; i < count; i++) {
		if (holds(&backends[i]))
			backends[kept++] = backends[i];
		else
			others[left++] = backends[i];
	}
	memcpy(&backends[kept], others, left * sizeof(*others));
	return kept;
}

/* Keeps all where it would keep nobody. */
static size_t prefer(struct candidate *backends, size_t count, predicate holds)
{
	return keep(backends, count, holds) ?: count;
}

static size_t narrow(struct candidate *backends, size_t count, enum service_preference preference)
{
	bool hinted = count_of(backends, count, is_hinted) == count;
	predicate node = hinted ? is_for_node : is_on_node, zone = hinted ? is_for_zone : is_in_zone;
	size_t chosen;

	if (!hinted && preference == PREFER_NOBODY)
		return count;
	if (hinted || preference == PREFER_NODE) {
		chosen = keep(backends, count, node);
		if (chosen)
			return chosen;
	}
	return prefer(backends, count, zone);
}

size_t candidates_choose(struct candidate *backends, size_t count, const struct choice *choice)
{
	size_t reach = choice->local ? keep(backends, count, is_on_node) : count;
	size_t active = keep(backends, reach, is_active);

	if (!active)
		return keep(backends, reach, is_terminating);
	return choice->local ? active : narrow(backends, active, choice->preference);
}
