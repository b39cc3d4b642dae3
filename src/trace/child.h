/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a program for its output.
 */
#ifndef PILUS_TRACE_CHILD_H
#define PILUS_TRACE_CHILD_H

#include <stddef.h>

#include "base/error.h"

/* Runs argv[0] in the folder, its standard input being `input` (NULL: empty), and waits. Its output and its words on
 * standard error are the caller's to free. Returns its exit status, 128 + N after signal N, or −errno. */
int child_run(const char *const argv[], const char *folder, const char *input, char **ret_output, size_t *ret_size,
              char **ret_words, struct error *error);

#endif
