/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own types as C, from its BTF: of all its thousands, those that a text names and what leads from one to
 * another, each with the members that the text names and padding for the rest. So the header stays small and every
 * place is right for the kernel that runs.
 */
#ifndef PILUS_TRACE_KERNEL_TYPES_H
#define PILUS_TRACE_KERNEL_TYPES_H

#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"

/* Writes the types that `text` needs and that neither it nor `before` (what will stand before it) defines. *ret_any:
 * there were some. */
int kernel_types_write(const char *text, const char *before, FILE *out, bool *ret_any, struct error *error);

#endif
