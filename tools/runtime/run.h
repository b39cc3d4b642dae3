/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool at work.
 */
#ifndef PILUS_TOOLS_RUNTIME_RUN_H
#define PILUS_TOOLS_RUNTIME_RUN_H

#include "runtime/tool.h"

/* From the command line to the end, which is Ctrl-C, a limit that was asked for, or the end of the process looked at.
 */
int run_tool(const struct tool *tool, const struct cli *cli, struct error *error);

#endif
