/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the noun `trace`, each a file.
 */
#ifndef PILUS_CLI_TRACE_H
#define PILUS_CLI_TRACE_H

#include "cli/cli.h"

extern const struct cli_option TRACE_RUN_OPTIONS[];
int trace_run(struct cli *cli, struct error *error);

extern const struct cli_option TRACE_LIST_OPTIONS[];
int trace_list(struct cli *cli, struct error *error);

/* Becomes bpftool, with these words; returns only when it is not there: `what` it would have shown. */
int trace_dump(const char *what, const char *const *words, struct error *error);

extern const struct command TRACE_PROG_VERBS[], TRACE_MAP_VERBS[];

#endif
