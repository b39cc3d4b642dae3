/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the noun `trace`, each a file.
 */
#ifndef PILUS_CLI_TRACE_H
#define PILUS_CLI_TRACE_H

#include "cli/cli.h"

extern const struct cli_option TRACE_RUN_OPTIONS[];
int trace_run(struct cli *cli, struct error *error);

#endif
