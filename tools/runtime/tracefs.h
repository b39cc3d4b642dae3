/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's tracepoints have their numbers in tracefs, which is not mounted everywhere.
 */
#ifndef PILUS_TOOLS_RUNTIME_TRACEFS_H
#define PILUS_TOOLS_RUNTIME_TRACEFS_H

#include "base/error.h"

#define TRACEFS "/sys/kernel/tracing"

/* Where it is not mounted, it is for this process alone, in a mount namespace of its own. Needs privileges then. */
int tracefs_provide(struct error *error);

#endif
