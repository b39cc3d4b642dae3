/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/identity_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Where it is, or would be. */
static size_t place_of(const struct identity_set *set, uint32_t number)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->numbers[middle] < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct identity_set *set, size_t place, uint32_t number)
{
	return place < set->count && set->numbers[place] == number;
}

bool identity_set_add(struct identity_set *set, uint32_t number)
{
	size_t place = place_of(set, number);

	if (is_at(set, place, number))
		return false;
	if (set->count == set->room) {
		set->room = set->room ? set->room * 2 : 4;
		set->numbers = xrealloc(set->numbers, set->room * sizeof(*set->numbers));
	}
	memmove(&set->numbers[place + 1], &set->numbers[place], (set->count++ - place) * sizeof(*set->numbers));
	set->numbers[place] = number;
	return true;
}

bool identity_set_remove(struct identity_set *set, uint32_t number)
{
	size_t place = place_of(set, number);

	if (!is_at(set, place, number))
		return false;
	memmove(&set->numbers[place], &set->numbers[place + 1], (--set->count - place) * sizeof(*set->numbers));
	return true;
}

bool identity_set_has(const struct identity_set *set, uint32_t number)
{
	return is_at(set, place_of(set, number), number);
}

void identity_set_clear(struct identity_set *set)
{
	free(set->numbers);
	*set = (struct identity_set){};
}
