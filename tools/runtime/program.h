/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF half of a tool: opened, told what to look for, loaded and attached, by the first way that works here.
 */
#ifndef PILUS_TOOLS_RUNTIME_PROGRAM_H
#define PILUS_TOOLS_RUNTIME_PROGRAM_H

#include "runtime/tool.h"

/* From nothing to attached, or an error with words and nothing left. Ended by program_unload. */
int program_load(struct run *run, struct error *error);

/* Detaches; maps stay readable until program_unload. */
void program_detach(struct run *run);
void program_unload(struct run *run);

#endif
