/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a BPF program's time goes: samples of the kernel's CPU clock, taken while this thread runs the program, sorted
 * by the source line the program was at and the kernel function it had called from there. Needs no hardware counters.
 */
#ifndef PILUS_BENCH_PROFILE_H
#define PILUS_BENCH_PROFILE_H

#include <jansson.h>

struct profile;

int profile_open(int program_fd, struct profile **ret);
void profile_free(struct profile *profile);

/* Between begin and end, collect often: what does not fit into the kernel's buffer is lost. */
void profile_begin(struct profile *profile);
void profile_collect(struct profile *profile);
void profile_end(struct profile *profile);

/* [{"file", "line", "callee": name|null, "samples"}…] */
json_t *profile_lines(struct profile *profile);

#endif
