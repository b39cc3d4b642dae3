/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of histograms, as BCC draws them, or the numbers as JSON.
 */
#ifndef PILUS_TOOLS_RUNTIME_HISTOGRAM_H
#define PILUS_TOOLS_RUNTIME_HISTOGRAM_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "abi/trace.h"

/* By powers of two. `unit`: "usecs"; `lowest` is what one count of the first slot's unit means, in JSON only. */
void histogram_print_log2(const struct trace_histogram *histogram, const char *unit, FILE *out);

/* Slots of one width, from 0. */
void histogram_print_linear(const struct trace_histogram *histogram, const char *unit, unsigned width, FILE *out);

/* How many values it has counted. */
uint64_t histogram_count(const struct trace_histogram *histogram);

/* [{"from": 4, "to": 7, "count": 12}, …], without empty slots. */
json_t *histogram_json(const struct trace_histogram *histogram);

#endif
