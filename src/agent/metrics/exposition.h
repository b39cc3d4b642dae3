/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as Prometheus reads them: the text format 0.0.4, written family by family.
 * (prometheus.io/docs/instrumenting/exposition_formats)
 */
#ifndef PILUS_AGENT_METRICS_EXPOSITION_H
#define PILUS_AGENT_METRICS_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

struct metric_label {
	const char *name, *value;
};

/* How often something took up to how long. Bounds are in seconds and the same for all. */
#define DURATION_BOUNDS 11
struct durations {
	uint64_t counts[DURATION_BOUNDS + 1]; /* of each bucket alone; the last: longer than all bounds */
	double sum;                           /* seconds */
};
void durations_add(struct durations *durations, double seconds);

/* What is being written. The family's name is borrowed. */
struct exposition {
	FILE *out;
	const char *family;
};

/* What follows, until the next family, are its samples. */
void exposition_family(struct exposition *exposition, const char *name, enum metric_type type, const char *help);

/* Labels' values may be any UTF-8. */
void exposition_sample(struct exposition *exposition, const struct metric_label *labels, size_t count, double value);
void exposition_durations(struct exposition *exposition, const struct metric_label *labels, size_t count,
                          const struct durations *durations);

/* exposition_sample with the labels written out: SAMPLE(out, 1, {"family", "ipv4"}); none: exposition_value. */
#define SAMPLE(exposition, value, ...)                                            \
	exposition_sample(exposition, (const struct metric_label[]){__VA_ARGS__}, \
	                  sizeof((const struct metric_label[]){__VA_ARGS__}) / sizeof(struct metric_label), value)

static inline void exposition_value(struct exposition *exposition, double value)
{
	exposition_sample(exposition, NULL, 0, value);
}

#endif
