/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When flows are looked through, and that the end of the agent waits for a walk under way. The table is the test's own.
 */
#include "loop.h"

#include <semaphore.h>

#include "agent/flow_aging.h"

static struct maps maps;
static sem_t may_end;
static int walks;

int __wrap_flow_table_age(const struct maps *of, const struct flow_timeouts *timeouts, uint64_t now,
                          uint32_t *ret_removed, uint32_t *ret_kept)
{
	assert_ptr_equal(of, &maps);
	assert_int_equal(timeouts->other, 7);
	sem_wait(&may_end);
	walks++;
	*ret_removed = 1;
	*ret_kept = 0;
	return 0;
}

static int nat_walks;

int __wrap_nat_table_age(const struct maps *of, const struct flow_timeouts *timeouts, bool flows_lost, uint64_t now,
                         uint32_t *ret_removed)
{
	assert_ptr_equal(of, &maps);
	assert_int_equal(timeouts->other, 7);
	nat_walks++;
	*ret_removed = 0;
	return 0;
}

static void test_a_crowded_table_is_looked_at_sooner(void **state)
{
	assert_int_equal(flow_aging_period(0, 1000), 10000);
	assert_int_equal(flow_aging_period(750, 1000), 10000);
	assert_true(flow_aging_period(751, 1000) <= 1000);
	assert_true(flow_aging_period(131072, 131072) <= 1000);
}

static void test_an_end_before_the_first_walk(void **state)
{
	const struct flow_timeouts timeouts = {.other = 7};

	flow_aging_free(flow_aging_new(&loop, &maps, &timeouts, 1000));
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(walks, 0);
	flow_aging_free(NULL);
}

static void test_an_end_during_a_walk_waits_for_it(void **state)
{
	const struct flow_timeouts timeouts = {.other = 7};
	struct flow_aging *aging = flow_aging_new(&loop, &maps, &timeouts, 1000);

	flow_aging_look(aging);
	uv_run(&loop, UV_RUN_NOWAIT);
	flow_aging_free(aging);
	sem_post(&may_end);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(walks, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_crowded_table_is_looked_at_sooner),
		cmocka_unit_test_setup_teardown(test_an_end_before_the_first_walk, loop_setup, loop_teardown),
		cmocka_unit_test_setup_teardown(test_an_end_during_a_walk_waits_for_it, loop_setup, loop_teardown),
	};

	sem_init(&may_end, 0, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
