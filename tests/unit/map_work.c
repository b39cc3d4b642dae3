/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks of whole maps: done beside the loop, answered on it, and to nobody once their owner is gone. The maps are the
 * test's own.
 */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>

#include "agent/map_work.h"
#include "datapath/flow_table.h"

static struct maps maps;
static sem_t may_end;
static pthread_t walker;
static int answers;

int __wrap_maps_facts(const struct maps *of, int (*each)(const struct map_facts *facts, void *userdata), void *userdata)
{
	assert_ptr_equal(of, &maps);
	walker = pthread_self();
	sem_wait(&may_end);
	for (uint32_t i = 0; i < MAPS_COUNT; i++)
		each(&(struct map_facts){.name = "m", .entries = i}, userdata);
	return 0;
}

int __wrap_flow_table_flush(const struct maps *of, uint32_t *ret_removed)
{
	*ret_removed = 7;
	return -EPERM;
}

static void counted(void *owner, void *asker, const struct map_answer *answer)
{
	assert_ptr_equal(owner, &maps);
	assert_ptr_equal(asker, &answers);
	assert_int_equal(answer->result, 0);
	for (uint32_t i = 0; i < MAPS_COUNT; i++)
		assert_int_equal(answer->facts[i].entries, i);
	answers++;
}

static void flushed(void *owner, void *asker, const struct map_answer *answer)
{
	assert_null(owner);
	assert_null(asker);
	assert_int_equal(answer->result, -EPERM);
	assert_int_equal(answer->removed, 7);
	answers++;
}

static int setup(void **state)
{
	answers = 0;
	return sem_init(&may_end, 0, 0) || loop_setup(state);
}

static void test_the_loop_goes_on_meanwhile(void **state)
{
	struct map_work *work = map_work_new(&loop, &maps);

	map_work_count(work, counted, &maps, &answers);
	map_work_flush_flows(work, flushed, NULL, NULL);
	assert_eventually(answers == 1); /* the flush: the count is held up */
	sem_post(&may_end);
	assert_eventually(answers == 2);
	assert_false(pthread_equal(walker, pthread_self()));
	map_work_free(work);
}

static void test_nobody_is_told_after_the_end(void **state)
{
	struct map_work *work = map_work_new(&loop, &maps);

	map_work_count(work, counted, &maps, &answers);
	uv_run(&loop, UV_RUN_NOWAIT);
	map_work_free(work);
	sem_post(&may_end);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(answers, 0);
	map_work_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_the_loop_goes_on_meanwhile, setup, loop_teardown),
		cmocka_unit_test_setup_teardown(test_nobody_is_told_after_the_end, setup, loop_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
