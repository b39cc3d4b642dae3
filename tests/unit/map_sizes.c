/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the maps are made on machines of all sizes.
 */
#include "unit.h"

#include "agent/map_sizes.h"

#define MIB (UINT64_C(1) << 20)

static uint32_t flows(enum profile profile, uint32_t asked, uint64_t memory)
{
	const struct config config = {.profile = profile, .flow_table_size = asked};

	return map_sizes_choose(&config, memory).flows;
}

static void test_flows_follow_the_memory(void **state)
{
	static const struct {
		uint64_t mib;
		uint32_t flows;
	} machines[] = {{0, 16384},      {512, 16384},    {1900, 16384},   {3900, 32768},    {7900, 65536},
	                {15900, 131072}, {24105, 131072}, {64000, 524288}, {1 << 20, 524288}};

	for (size_t i = 0; i < sizeof(machines) / sizeof(*machines); i++)
		assert_int_equal(flows(PROFILE_DEFAULT, 0, machines[i].mib * MIB), machines[i].flows);
}

static void test_the_edge_is_small_wherever_it_is(void **state)
{
	const struct config edge = {.profile = PROFILE_EDGE};
	struct map_sizes sizes = map_sizes_choose(&edge, 64000 * MIB);

	assert_int_equal(sizes.flows, 16384);
	assert_int_equal(sizes.nat, 8192);
	assert_int_equal(sizes.service_nat, 1);
	sizes = map_sizes_choose(&(struct config){.profile = PROFILE_EDGE, .kube_proxy_replacement = true},
	                         64000 * MIB);
	assert_int_equal(sizes.nat + sizes.service_nat, 8192);
	assert_int_equal(sizes.ipcache, 32768);
	assert_int_equal(sizes.services, 4096);
	assert_int_equal(sizes.backends, 8192);
	assert_int_equal(sizes.socket_peers, 2048);
	assert_int_equal(map_sizes_choose(&(struct config){}, 64000 * MIB).ipcache, 0);
	assert_int_equal(map_sizes_choose(&(struct config){}, 24105 * MIB).backends, 131072);
}

static void test_what_is_asked_for_wins(void **state)
{
	assert_int_equal(flows(PROFILE_DEFAULT, 1000, 64000 * MIB), 1000);
	assert_int_equal(flows(PROFILE_EDGE, 300000, 64000 * MIB), 300000);
}

static void test_this_machine_has_memory(void **state)
{
	assert_true(map_sizes_memory() > 64 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flows_follow_the_memory),
		cmocka_unit_test(test_the_edge_is_small_wherever_it_is),
		cmocka_unit_test(test_what_is_asked_for_wins),
		cmocka_unit_test(test_this_machine_has_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
