/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom new connections get: the rules of choosing, and the tables that are drawn from.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/flow.h"
#include "base/memory.h"
#include "service/choose.h"
#include "service/slots.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct candidate candidate(unsigned number, enum backend_state state, unsigned place)
{
	return (struct candidate){.addr = addr_from_v4(__builtin_bswap32(0x0a010000 + number)),
	                          .port = 80,
	                          .protocol = PROTOCOL_TCP,
	                          .weight = 1,
	                          .state = state,
	                          .place = place};
}

/* ── choosing ── */

#define MAX 4

static void test_choose(void **state)
{
	enum { NODE = BACKEND_ON_NODE, ZONE = BACKEND_IN_ZONE, HINT = BACKEND_HINTED };
	static const struct {
		const char *what;
		struct choice choice;
		unsigned states[MAX], places[MAX];
		const char *chosen; /* numbers */
	} cases[] = {
		{"those that are active", {}, {BACKEND_ACTIVE, BACKEND_QUARANTINED, BACKEND_TERMINATING}, {}, "03"},
		{"who leaves, if nobody else is left",
	         {},
	         {BACKEND_MAINTENANCE, BACKEND_TERMINATING, BACKEND_QUARANTINED, BACKEND_TERMINATING},
	         {},
	         "13"},
		{"nobody", {}, {1, 2, 2, 3}, {}, "0"},
		{"local only", {.local = true}, {}, {0, NODE, 0, NODE}, "13"},
		{"local only, and leaving", {.local = true}, {0, BACKEND_TERMINATING}, {0, NODE, 0, 0}, "1"},
		{"nobody local", {.local = true}, {}, {}, ""},
		{"the zone", {.preference = PREFER_ZONE}, {}, {ZONE, 0, ZONE | NODE, 0}, "02"},
		{"no zone has any", {.preference = PREFER_ZONE}, {}, {}, "0123"},
		{"the node", {.preference = PREFER_NODE}, {}, {ZONE, 0, ZONE | NODE, 0}, "2"},
		{"the zone, if not the node", {.preference = PREFER_NODE}, {}, {ZONE, 0, 0, 0}, "0"},
		{"no preference", {}, {}, {ZONE | NODE, 0, 0, 0}, "0123"},
		{"hints", {}, {}, {HINT | BACKEND_FOR_ZONE, HINT, HINT, HINT | BACKEND_FOR_ZONE}, "03"},
		{"hints on some only are none", {}, {}, {HINT | BACKEND_FOR_ZONE, HINT, 0, HINT}, "0123"},
		{"hints for others only are none", {}, {}, {HINT, HINT, HINT, HINT}, "0123"},
		{"hints for the node", {}, {}, {HINT | BACKEND_FOR_ZONE, HINT | BACKEND_FOR_NODE, HINT, HINT}, "1"},
		{"the zone's is not ready", {.preference = PREFER_ZONE}, {BACKEND_QUARANTINED}, {ZONE, 0, 0, 0}, "123"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct candidate candidates[MAX];
		char chosen[MAX + 1] = "";
		size_t count;

		for (unsigned c = 0; c < MAX; c++)
			candidates[c] = candidate(c, cases[i].states[c], cases[i].places[c]);
		count = candidates_choose(candidates, MAX, &cases[i].choice);
		for (size_t c = 0; c < count; c++)
			chosen[c] = (char)('0' + (candidates[c].addr.byte[15]));
		if (strcmp(chosen, cases[i].chosen) != 0)
			fail_msg("%s: %s, not %s", cases[i].what, chosen, cases[i].chosen);
	}
}

static void test_weight_of_nothing(void **state)
{
	struct candidate candidates[] = {candidate(0, BACKEND_ACTIVE, 0), candidate(1, BACKEND_ACTIVE, 0)};

	candidates[0].weight = 0;
	assert_int_equal(candidates_choose(candidates, 2, &(struct choice){}), 1);
	assert_int_equal(candidates[0].addr.byte[15], 1);
	assert_int_equal(candidates[1].addr.byte[15], 0);
}

/* ── by chance ── */

static void count_slots(const uint32_t *slots, uint32_t size, uint32_t *counts)
{
	for (uint32_t i = 0; i < size; i++)
		counts[slots[i]]++;
}

static void test_random(void **state)
{
	struct candidate candidates[] = {candidate(0, 0, 0), candidate(1, 0, 0), candidate(2, 0, 0)};
	static const struct {
		uint16_t weights[3];
		uint32_t slots[3];
	} cases[] = {
		{{1, 1, 1}, {1, 1, 1}},
		{{2, 4, 6}, {1, 2, 3}},
		{{65535, 1, 1}, {16383, 1, 1}},
		{{65534, 65532, 65530}, {5461, 5461, 5461}},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		_cleanup_free_ uint32_t *slots = NULL;
		uint32_t counts[3] = {}, size;

		for (size_t c = 0; c < 3; c++)
			candidates[c].weight = cases[i].weights[c];
		size = slots_random(candidates, 3, &slots);
		count_slots(slots, size, counts);
		assert_int_equal(size, cases[i].slots[0] + cases[i].slots[1] + cases[i].slots[2]);
		assert_memory_equal(counts, cases[i].slots, sizeof(counts));
	}
}

static void test_no_backends(void **state)
{
	_cleanup_free_ uint32_t *random = NULL, *maglev = NULL;

	assert_int_equal(slots_random(NULL, 0, &random), 0);
	assert_int_equal(slots_maglev(NULL, 0, 251, &maglev), 0);
}

/* ── by hash ── */

#define BACKENDS 50
#define SIZE     16381

static void make_backends(struct candidate candidates[BACKENDS])
{
	for (unsigned i = 0; i < BACKENDS; i++)
		candidates[i] = candidate(i, 0, 0);
}

static void test_maglev_is_even(void **state)
{
	_cleanup_free_ uint32_t *slots = NULL;
	struct candidate candidates[BACKENDS];
	uint32_t counts[BACKENDS] = {};

	make_backends(candidates);
	assert_int_equal(slots_maglev(candidates, BACKENDS, SIZE, &slots), SIZE);
	count_slots(slots, SIZE, counts);
	for (unsigned i = 0; i < BACKENDS; i++)
		assert_in_range(counts[i], SIZE / BACKENDS, SIZE / BACKENDS + 1);
}

static void test_maglev_weights(void **state)
{
	_cleanup_free_ uint32_t *slots = NULL;
	struct candidate candidates[BACKENDS];
	uint32_t counts[BACKENDS] = {};

	make_backends(candidates);
	candidates[7].weight = 3;
	slots_maglev(candidates, BACKENDS, SIZE, &slots);
	count_slots(slots, SIZE, counts);
	assert_in_range(counts[7], SIZE * 3 / 52 - 3, SIZE * 3 / 52 + 3);
	assert_in_range(counts[8], SIZE / 52 - 1, SIZE / 52 + 1);
}

/* All nodes see the same backends, each in an order of its own. */
static void test_maglev_knows_no_order(void **state)
{
	_cleanup_free_ uint32_t *forwards = NULL, *backwards = NULL;
	struct candidate candidates[BACKENDS], reversed[BACKENDS];

	make_backends(candidates);
	for (unsigned i = 0; i < BACKENDS; i++)
		reversed[i] = candidates[BACKENDS - 1 - i];
	slots_maglev(candidates, BACKENDS, SIZE, &forwards);
	slots_maglev(reversed, BACKENDS, SIZE, &backwards);
	for (unsigned i = 0; i < SIZE; i++)
		assert_int_equal(forwards[i], BACKENDS - 1 - backwards[i]);
}

/* At most 2/N of the flows go elsewhere when one of N backends goes or comes: 1/N have to. */
static void test_maglev_disruption(void **state)
{
	_cleanup_free_ uint32_t *before = NULL;
	struct candidate candidates[BACKENDS];

	make_backends(candidates);
	slots_maglev(candidates, BACKENDS, SIZE, &before);
	for (unsigned gone = 0; gone < BACKENDS; gone++) {
		_cleanup_free_ uint32_t *after = NULL;
		struct candidate left[BACKENDS];
		uint32_t moved = 0;

		memcpy(left, candidates, sizeof(left));
		left[gone] = candidates[BACKENDS - 1];
		slots_maglev(left, BACKENDS - 1, SIZE, &after);
		for (unsigned i = 0; i < SIZE; i++)
			moved += !addr_equal(&left[after[i]].addr, &candidates[before[i]].addr);
		assert_in_range(moved, SIZE / BACKENDS, SIZE * 2 / BACKENDS);
	}
}

static void test_maglev_sizes(void **state)
{
	assert_true(maglev_size_is_valid(251));
	assert_true(maglev_size_is_valid(131071));
	assert_false(maglev_size_is_valid(0));
	assert_false(maglev_size_is_valid(16384));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_weight_of_nothing),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_no_backends),
		cmocka_unit_test(test_maglev_is_even),
		cmocka_unit_test(test_maglev_weights),
		cmocka_unit_test(test_maglev_knows_no_order),
		cmocka_unit_test(test_maglev_disruption),
		cmocka_unit_test(test_maglev_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
