/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tables are the program's own, and which are streams.
 */
#ifndef PILUS_TRACE_TABLE_H
#define PILUS_TRACE_TABLE_H

#include <bpf/libbpf.h>
#include <stdbool.h>

#define TABLE_NAME_(name) #name
#define TABLE_NAME(name)  TABLE_NAME_(name)
#define LINES_MAP_NAME    TABLE_NAME(TRACE_LINES_MAP)

bool table_is_stream(enum bpf_map_type type);

/* Made by libpilus or the compiler. */
bool table_is_private(const struct bpf_map *map);

#endif
