/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every fuzz target includes: libFuzzer's interface. A target reads what comes from outside as the program would;
 * the sanitizers and its own assertions say what is wrong with that.
 */
#ifndef PILUS_TESTS_FUZZ_H
#define PILUS_TESTS_FUZZ_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must be true whatever comes in. */
#define must(condition)                                                                         \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			abort();                                                                \
		}                                                                               \
	} while (0)

/* Refused input is refused in words, one sentence. */
static inline void must_tell(int result, const struct error *error)
{
	if (!result)
		return;
	must(error->code);
	must(*error->message);
	must(!strchr(error->message, '\n'));
}

#endif
