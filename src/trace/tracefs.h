/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's trace file system, wherever it is: mounted, or, where nobody has, through a mount of this process's own
 * that appears nowhere and ends with it.
 */
#ifndef PILUS_TRACE_TRACEFS_H
#define PILUS_TRACE_TRACEFS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* The folder, opened once for the process and not to be closed; or −errno with a sentence. */
int tracefs_folder(struct error *error);

/* Reads "events/sched/sched_switch/format"; the caller frees *ret. -ENOENT without a sentence: there is none. */
int tracefs_read(const char *path, char **ret, struct error *error);

/* Attaches a program to a tracepoint; it is told `cookie`. The caller destroys the link. -ENOENT: there is no such
 * tracepoint. libbpf would find it only where tracefs is mounted. */
int tracefs_attach(struct bpf_program *program, const char *category, const char *name, uint64_t cookie,
                   struct bpf_link **ret, struct error *error);

bool tracefs_has_event(const char *category, const char *name);

#endif
