/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of TCP.
 */
#ifndef PILUS_TOOLS_RUNTIME_TCP_H
#define PILUS_TOOLS_RUNTIME_TCP_H

#include <stdint.h>
#include <stdio.h>

#include "abi/trace.h"
#include "runtime/tool.h"

/* "ESTABLISHED" */
const char *tcp_state_name(uint8_t state);

/* "10.0.0.1:80" */
void tcp_end_write(const struct addr *addr, uint16_t port, FILE *out);

/* What runtime/bpf/connections.h has counted, the most first. */
void tcp_report_counts(const struct run *run, const char *title);

#endif
