/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command says, in a file: the command itself in the first line, then its output and its errors, without
 * secrets (redact.h), and at the end how it ended if not well. No command can hold this up for long.
 */
#ifndef PILUS_CLI_CAPTURE_H
#define PILUS_CLI_CAPTURE_H

#include "base/error.h"

/* `program` is looked for in PATH; argv ends with NULL and is what the first line says. */
int capture(int folder, const char *file, const char *program, const char *const *argv, struct error *error);

#endif
