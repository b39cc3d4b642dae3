/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of what answers from the loop, in a folder of their own: setup and teardown, and waiting for a condition.
 */
#ifndef PILUS_TESTS_LOOP_H
#define PILUS_TESTS_LOOP_H

#include "unit.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define LOOP_DEADLINE_MS 10000
#define LOOP_TICK_MS     2

static uv_loop_t loop;
static char folder[64];

static inline int loop_setup(void **state)
{
	strcpy(folder, "/tmp/pilus-unit-XXXXXX");
	return mkdtemp(folder) ? uv_loop_init(&loop) : -1;
}

static inline int loop_remove_one(const char *path, const struct stat *status, int flag, struct FTW *where)
{
	return remove(path);
}

static inline int folder_remove(const char *path)
{
	return nftw(path, loop_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void loop_tick(uv_timer_t *timer)
{
	++*(unsigned *)timer->data;
}

/* Runs the loop to its end. A test that failed on its way has left handles open, with which there is none: then this
 * fails after the deadline, and says which. */
static inline int loop_teardown(void **state)
{
	unsigned ticks = 0;
	uv_timer_t ticker = {.data = &ticks};
	bool ended;

	uv_timer_init(&loop, &ticker);
	uv_timer_start(&ticker, loop_tick, LOOP_TICK_MS, LOOP_TICK_MS);
	uv_unref((uv_handle_t *)&ticker);
	while (uv_loop_alive(&loop) && ticks < LOOP_DEADLINE_MS / LOOP_TICK_MS)
		uv_run(&loop, UV_RUN_ONCE);
	ended = !uv_loop_alive(&loop);
	uv_close((uv_handle_t *)&ticker, NULL);
	uv_run(&loop, UV_RUN_NOWAIT);
	if (!ended)
		uv_print_active_handles(&loop, stderr);
	return folder_remove(folder) || !ended || uv_loop_close(&loop);
}

/* Runs the loop until the condition holds; fails the test after the deadline. The ticks end a turn of the loop that
 * made the condition true before it went to sleep. */
#define assert_eventually(condition)                                                    \
	do {                                                                            \
		unsigned ticks_ = 0;                                                    \
		uv_timer_t ticker_ = {.data = &ticks_};                                 \
                                                                                        \
		uv_timer_init(&loop, &ticker_);                                         \
		uv_timer_start(&ticker_, loop_tick, LOOP_TICK_MS, LOOP_TICK_MS);        \
		while (!(condition) && ticks_ < LOOP_DEADLINE_MS / LOOP_TICK_MS)        \
			uv_run(&loop, UV_RUN_ONCE);                                     \
		uv_close((uv_handle_t *)&ticker_, NULL);                                \
		uv_run(&loop, UV_RUN_NOWAIT);                                           \
		if (!(condition))                                                       \
			fail_msg("not within %d ms: %s", LOOP_DEADLINE_MS, #condition); \
	} while (0)

#endif
