/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time: CLOCK_MONOTONIC in ns, as the BPF programs stamp it, and wall time for people (RFC 3339, UTC).
 */
#ifndef PILUS_BASE_CLOCK_H
#define PILUS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SECOND  UINT64_C(1000000000)
#define NS_PER_MS      UINT64_C(1000000)
#define CLOCK_TEXT_MAX 32

uint64_t clock_now(void);

/* "2026-11-22T11:09:06Z" */
const char *clock_format(time_t when, char text[static CLOCK_TEXT_MAX]);

#endif
