/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is copied of a map into the next one of its name. Needs root.
 */
#include "datapath/carry.h"

#include <errno.h>

#include "map_fakes.h"

struct value {
	uint64_t first, second;
};

static int old, new;

static int flows(size_t value_size, uint32_t entries)
{
	return map_fake(BPF_MAP_TYPE_LRU_HASH, sizeof(uint32_t), value_size, entries, 0);
}

static void put(int map, uint32_t key, uint64_t first, uint64_t second)
{
	assert_int_equal(bpf_map_update_elem(map, &key, &(struct value){first, second}, BPF_ANY), 0);
}

static void assert_has(int map, uint32_t key, uint64_t first, uint64_t second)
{
	struct value value = {};

	assert_int_equal(bpf_map_lookup_elem(map, &key, &value), 0);
	assert_int_equal(value.first, first);
	assert_int_equal(value.second, second);
}

static int close_maps(void **state)
{
	close(old);
	close(new);
	return 0;
}

static void what_is_there_already_stays(void **state)
{
	old = flows(sizeof(struct value), 1024);
	new = flows(sizeof(struct value), 1024);
	put(old, 1, 11, 12);
	put(old, 2, 21, 22);
	put(new, 2, 7, 8);
	assert_int_equal(carry_map(old, new), 0);
	assert_has(new, 1, 11, 12);
	assert_has(new, 2, 7, 8);
}

static void appended_fields_are_0(void **state)
{
	old = flows(sizeof(uint64_t), 1024);
	new = flows(sizeof(struct value), 1024);
	put(old, 1, 11, 12);
	assert_int_equal(carry_map(old, new), 0);
	assert_has(new, 1, 11, 0);
}

static void fields_that_went_are_left_out(void **state)
{
	old = flows(sizeof(struct value), 1024);
	new = flows(sizeof(uint64_t), 1024);
	put(old, 1, 11, 12);
	assert_int_equal(carry_map(old, new), 0);
	assert_has(new, 1, 11, 0);
}

static void what_has_no_room_is_left_out(void **state)
{
	uint32_t kept = 0;
	uint64_t value;

	old = flows(sizeof(uint64_t), 4096);
	new = flows(sizeof(uint64_t), 256);
	for (uint32_t key = 0; key < 1000; key++)
		put(old, key, key + 1, 0);
	assert_int_equal(carry_map(old, new), 0);
	for (uint32_t key = 0; key < 1000; key++)
		if (!bpf_map_lookup_elem(new, &key, &value)) {
			assert_int_equal(value, key + 1);
			kept++;
		}
	assert_in_range(kept, 1, 256);
}

static void other_keys_are_left_out(void **state)
{
	uint64_t key = 1;
	uint32_t next;

	old = map_fake(BPF_MAP_TYPE_LRU_HASH, sizeof(key), sizeof(uint64_t), 1024, 0);
	new = flows(sizeof(uint64_t), 1024);
	assert_int_equal(bpf_map_update_elem(old, &key, &key, BPF_ANY), 0);
	assert_int_equal(carry_map(old, new), 0);
	assert_int_equal(bpf_map_get_next_key(new, NULL, &next), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(what_is_there_already_stays, close_maps),
		cmocka_unit_test_teardown(appended_fields_are_0, close_maps),
		cmocka_unit_test_teardown(fields_that_went_are_left_out, close_maps),
		cmocka_unit_test_teardown(what_has_no_room_is_left_out, close_maps),
		cmocka_unit_test_teardown(other_keys_are_left_out, close_maps),
	};

	if (geteuid())
		return 77; /* skipped */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
