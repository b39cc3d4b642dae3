/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manual page pilus-trace(1), made of the tools' tables when the project is built.
 */
#ifndef PILUS_TOOLS_RUNTIME_MANUAL_H
#define PILUS_TOOLS_RUNTIME_MANUAL_H

#include <stdio.h>

void manual_write(FILE *out);

#endif
