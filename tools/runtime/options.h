/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options: those that every tool has, and its own, as the command line's tables; and what they mean.
 */
#ifndef PILUS_TOOLS_RUNTIME_OPTIONS_H
#define PILUS_TOOLS_RUNTIME_OPTIONS_H

#include "runtime/tool.h"

/* The tool's own options, then the common ones that make sense for it. The caller frees the table. */
struct cli_option *options_of(const struct tool *tool);

/* Fills in the run's filter, limits and form of output; resolves users, cgroups, containers and pods. */
int options_take(struct run *run, struct error *error);

/* Those of the tool that are variables of its BPF file; between opening and loading it. */
int options_set_variables(struct run *run, struct error *error);

#endif
