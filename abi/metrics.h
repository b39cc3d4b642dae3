/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * pilus_metrics: per-CPU array, packets and bytes per reason and direction. Written by the programs, summed by readers.
 * Index: metric_index(). Reason 0 is "forwarded", and METRIC_ACCELERATED is how many of these XDP has sent on;
 * METRIC_SHORT_CUT counts messages that went from socket to socket, METRIC_EVENTS_LOST events that found the ring
 * buffer full. The others are enum drop_reason.
 */
#ifndef PILUS_ABI_METRICS_H
#define PILUS_ABI_METRICS_H

#include "types.h"

enum metric_direction {
	METRIC_INGRESS, /* towards an endpoint of this node */
	METRIC_EGRESS,  /* away from one */
	METRIC_DIRECTIONS,
};

#define METRIC_FORWARDED   0
#define METRIC_SHORT_CUT   253
#define METRIC_ACCELERATED 254
#define METRIC_EVENTS_LOST 255
#define METRIC_REASONS     256
#define METRIC_COUNT       (METRIC_REASONS * METRIC_DIRECTIONS)

struct metric {
	__u64 packets;
	__u64 bytes;
};
ABI_ASSERT_SIZE(struct metric, 16);

static inline __attribute__((always_inline)) __u32 metric_index(__u8 reason, enum metric_direction direction)
{
	return reason * METRIC_DIRECTIONS + direction;
}

static inline __attribute__((always_inline)) _Bool metric_is_drop(__u8 reason)
{
	return reason != METRIC_FORWARDED && reason != METRIC_ACCELERATED && reason != METRIC_SHORT_CUT &&
	       reason != METRIC_EVENTS_LOST;
}

#endif
